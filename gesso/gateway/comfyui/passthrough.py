"""The routes whose answer is one engine's own: the frontend's files, custom nodes' routes, levers."""

import asyncio
from collections.abc import Collection, Sequence
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode

from starlette.requests import Request
from starlette.types import ASGIApp

from gesso.errors import EngineError, NoEngine, NotFound
from gesso.fleet.member import Member
from gesso.fleet.supervisor import Supervisor
from gesso.gateway import responses
from gesso.gateway.comfyui.body import JSON_BYTES, read_body
from gesso.gateway.comfyui.poll import none_usable
from gesso.gateway.proxy_http import Proxied, forwarded

# Names the engine that a request is for.
HEADER, PARAMETER = "gesso-engine", "engine"
# An engine that has not begun to answer by then is passed over, if there is another.
PATIENCE_S = 3.0
FREE_S = 30.0
NOT_FOUND = frozenset({404})
# ComfyUI fails on the index of a folder that only another engine has.
NO_PREVIEW = frozenset({404, 500})


class Passthrough:
    def __init__(self, supervisor: Supervisor, opened_paths: Sequence[str] = ()) -> None:
        self._supervisor = supervisor
        self.opened_paths = opened_paths
        """As in the configuration: "/mtb/status", "/mtb/*"."""

    async def read(self, request: Request, **_: str) -> ASGIApp:
        """A `GET` that changes nothing and tells of the server, not of its users: the first engine, in the
        order of the configuration, that has it. So all of a page comes from one frontend."""
        return self._first_that_has(request, NOT_FOUND)

    async def preview(self, request: Request, **_: str) -> ASGIApp:
        """The picture of a model."""
        return self._first_that_has(request, NO_PREVIEW)

    async def opened(self, request: Request, **_: str) -> ASGIApp:
        """A `GET` of a custom node's route that the configuration opens to users; it may take its time."""
        engines = self._engines(request)
        return Proxied([each.engine for each in engines], request, raw_path(request), unless=NOT_FOUND)

    async def control(self, request: Request, **_: str) -> ASGIApp:
        """A route that changes the server for everybody, or shows everybody's traces: of one engine, the
        first or the one that is named."""
        member = self._engines(request, parameter=True)[0]
        return Proxied([member.engine], request, raw_path(request), query=_without_name(request))

    async def unknown(self, request: Request, **_: str) -> ASGIApp:
        """A route that gesso does not know; a custom node may have brought it."""
        return Proxied([self._engines(request)[0].engine], request, raw_path(request))

    async def free(self, request: Request) -> ASGIApp:
        """`POST /free`: every engine, unless one is named, gives memory back as soon as it is idle."""
        members = self._engines(request, parameter=True)
        if len(self._supervisor.members()) == 1:
            return await self.control(request)
        body = await read_body(request, JSON_BYTES)
        results = await asyncio.gather(*(_free(member, request, body) for member in members))
        report = {member.name: result for member, result in zip(members, results, strict=True)}
        failed = [name for name, result in report.items() if result.get("status") != 200]
        if not failed:
            return responses.json({"engines": report})
        message = f"Not every engine frees its memory: {', '.join(failed)}."
        error = {"type": "engine_refused", "message": message, "details": "", "extra_info": {}}
        return responses.json({"error": error, "node_errors": {}, "engines": report}, 502)

    def _first_that_has(self, request: Request, unless: Collection[int]) -> ASGIApp:
        engines = [member.engine for member in self._engines(request)]
        return Proxied(engines, request, raw_path(request), unless=unless, patience_s=PATIENCE_S)

    def _engines(self, request: Request, *, parameter: bool = False) -> Sequence[Member]:
        """Those that may answer, in the order in which they are to be asked: one, where one is named."""
        name = request.headers.get(HEADER) or (parameter and request.query_params.get(PARAMETER))
        if name:
            member = self._supervisor.find(name)
            if member is None:
                raise NotFound(
                    f"There is no engine {name!r}.", remedy="`gesso engines list` has their names."
                )
            if not member.usable:
                raise NoEngine(f"Engine {name!r} is not ready: it is {member.state}.")
            return (member,)
        if (error := none_usable(self._supervisor)) is not None:
            raise error
        return [member for member in self._supervisor.members() if member.usable]


async def _free(member: Member, request: Request, body: bytes) -> dict[str, Any]:
    headers = forwarded(request.scope["headers"])
    try:
        async with asyncio.timeout(FREE_S):
            answer = await member.engine.request("POST", "/free", headers=headers, body=body)
        answer.close()
    except (EngineError, TimeoutError) as error:
        return {"error": str(error) or f"no answer within {FREE_S:.0f} s"}
    return {"status": answer.status}


def raw_path(request: Request) -> str:
    """The path as it was sent: `%2F` is not `/`. Dot segments never travel on."""
    path: str = request.scope["raw_path"].decode("latin-1").partition("?")[0]
    segments = [segment for segment in path.split("/") if unquote(segment) not in (".", "..")]
    return "/".join(segments) or "/"


def _without_name(request: Request) -> str:
    query: str = request.scope["query_string"].decode("latin-1")
    if PARAMETER not in request.query_params:
        return query
    return urlencode([(k, v) for k, v in parse_qsl(query, keep_blank_values=True) if k != PARAMETER])
