"""A gateway without ComfyUI's routes: the real middleware, server, store, queue and fleet on loopback."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from gesso.access.access import Access
from gesso.access.audit import Audit
from gesso.config.engine import EngineConfig
from gesso.database.database import Database, open_database
from gesso.database.sqlite import sqlite_url
from gesso.events import Bus
from gesso.fleet.supervisor import Supervisor
from gesso.gateway.api import make_api
from gesso.gateway.api_events import Events
from gesso.gateway.console import Console
from gesso.gateway.health import Health
from gesso.gateway.login import Login
from gesso.gateway.middleware.addressed import Addressed
from gesso.gateway.middleware.failures import Failures
from gesso.gateway.middleware.identify import Identify
from gesso.gateway.middleware.limits import Limits
from gesso.gateway.middleware.own_pages import OwnPages
from gesso.gateway.middleware.rates import Rates
from gesso.gateway.middleware.request_log import RequestLog
from gesso.gateway.middleware.url_tokens import UrlTokens
from gesso.gateway.responses import json
from gesso.gateway.routing import Routes
from gesso.gateway.server import Server, listening
from gesso.jobs.files import Files
from gesso.jobs.job import State
from gesso.jobs.positions import Positions
from gesso.jobs.queue import Queue
from tests.unit.access.quick import quick

BODY_BYTES = 2_000_000
NOBODY_THERE = EngineConfig(name="away", kind="comfyui", url="http://127.0.0.1:9")


@dataclass(kw_only=True)
class Door:
    """The running gateway and its parts; `admin` and `ada` are keys."""

    url: str
    db: Database
    access: Access
    queue: Queue
    supervisor: Supervisor
    admin: str
    ada: str
    interrupted: list[str] = field(default_factory=list)

    def client(self, key: str | None = None, **more: Any) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx.AsyncClient(base_url=self.url, headers=headers, **more)


@asynccontextmanager
async def opened(
    directory: Path, engines: Sequence[EngineConfig] = (NOBODY_THERE,), *, behind_proxy: bool = False
) -> AsyncIterator[Door]:
    db = await open_database(sqlite_url(directory / "gesso.sqlite3"))
    try:
        access, queue = Access(db, passwords=quick()), Queue(db)
        admin = await access.ensure_admin()
        assert admin is not None
        await access.create_account("ada")
        ada = await access.create_key("ada", "laptop")
        async with Supervisor(engines, directory, Bus()) as supervisor:
            door = Door(
                url="",
                db=db,
                access=access,
                queue=queue,
                supervisor=supervisor,
                admin=admin.token,
                ada=ada.token,
            )
            async with _served(_app(door, behind_proxy)) as door.url:
                yield door
    finally:
        await db.close()


@asynccontextmanager
async def _served(app: ASGIApp) -> AsyncIterator[str]:
    ready = asyncio.Event()
    with listening("127.0.0.1", 0) as listener:
        server = Server(app, on_started=ready.set)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        await ready.wait()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.stop()
            await serving


def _app(door: Door, behind_proxy: bool) -> ASGIApp:
    async def cancel(owner: str | None, ids: Sequence[str] | None, states: Sequence[State]) -> None:
        door.interrupted += [job.id for job in await door.queue.cancel(owner, ids, states)]

    routes = Routes()
    audit = Audit(door.db)
    Login(door.access, audit, behind_proxy=behind_proxy).add_to(routes)
    Health(door.db, door.supervisor).add_to(routes)
    Console().add_to(routes)
    positions = Positions(queue=door.queue, supervisor=door.supervisor)
    events = Events(bus=Bus(), queue=door.queue, positions=positions)
    api = make_api(
        access=door.access,
        audit=audit,
        queue=door.queue,
        supervisor=door.supervisor,
        files=Files(door.db),
        cancel=cancel,
        events=events,
    )
    routes.mount("/gesso/api", api)
    routes.add("GET", "/", _who)
    routes.add("GET", "/who", _who)
    routes.add("POST", "/prompt", _size, api=True)
    routes.add("POST", "/v1/images/edits", _size)
    routes.add("GET", "/broken", _broken)
    routes.add("GET", "/half", _half)
    routes.websocket("/ws", _echo, api=True)
    rates = Rates(routes, timer=time.monotonic)
    app: ASGIApp = Identify(rates, access=door.access, is_public=routes.is_public)
    app = UrlTokens(RequestLog(OwnPages(Failures(Limits(app, body_bytes=BODY_BYTES)))))
    return Addressed(app, behind_proxy=behind_proxy)


async def _who(request: Request) -> Response:
    return json(request.state.identity.name)


async def _size(request: Request) -> Response:
    return json(len(await request.body()))


async def _broken(request: Request) -> Response:
    raise ZeroDivisionError("something inside")


async def _half(request: Request) -> ASGIApp:
    async def answer(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise OSError("the disk is gone")

    return answer


async def _echo(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        if message.get("text") == "break":
            raise ZeroDivisionError("something inside")
        await send({"type": "websocket.send", "text": message["text"]})
