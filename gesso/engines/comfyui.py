"""The client of one ComfyUI (or sketch): probe, submit, locate, cancel, move files, pass requests on."""

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
from yarl import URL

from gesso.engines.answer import Answer, Download
from gesso.engines.location import Absent, Finished, Location, Pending, Running
from gesso.engines.probe import Outcome, Probe, Reading, read_answer
from gesso.engines.transport import reaching, words
from gesso.errors import EngineRefused, EngineUnreachable, InvalidWorkflow, NotFound
from gesso.protocol.files import FileRef
from gesso.workflows.validate import problems

__all__ = ["Absent", "Answer", "Cancellation", "ComfyUI", "Download", "Finished", "Pending", "Running"]

PROBE_S = 5.0
PROBE_LIMIT = 1 << 20
# A busy engine's web server shares its interpreter with the sampler, and may be slow.
CALL_S = 30.0
SUBMIT_S = 60.0
CATALOG_S = 120.0
# A transfer may take as long as it likes while bytes come.
SILENT_TRANSFER_S = 60.0
CANCEL_TRIES = 3


class Cancellation(StrEnum):
    """What `cancel` did."""

    DELETED = "deleted"
    INTERRUPTED = "interrupted"
    NOTHING = "nothing"


class ComfyUI:
    """One engine's address. Raises EngineUnreachable when nothing answers, EngineRefused when something
    else does; never follows a redirect. `url` may change when the engine is started anew."""

    def __init__(
        self,
        *,
        name: str,
        url: str,
        session: aiohttp.ClientSession,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.url = url.rstrip("/")
        self.session = session
        self.headers = dict(headers or {})

    async def probe(self, *, timeout_s: float = PROBE_S) -> Probe:
        """Ask GET /system_stats as ourselves. Never raises for what the engine does: that is the answer."""
        asked, started, at = f"GET {self.url}/system_stats", time.perf_counter(), time.time()
        status: int | None = None
        content_type: str | None = None
        try:
            async with asyncio.timeout(timeout_s), self._send("GET", "/system_stats") as response:
                status, content_type = response.status, response.headers.get("Content-Type", "")
                body = await _read_at_most(response, PROBE_LIMIT)
                reading = read_answer(status, content_type, response.headers.get("Location", ""), body)
        except (aiohttp.ClientError, OSError) as error:
            reading = _read_failure(error)
        return Probe(
            outcome=reading.outcome,
            asked=asked,
            at=at,
            took_ms=(time.perf_counter() - started) * 1000,
            status=status,
            content_type=content_type,
            detail=reading.detail,
            version=reading.version,
        )

    async def object_info(self) -> bytes:
        """GET /object_info as the engine sent it; that it is JSON is for the caller to see."""
        _, body = await self._call("GET", "/object_info", timeout_s=CATALOG_S)
        return body

    async def submit(
        self,
        *,
        prompt_id: str,
        client_id: str,
        prompt: dict[str, Any],
        extra_data: Mapping[str, Any] | None = None,
        targets: list[str] | None = None,
    ) -> dict[str, Any]:
        """Hand over a prompt under our id; returns the node_errors of outputs it will not make.

        Raises InvalidWorkflow, with the engine's own body, when it will make none. When the line broke
        meanwhile, the engine is asked whether it has the prompt: EngineUnreachable means it has not, or
        that nobody can tell.
        """
        body: dict[str, Any] = {
            "prompt": prompt,
            "prompt_id": prompt_id,
            "client_id": client_id,
            "extra_data": dict(extra_data or {}),
        }
        if targets is not None:
            body["partial_execution_targets"] = targets
        try:
            status, answer = await self._call("POST", "/prompt", body, timeout_s=SUBMIT_S, accept=(200, 400))
        except EngineUnreachable:
            if isinstance(await self.locate(prompt_id), Absent):
                raise
            return {}
        value = self._json(answer, "POST /prompt")
        if not isinstance(value, dict):
            raise EngineRefused(f"{self.name!r} answered POST /prompt with {type(value).__name__}")
        if status == 400:
            raise _invalid(value)
        if value.get("prompt_id") != prompt_id:
            raise EngineRefused(f"{self.name!r} took the prompt under an id of its own")
        node_errors = value.get("node_errors")
        return node_errors if isinstance(node_errors, dict) else {}

    async def locate(self, prompt_id: str, *, ended: bool = False) -> Location:
        """Where the engine has the prompt.

        Queue, history, queue: a prompt that ends between the first two questions is in the history, and
        one handed over meanwhile is seen by the third. So Absent means that it was nowhere. `ended`:
        the engine has said so; then the history alone will do.
        """
        if ended and (finished := await self._in_history(prompt_id)) is not None:
            return finished
        return (
            await self._in_queue(prompt_id)
            or await self._in_history(prompt_id)
            or await self._in_queue(prompt_id)
            or Absent()
        )

    async def cancel(self, prompt_id: str) -> Cancellation:
        """Take the prompt out of the queue, or interrupt it if it is the one running; nobody else's.

        The interrupt names the prompt. Engines too old to know that (before 0.3.56) stop whatever runs
        when the request arrives: for them only the check just before protects the next prompt.
        """
        deleted = False
        for _ in range(CANCEL_TRIES):
            queued = await self._in_queue(prompt_id)
            if isinstance(queued, Running):
                await self._call("POST", "/interrupt", {"prompt_id": prompt_id})
                return Cancellation.INTERRUPTED
            if queued is None:
                return Cancellation.DELETED if deleted else Cancellation.NOTHING
            await self._call("POST", "/queue", {"delete": [prompt_id]})
            deleted = True  # or it has just begun to run: the next round sees it
        raise EngineRefused(f"{self.name!r} keeps the prompt in its queue")

    async def withdraw(self, prompt_id: str) -> bool:
        """Take the prompt out of the queue if it still waits there; True when it will not be executed."""
        if not isinstance(await self._in_queue(prompt_id), Pending):
            return False
        await self._call("POST", "/queue", {"delete": [prompt_id]})
        # It may have begun in between, or even ended.
        return isinstance(await self.locate(prompt_id), Absent)

    async def forget(self, prompt_id: str) -> None:
        """Take an ended prompt out of the history; its files stay."""
        await self._call("POST", "/history", {"delete": [prompt_id]})

    async def upload(self, source: Path, *, name: str, subfolder: str = "") -> FileRef:
        """Put a file into the engine's input folder, over one of the same name; returns the name it got."""
        with await asyncio.to_thread(source.open, "rb") as file:
            form = aiohttp.FormData()
            form.add_field("image", file, filename=name, content_type="application/octet-stream")
            form.add_field("type", "input")
            form.add_field("subfolder", subfolder)
            form.add_field("overwrite", "true")
            _, body = await self._call("POST", "/upload/image", data=form, timeout_s=None)
        value = self._json(body, "POST /upload/image")
        if not isinstance(value, dict) or not isinstance(value.get("name"), str):
            raise EngineRefused(f"{self.name!r} did not say under which name it has the upload")
        return FileRef(filename=value["name"], subfolder=str(value.get("subfolder") or ""), type="input")

    @asynccontextmanager
    async def fetch(self, ref: FileRef) -> AsyncIterator[Download]:
        """A file of the engine, in chunks; a file that breaks off raises EngineUnreachable."""
        query = {"filename": ref.filename, "subfolder": ref.subfolder, "type": ref.type}
        path = str(URL.build(path="/view", query=query))
        answer = await self.request("GET", path, headers=(("Accept-Encoding", "identity"),))
        async with answer:
            if answer.status == 404:
                raise NotFound(f"{self.name!r} has no file {ref.filename!r}")
            if answer.status != 200:
                raise EngineRefused(f"{self.name!r} answered GET /view with {answer.status}")
            yield Download(
                content_type=answer.header("content-type") or "application/octet-stream",
                size=answer.size,
                chunks=answer.chunks(),
            )

    async def request(
        self,
        method: str,
        path_qs: str,
        *,
        headers: Iterable[tuple[str, str]] = (),
        body: AsyncIterable[bytes] | bytes | None = None,
    ) -> Answer:
        """Pass a request on as it is: `path_qs` is sent byte for byte (`%2F` stays), the answer comes raw.

        `headers` are sent too, but for the engine's own credential, which wins. Close the answer.
        """
        merged = list(headers)
        if self.headers:
            merged = [item for item in merged if item[0].title() not in self.headers]
            merged += self.headers.items()
        with reaching(self.name, f"{method} {path_qs.partition('?')[0]}"):
            response = await self.session.request(
                method,
                URL(self.url + path_qs, encoded=True),
                headers=merged,
                data=body,
                allow_redirects=False,
                skip_auto_headers=("Content-Type",),
            )
        return Answer(self.name, response)

    async def _in_history(self, prompt_id: str) -> Finished | None:
        _, body = await self._call("GET", f"/history/{quote(prompt_id, safe='')}")
        history = self._json(body, "GET /history")
        item = history.get(prompt_id) if isinstance(history, dict) else None
        if not isinstance(item, dict):
            return None
        match item.get("prompt"):
            case [_, str(other), *_] if other != prompt_id:
                raise EngineRefused(f"{self.name!r} shows another prompt's end in the place of this one's")
        return Finished(item=item)

    async def queue_length(self) -> int:
        """How many prompts it has now, whoever's, the running ones included."""
        _, body = await self._call("GET", "/queue")
        value = self._json(body, "GET /queue")
        try:
            return len(value["queue_running"]) + len(value["queue_pending"])
        except (KeyError, TypeError) as error:
            raise EngineRefused(f"{self.name!r} answered GET /queue with no queue") from error

    async def free(self) -> None:
        """Have it forget its models and what it has computed, before its next prompt."""
        await self._call("POST", "/free", {"unload_models": True, "free_memory": True})

    async def _in_queue(self, prompt_id: str) -> Pending | Running | None:
        _, body = await self._call("GET", "/queue")
        value = self._json(body, "GET /queue")
        try:
            if any(item[1] == prompt_id for item in value["queue_running"]):
                return Running()
            return Pending() if any(item[1] == prompt_id for item in value["queue_pending"]) else None
        except (KeyError, IndexError, TypeError) as error:
            raise EngineRefused(f"{self.name!r} answered GET /queue with no queue") from error

    def _send(
        self, method: str, path: str, body: Any = None, data: aiohttp.FormData | None = None
    ) -> "aiohttp.client._RequestContextManager":
        return self.session.request(
            method,
            URL(self.url + path, encoded=True),
            headers={"Accept-Encoding": "identity", **self.headers},
            json=body,
            data=data,
            allow_redirects=False,
        )

    async def _call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        data: aiohttp.FormData | None = None,
        timeout_s: float | None = CALL_S,
        accept: tuple[int, ...] = (200,),
    ) -> tuple[int, bytes]:
        with reaching(self.name, f"{method} {path}"):
            async with asyncio.timeout(timeout_s), self._send(method, path, body, data) as response:
                answer = await response.read()
                status = response.status
        if status not in accept:
            raise EngineRefused(f"{self.name!r} answered {method} {path} with {status}")
        return status, answer

    def _json(self, body: bytes, what: str) -> Any:
        try:
            return json.loads(body)
        except ValueError as error:
            raise EngineRefused(f"{self.name!r} answered {what} with no JSON") from error


def _invalid(body: dict[str, Any]) -> InvalidWorkflow:
    error = body.get("error")
    message = error.get("message") if isinstance(error, dict) else error
    return InvalidWorkflow(str(message) if message else None, body=body, problems=problems(body))


async def _read_at_most(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """The body, or its beginning: whatever answers there need not be an engine, nor ever end."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > limit:
            break
    return bytes(body)


def _read_failure(error: Exception) -> Reading:
    """What it means that the HTTP client raised. An answer that broke off is none: nobody can tell."""
    match error:
        case aiohttp.ClientConnectorDNSError():
            outcome = Outcome.NAME_UNKNOWN
        case aiohttp.ClientSSLError() | ssl.SSLError():
            outcome = Outcome.TLS_FAILED
        case aiohttp.ClientConnectorError(os_error=ConnectionRefusedError()):
            outcome = Outcome.REFUSED
        case TimeoutError():
            outcome = Outcome.TIMED_OUT
        case aiohttp.ClientConnectorError():
            outcome = Outcome.UNREACHABLE
        case aiohttp.ClientResponseError():
            outcome = Outcome.NOT_HTTP
        case _:
            outcome = Outcome.DISCONNECTED
    return Reading(outcome=outcome, detail=words(error))
