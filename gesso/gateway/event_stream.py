"""One stream of server-sent events: what waits to be written, and the end of one that is not read."""

import asyncio
import json
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

logger = logging.getLogger(__name__)

# A client that does not read is let go of; what it missed it reads from /gesso/api/jobs.
EVENTS_WAITING = 1000
KEEP_ALIVE_S = 15.0
CLOSE_S = 1.0
HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}

More = Callable[[], Awaitable[list[tuple[str, Any]]]]


class EventStream(Response):
    """An answer that goes on until `end`, until the client leaves, or until its key is taken back.

    `more` is asked each `every_s` for events that nobody sends by himself.
    """

    media_type = "text/event-stream"

    def __init__(self, *, more: More, every_s: float, on_end: Callable[[], None]) -> None:
        super().__init__(headers=HEADERS)
        del self.headers["content-length"]
        self._more = more
        self._every_s = every_s
        self._on_end = on_end
        self._waiting: deque[str] = deque()
        self._latest: dict[str, str] = {}
        self._wake = asyncio.Event()
        self._ended = False
        self._overflow = asyncio.Event()

    def send(self, kind: str, data: Any, *, first: bool = False) -> None:
        """`first`: before all that waits."""
        if len(self._waiting) >= EVENTS_WAITING:
            self._overflow.set()
            return
        text = _text(kind, data)
        if first:
            self._waiting.appendleft(text)
        else:
            self._waiting.append(text)
        self._wake.set()

    def send_latest(self, kind: str, data: Any) -> None:
        """In place of what waits of this kind: only the latest is of worth."""
        self._latest[kind] = _text(kind, data)
        self._wake.set()

    def end(self) -> None:
        """When what waits is written."""
        self._ended = True
        self._latest.clear()
        self._wake.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._serve(scope, receive, send)
        finally:
            self._on_end()

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        left = asyncio.create_task(_left(receive))
        ends = [asyncio.create_task(self._write(send)), left, asyncio.create_task(self._overflow.wait())]
        # Returns, with the reason, once the key opens nothing any more.
        if (revoked := scope.get("gesso.revoked")) is not None:
            ends.append(asyncio.create_task(revoked()))
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in ends:
                task.cancel()
            results = await asyncio.gather(*ends, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result
        if self._overflow.is_set():
            logger.info("ending a stream of events that its client does not read")
        if left.cancelled():
            try:
                async with asyncio.timeout(CLOSE_S):
                    await send({"type": "http.response.body", "body": b""})
            except TimeoutError:
                # It takes nothing more: the server closes the connection without the last chunk.
                raise ClientDisconnect() from None

    async def _write(self, send: Send) -> None:
        asked, written = 0.0, time.monotonic()
        while True:
            self._wake.clear()
            if not self._ended and time.monotonic() - asked >= self._every_s:
                asked = time.monotonic()
                for kind, data in await self._more():
                    self.send(kind, data)
            if text := self._take():
                await _send(send, text)
                written = time.monotonic()
            if self._ended and not self._waiting:
                return
            try:
                async with asyncio.timeout(self._every_s):
                    await self._wake.wait()
            except TimeoutError:
                if time.monotonic() - written >= KEEP_ALIVE_S:
                    await _send(send, ": still here\n\n")
                    written = time.monotonic()

    def _take(self) -> str:
        text = "".join([*self._waiting, *self._latest.values()])
        self._waiting.clear()
        self._latest.clear()
        return text


def _text(kind: str, data: Any) -> str:
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n"


async def _send(send: Send, text: str) -> None:
    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})


async def _left(receive: Receive) -> None:
    """Until the client hangs up."""
    while (await receive())["type"] != "http.disconnect":
        pass
