"""A server that answers as it is told, for what real ones do only on bad days."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(eq=False)
class Faulty:
    """`answers` maps "POST /prompt" to a coroutine; a "GET /view" without an answer is a plain 404."""

    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    def on(self, what: str) -> Callable[[Answer], Answer]:
        def remember(answer: Answer) -> Answer:
            self.answers[what] = answer
            return answer

        return remember

    def json(self, what: str, body: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> None:
        async def answer(request: web.Request) -> web.Response:
            return web.json_response(body, status=status, headers=headers)

        self.answers[what] = answer

    def times(self, what: str) -> int:
        return self.asked.count(what)

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        path = "/history/ID" if request.path.startswith("/history/") else request.path
        what = f"{request.method} {path}"
        self.asked.append(what)
        self.headers.append(dict(request.headers))
        if what not in self.answers:
            return web.Response(status=404, text="404: Not Found")
        return await self.answers[what](request)


@contextmanager
def listening(faulty: Faulty, port: int = 0) -> Iterator[Faulty]:
    """Serve on a thread of its own until the block ends."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="faulty", daemon=True)
    thread.start()
    runner = web.AppRunner(_application(faulty), shutdown_timeout=0.1)

    async def start() -> int:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        return int(runner.addresses[0][1])

    try:
        number = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
        faulty.url = f"http://127.0.0.1:{number}"
        yield faulty
    finally:
        asyncio.run_coroutine_threadsafe(_end(runner), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _end(runner: web.AppRunner) -> None:
    await runner.cleanup()
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


def _application(faulty: Faulty) -> web.Application:
    application = web.Application(client_max_size=2**30)
    application.router.add_route("*", "/{path:.*}", faulty.__call__)
    return application


def drop(request: web.Request) -> web.Response:
    """Close the connection without an answer, as a server does that dies."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()
