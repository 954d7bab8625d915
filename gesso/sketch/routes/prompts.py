"""Prompts from their submission to their history: /prompt, /queue, /history, /interrupt, /free."""

import json
import logging
import uuid
from typing import Any

from aiohttp import web

from gesso.protocol.comfyui import parse_prompt_request, strip_secrets
from gesso.sketch.folders import Folders
from gesso.sketch.registry import object_info, validation_checks
from gesso.sketch.routes.bodies import InvalidRequest, json_body, json_object, query_number
from gesso.sketch.worker import Prompt, Worker
from gesso.workflows.catalog import Catalog
from gesso.workflows.validate import validate

logger = logging.getLogger(__name__)


class Prompts:
    """The routes that change the queue and tell what is in it."""

    def __init__(self, worker: Worker, folders: Folders) -> None:
        self._worker = worker
        self._folders = folders
        self._number: float = 0

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/prompt", self.remaining),
            web.post("/prompt", self.submit),
            web.get("/queue", self.queue),
            web.post("/queue", self.change_queue),
            web.get("/history", self.history),
            web.post("/history", self.change_history),
            web.get("/history/{prompt_id}", self.finished),
            web.post("/interrupt", self.interrupt),
            web.post("/free", self.free),
        ]

    async def remaining(self, request: web.Request) -> web.Response:
        return web.json_response(self._worker.status())

    async def submit(self, request: web.Request) -> web.Response:
        """POST /prompt.

        Different from ComfyUI 0.3.64 on purpose: what it answers with 500 and a plain text (a body that is
        not JSON, say) is refused with 400 as other prompts are, and so is what it takes and does not survive.
        """
        body = await json_body(request)
        number = self._number
        if not isinstance(body, dict) or body.get("number") is None:
            self._number += 1  # refused prompts use up a number as well
        wanted = parse_prompt_request(body)
        valid = validate(
            wanted.prompt,
            Catalog(object_info(self._folders)),
            wanted.targets,
            checks=validation_checks(self._folders),
        )
        extra_data = strip_secrets(wanted.extra_data)
        if wanted.client_id is not None:
            extra_data["client_id"] = wanted.client_id
        if wanted.number is not None:
            number = wanted.number
        elif wanted.front:
            number = -number
        prompt = Prompt(
            number=number,
            prompt_id=wanted.prompt_id if wanted.prompt_id is not None else str(uuid.uuid4()),
            prompt=valid.prompt,
            extra_data=extra_data,
            outputs=valid.outputs,
        )
        self._worker.put(prompt)
        logger.info("got prompt %s", prompt.prompt_id)
        return web.json_response(
            {"prompt_id": prompt.prompt_id, "number": number, "node_errors": valid.node_errors}
        )

    async def queue(self, request: web.Request) -> web.Response:
        running, pending = self._worker.queue()
        return web.json_response({"queue_running": running, "queue_pending": pending})

    async def change_queue(self, request: web.Request) -> web.Response:
        body = await json_object(request)
        delete = _ids(body)
        if body.get("clear"):
            self._worker.clear()
        for prompt_id in delete:
            self._worker.delete(prompt_id)
        return web.Response(status=200)

    async def history(self, request: web.Request) -> web.Response:
        offset = query_number(request, "offset")
        found = self._worker.history(
            max_items=query_number(request, "max_items"), offset=-1 if offset is None else offset
        )
        return web.json_response(found)

    async def finished(self, request: web.Request) -> web.Response:
        return web.json_response(self._worker.finished(request.match_info["prompt_id"]))

    async def change_history(self, request: web.Request) -> web.Response:
        body = await json_object(request)
        delete = _ids(body)
        if body.get("clear"):
            self._worker.clear_history()
        for prompt_id in delete:
            self._worker.delete_history(prompt_id)
        return web.Response(status=200)

    async def interrupt(self, request: web.Request) -> web.Response:
        """Without a readable prompt_id: whatever is running, as in ComfyUI."""
        try:
            body = json.loads(await request.read())
        except (ValueError, RecursionError):
            body = {}
        if not isinstance(body, dict):
            raise InvalidRequest("The body is not a JSON object.")
        prompt_id = body.get("prompt_id") or None
        if not self._worker.interrupt(prompt_id):
            logger.info("nothing to interrupt (asked for %s)", prompt_id or "whatever is running")
        return web.Response(status=200)

    async def free(self, request: web.Request) -> web.Response:
        body = await json_object(request)
        if body.get("unload_models") or body.get("free_memory"):
            self._worker.free()
        return web.Response(status=200)


def _ids(body: dict[str, Any]) -> list[Any]:
    ids = body.get("delete", [])
    if not isinstance(ids, list):
        raise InvalidRequest("delete is not a list of prompt ids.")
    return ids
