"""The answer to a request that waits for its pictures, kept alive meanwhile, given up when the client leaves.

A status cannot be sent before it is known, and HTTP has no other sign of life that proxies count. So for the
first SILENT_S seconds nothing is sent, and every error gets its status. Then the answer begins: 200, and
a space now and then, which JSON allows before a value. A job that fails then is told by breaking the answer
off, and never by a 200: OpenAI's libraries ask again, and are told that same job's error, with its status.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from gesso.errors import GessoError
from gesso.gateway.openai.waiting import Attendance, Waiting
from gesso.jobs.job import Job

# Proxies give up after 60 seconds (nginx, most load balancers) or 100 (Cloudflare) without a byte.
SILENT_S = 45.0
BREATH_S = 15.0
BREATH = b" "

Tell = Callable[[Attendance, Send], Coroutine[Any, Any, None]]
Compose = Callable[[Job], Awaitable[bytes]]


def attended(tell: Tell, job: Job, waiting: Waiting, *, comes_back: bool) -> ASGIApp:
    """What is told of a job to one who waits for it, as long as he does."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        with waiting.attends(job, comes_back=comes_back) as mine:
            await unless_left(tell(mine, send), receive)

    return app


class Answer:
    """The whole answer in one. `compose` makes its JSON of the job when it has ended."""

    def __init__(self, *, waiting: Waiting, compose: Compose, silent_s: float = SILENT_S) -> None:
        self._waiting = waiting
        self._compose = compose
        self._silent_s = silent_s

    async def tell(self, mine: Attendance, send: Send) -> None:
        made = asyncio.ensure_future(self._made(mine))
        begun, patience_s = False, self._silent_s
        try:
            while not (await asyncio.wait({made}, timeout=patience_s))[0]:
                if not begun:
                    await send(start(headers_of(mine.job)))
                begun, patience_s = True, min(BREATH_S, self._silent_s)
                await send({"type": "http.response.body", "body": BREATH, "more_body": True})
            body = made.result()
        except GessoError:
            # Told with its status, unless that is sent already.
            mine.answered = mine.job.state.ended and not begun
            raise
        finally:
            made.cancel()
        if not begun:
            length = (b"content-length", str(len(body)).encode())
            await send(start([*headers_of(mine.job), length]))
        await send({"type": "http.response.body", "body": body})
        mine.answered = True

    async def _made(self, mine: Attendance) -> bytes:
        return await self._compose(await self._waiting.ended(mine))


async def unless_left(work: Coroutine[Any, Any, None], receive: Receive) -> None:
    """Do it, but stop when the client hangs up: ClientDisconnect."""
    doing, left = asyncio.ensure_future(work), asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait({doing, left}, return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            raise ClientDisconnect()
        doing.result()
    finally:
        for task in (doing, left):
            task.cancel()
        await asyncio.gather(doing, left, return_exceptions=True)


def start(headers: list[tuple[bytes, bytes]]) -> dict[str, Any]:
    return {"type": "http.response.start", "status": 200, "headers": headers}


def headers_of(job: Job, content_type: bytes = b"application/json") -> list[tuple[bytes, bytes]]:
    """With where the picture comes from, as far as that is known by then."""
    headers = [
        (b"content-type", content_type),
        (b"cache-control", b"no-store"),
        (b"x-accel-buffering", b"no"),
        (b"x-gesso-job", job.id.encode()),
    ]
    return headers if job.engine is None else [*headers, (b"x-gesso-engine", job.engine.encode())]


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
