"""ComfyUI's queue, one per user: `/prompt`, `/queue`, `/history`, `/interrupt`."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gesso import logs
from gesso.errors import InvalidWorkflow, NotFound, RequestError
from gesso.events import Bus
from gesso.gateway import responses
from gesso.gateway.comfyui.body import read_json, read_prompt
from gesso.gateway.comfyui.caller import caller
from gesso.gateway.comfyui.catalogue import Catalogue
from gesso.gateway.limits import limits_of
from gesso.gateway.middleware.addressed import from_where
from gesso.gateway.oversight import SCOPE, Oversight, asks_for_all
from gesso.jobs.dispatcher import Dispatcher
from gesso.jobs.files import File, Files
from gesso.jobs.job import Job, Spec, State
from gesso.jobs.queue import Queue
from gesso.jobs.relay import announce
from gesso.jobs.verdict import status_of
from gesso.protocol.comfyui import (
    PromptRequest,
    error_body,
    history_item,
    parse_prompt_request,
    queue_item,
    strip_secrets,
)
from gesso.protocol.files import parse_annotated
from gesso.protocol.idempotency import idempotency_key
from gesso.workflows.catalog import Catalog
from gesso.workflows.denied import refuse_denied
from gesso.workflows.graph import upstream
from gesso.workflows.needs import needs
from gesso.workflows.shape import shape
from gesso.workflows.uploads import folder_inputs, upload_checks, upload_inputs
from gesso.workflows.validate import Validated, validate

SUFFIX_LIMIT = 16
MOST = 1 << 53
ALL_MOST = 1000


class Prompts:
    def __init__(
        self,
        *,
        queue: Queue,
        dispatcher: Dispatcher,
        catalogue: Catalogue,
        files: Files,
        bus: Bus,
        oversight: Oversight,
        max_attempts: int,
    ) -> None:
        self._queue = queue
        self._dispatcher = dispatcher
        self._catalogue = catalogue
        self._files = files
        self._bus = bus
        self._oversight = oversight
        self._max_attempts = max_attempts

    async def show(self, request: Request) -> Response:
        """`GET /prompt`"""
        remaining = await self._queue.remaining(caller(request).account_id)
        return responses.json({"exec_info": {"queue_remaining": remaining}})

    async def submit(self, request: Request) -> Response:
        """`POST /prompt`: checked, stored, answered; run when its turn comes."""
        body = await read_prompt(request)
        asked = parse_prompt_request(body)
        owner = caller(request).account_id
        refuse_denied(asked.prompt, self._catalogue.denied_to(caller(request)))
        try:
            catalog, uploads, validated = await self._validated(owner, asked)
        except InvalidWorkflow as refused:
            if not await self._catalogue.may_be_new(refused):
                raise
            catalog, uploads, validated = await self._validated(owner, asked)
        spec = self._spec(request, asked, validated, catalog, uploads)
        spec = replace(spec, priority=_priority(body))
        if lacks := self._catalogue.lacking(spec.needs):
            raise _no_engine_fits(lacks)
        job = await self._queue.submit(spec, limits_of(caller(request).allowance))
        # For the rest of the request: so that its line in the log leads to those of the job.
        logs.job_id.set(job.id)
        await announce(self._bus, self._queue, job, job.state)
        answer = {"prompt_id": job.id, "number": _number(job), "node_errors": validated.node_errors}
        return responses.json(answer)

    async def _validated(
        self, owner: str, asked: PromptRequest
    ) -> tuple[Catalog, dict[str, File], Validated]:
        catalog = await self._catalogue.current()
        uploads = await self._find_uploads(owner, asked.prompt, catalog)
        checks = upload_checks(catalog, lambda name: name in uploads, asked.prompt)
        validated = validate(asked.prompt, catalog, asked.targets, checks=checks)
        _refuse_folders(validated, catalog)
        return catalog, uploads, validated

    async def _find_uploads(self, owner: str, prompt: dict[str, Any], catalog: Catalog) -> dict[str, File]:
        """The caller's files that the prompt names, by the name as written ("a.png [output]")."""
        found = {}
        for _, _, name in upload_inputs(prompt, catalog):
            # A name that is none, or nobody's: the check of the input says so in ComfyUI's words.
            with suppress(RequestError):
                found[name] = await self._files.find(owner, parse_annotated(name))
        return found

    def _spec(
        self,
        request: Request,
        asked: PromptRequest,
        validated: Validated,
        catalog: Catalog,
        uploads: dict[str, File],
    ) -> Spec:
        inputs = [
            {
                "node": node,
                "input": name,
                "file": written,
                "sha256": uploads[written].sha256,
                "suffix": _suffix(written),
            }
            for node, name, written in upload_inputs(validated.prompt, catalog)
            if written in uploads
        ]
        extra_data = strip_secrets(asked.extra_data)
        if asked.client_id is not None:
            extra_data["client_id"] = asked.client_id
        return Spec(
            owner=caller(request).account_id,
            payload={
                "prompt": validated.prompt,
                "extra_data": extra_data,
                "outputs": validated.outputs,
                # An output that we refused may look good to the engine: it has everybody's files.
                "targets": validated.outputs if validated.node_errors else asked.targets,
            },
            client_id=asked.client_id,
            needs=needs(validated.prompt, catalog).ids(),
            shape=shape(validated.prompt, catalog, validated.outputs),
            front=asked.front,
            number=asked.number,
            id=asked.prompt_id,
            idempotency_key=idempotency_key(request.headers),
            inputs=inputs,
            max_attempts=self._max_attempts,
        )

    async def queue(self, request: Request) -> Response:
        """`GET /queue`; with `all=true` everybody's, for administrators."""
        owner, name_of = await self._whose(request, "queue")
        # Before and after: a job may just be on its way back from its engine.
        waiting = self._dispatcher.waiting()
        handed_over, queued = await self._queue.active(owner)
        waiting |= self._dispatcher.waiting()
        running = [job for job in handed_over if job.id not in waiting]
        pending = [job for job in handed_over if job.id in waiting] + queued
        return responses.json(
            {
                "queue_running": [_item(job, name_of) for job in running],
                "queue_pending": [_item(job, name_of) for job in pending],
            }
        )

    async def change_queue(self, request: Request) -> Response:
        """`POST /queue` {"clear": true} or {"delete": [ids]}: waiting jobs only, and only the caller's.

        With `all=true`, for administrators: those with these ids, whosever they are.
        """
        body = _object(await read_json(request))
        if asks_for_all(request):
            return await self._cancel_of_all(request, None if body.get("clear") else body.get("delete"))
        owner = caller(request).account_id
        if body.get("clear"):
            await self._dispatcher.cancel(owner, None, [State.QUEUED])
        if "delete" in body:
            await self._dispatcher.cancel(owner, _ids(body["delete"]), [State.QUEUED])
        return Response()

    async def interrupt(self, request: Request) -> Response:
        """`POST /interrupt` {"prompt_id"?}: the caller's running jobs, or the one named if it is his.

        With `all=true`, for administrators: the one named, whosever it is.
        """
        body = _object(await read_json(request, default={}))
        prompt_id = body.get("prompt_id")
        if asks_for_all(request):
            named = None if not prompt_id else [prompt_id]
            return await self._cancel_of_all(request, named, State.RUNNING)
        ids = None if not prompt_id else _ids([prompt_id])
        await self._dispatcher.cancel(caller(request).account_id, ids, [State.RUNNING])
        return Response()

    async def history(self, request: Request) -> Response:
        """`GET /history?max_items=…&offset=…`: ended jobs, oldest first.

        With `all=true` everybody's, for administrators; then the last ALL_MOST where no limit is given.
        """
        limit, offset = _whole(request, "max_items"), _whole(request, "offset")
        owner, name_of = await self._whose(request, "history")
        if owner is None:
            limit = ALL_MOST if limit is None else min(limit, ALL_MOST)
        jobs = await self._queue.finished(owner, limit, -1 if offset is None else offset)
        return responses.json({job.id: _history(job, name_of) for job in jobs})

    async def history_of(self, request: Request, prompt_id: str) -> Response:
        """`GET /history/{prompt_id}`: {id: item}; {} before its end, and for what is another's.

        With `all=true` another's as well, for administrators.
        """
        identity, name_of = caller(request), None
        try:
            if asks_for_all(request):
                identity.require(SCOPE)
                job = await self._oversight.finds(identity, from_where(request), prompt_id, "details")
                name_of = {job.owner: await self._oversight.name_of(job.owner)}
            else:
                job = await self._queue.get(prompt_id, identity.account_id)
        except NotFound:
            return responses.json({})
        return responses.json({job.id: _history(job, name_of)} if job.state.ended and not job.hidden else {})

    async def change_history(self, request: Request) -> Response:
        """`POST /history` {"clear": true} or {"delete": [ids]}"""
        if asks_for_all(request):
            raise RequestError("What is in others' histories, they decide.", remedy="Ask without `all`.")
        body = _object(await read_json(request))
        owner = caller(request).account_id
        if body.get("clear"):
            await self._queue.delete_finished(owner, None)
        if "delete" in body:
            await self._queue.delete_finished(owner, _ids(body["delete"]))
        return Response()

    async def _whose(self, request: Request, what: str) -> tuple[str | None, Mapping[str, str] | None]:
        """The owner whose jobs to show; None, and the names of all, for an administrator who asks for all."""
        identity = caller(request)
        if not asks_for_all(request):
            return identity.account_id, None
        return None, await self._oversight.looks_at_all(identity, from_where(request), what)

    async def _cancel_of_all(self, request: Request, named: Any, state: State = State.QUEUED) -> Response:
        """Only what is named: to clear everybody's queue, or stop all that runs, takes more than a slip."""
        identity = caller(request)
        identity.require(SCOPE)
        if named is None:
            raise RequestError("With `all=true` jobs are named one by one.")
        ids, waiting = _ids(named), self._dispatcher.waiting()
        for job_id in ids:
            with suppress(NotFound):
                job = await self._queue.get(job_id)
                # A job that waits at its engine counts as queued.
                if state is (State.QUEUED if job.id in waiting else job.state):
                    await self._oversight.cancels(identity, from_where(request), job)
        await self._dispatcher.cancel(None, ids, [state])
        return Response()


def _refuse_folders(validated: Validated, catalog: Catalog) -> None:
    """Of an engine's folders only single files can be named: which are whose, the engine does not know."""
    named = folder_inputs(validated.prompt, catalog)
    used = set(upstream(validated.prompt, validated.outputs)) if named else set()
    for node_id, name in named:
        if node_id in used:
            class_type = validated.prompt[node_id]["class_type"]
            message = f"{class_type} reads a folder of the engine, which holds files of other users."
            body = error_body("invalid_prompt", message, f"Node ID '#{node_id}', input {name}")
            raise InvalidWorkflow(message, body=body)


def _suffix(written: str) -> str:
    """What a file's name ends with, where it is one by which nodes tell kinds of files."""
    suffix = os.path.splitext(parse_annotated(written).filename)[1]
    return suffix if suffix[1:].isalnum() and suffix.isascii() and len(suffix) <= SUFFIX_LIMIT else ""


def _no_engine_fits(lacks: Mapping[str, Sequence[str]]) -> InvalidWorkflow:
    """All of it is there, but on no one engine; ComfyUI's shape, with what each engine lacks."""
    message = "No engine has everything that this workflow needs"
    details = "; ".join(f"{engine} lacks {', '.join(needs)}" for engine, needs in lacks.items())
    extra_info = {"lacking": {engine: list(needs) for engine, needs in lacks.items()}}
    return InvalidWorkflow(message, body=error_body("no_engine_fits", message, details, extra_info))


def _priority(body: dict[str, Any]) -> int:
    """`priority`, which ComfyUI does not know: among the caller's own jobs, the higher the sooner."""
    value = body.get("priority", 0)
    if not isinstance(value, int) or not -1000 <= value <= 1000:
        raise RequestError("`priority` is a whole number from -1000 to 1000.")
    return value


def _number(job: Job) -> int | float:
    return int(job.number) if job.number == int(job.number) else job.number


def _item(job: Job, name_of: Mapping[str, str] | None = None) -> list[Any]:
    """`name_of`: the accounts' names by id, where it is to be told whose job it is."""
    payload = job.payload
    extra_data = payload["extra_data"]
    if name_of is not None:
        extra_data = {**extra_data, "gesso": {"owner": name_of.get(job.owner, job.owner)}}
    return queue_item(_number(job), job.id, payload["prompt"], extra_data, payload["outputs"])


def _history(job: Job, name_of: Mapping[str, str] | None = None) -> dict[str, Any]:
    status = status_of(job)
    return history_item(
        _item(job, name_of),
        outputs=job.outputs or {},
        status_str=status["status_str"],
        completed=status["completed"],
        messages=status["messages"],
        meta=(job.meta or {}).get("meta"),
    )


def _object(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise RequestError("The body is not a JSON object.")
    return body


def _ids(value: Any) -> Sequence[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise RequestError("Ids are given as a list of texts.")
    return value


def _whole(request: Request, name: str) -> int | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        # No history is longer; a database has no larger numbers.
        return max(-MOST, min(MOST, int(text)))
    except ValueError as error:
        raise RequestError(f"`{name}` is a whole number, not {text!r}.") from error
