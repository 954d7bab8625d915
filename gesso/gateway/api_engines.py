"""`/gesso/api/engines`: what they are, how they fare, and the levers."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import PlainTextResponse, StreamingResponse
from starlette.responses import Response

from gesso.access.audit import Audit
from gesso.access.identity import Identity
from gesso.errors import NotFound, ProcessError
from gesso.fleet.member import Member
from gesso.fleet.supervisor import Supervisor
from gesso.gateway.api_caller import Where, holder
from gesso.gateway.api_findings import sees_logs
from gesso.gateway.api_models import Engine, Engines
from gesso.processes.logs import follow as followed
from gesso.processes.logs import tail

Reader = Annotated[Identity, Depends(holder("engines:read"))]
Controller = Annotated[Identity, Depends(holder("engines:control"))]
Lines = Annotated[int, Query(ge=0, le=100_000)]


def engine_routes(supervisor: Supervisor, audit: Audit) -> APIRouter:
    router = APIRouter(prefix="/engines", tags=["engines"])
    _add_levers(router, supervisor, audit)

    @router.get("")
    async def list_engines(identity: Reader) -> Engines:
        """Every engine, with its state and the evidence for it."""
        whole = sees_logs(identity)
        return Engines(engines=[Engine.of(member, whole=whole) for member in supervisor.members()])

    @router.get("/{name}")
    async def show_engine(identity: Reader, name: str) -> Engine:
        return Engine.of(supervisor.member(name), whole=sees_logs(identity))

    @router.get("/{name}/logs", response_class=PlainTextResponse)
    async def show_logs(
        identity: Controller, where: Where, name: str, lines: Lines = 100, follow: bool = False
    ) -> Response:
        """The last lines of its log; with `follow=1` then each new line, until you hang up."""
        member = _logged(supervisor.member(name))
        await audit.looked(identity, "engine.logs", name, address=where)
        if follow:
            stream = _lines(followed(member.log, lines=lines))
            return StreamingResponse(stream, media_type="text/plain; charset=utf-8")
        last = await asyncio.to_thread(tail, member.log, lines)
        return PlainTextResponse("".join(line + "\n" for line in last))

    return router


def _add_levers(router: APIRouter, supervisor: Supervisor, audit: Audit) -> None:
    async def note(by: Identity, verb: str, name: str, where: str) -> None:
        """Before it is done. What stops an engine is done even if it cannot be noted, see `Audit`."""
        stops = verb in ("stop", "drain")
        if verb in ("start", "stop", "restart"):
            supervisor.own(name)
        else:
            supervisor.member(name)
        await audit.note(by, f"engine.{verb}", name, address=where, even_unwritten=stops)

    @router.post("/{name}/start", status_code=202)
    async def start_engine(identity: Controller, where: Where, name: str) -> Engine:
        """Start it, with a new budget of restarts. Accepted; its state tells when it is ready."""
        await note(identity, "start", name, where)
        supervisor.start(name)
        return Engine.of(supervisor.member(name))

    @router.post("/{name}/stop")
    async def stop_engine(identity: Controller, where: Where, name: str) -> Engine:
        """Stop it; answered when it has ended. It stays so until it is started."""
        await note(identity, "stop", name, where)
        try:
            await supervisor.stop(name)
        except TimeoutError as error:
            raise ProcessError(
                f"Engine {name!r} has not ended yet, though it was asked to and killed."
            ) from error
        return Engine.of(supervisor.member(name))

    @router.post("/{name}/restart", status_code=202)
    async def restart_engine(identity: Controller, where: Where, name: str) -> Engine:
        """Stop it and start it anew. The jobs it runs are run again."""
        await note(identity, "restart", name, where)
        supervisor.restart(name)
        return Engine.of(supervisor.member(name))

    @router.post("/{name}/drain", status_code=202)
    async def drain_engine(identity: Controller, where: Where, name: str) -> Engine:
        """Give it no more jobs; it finishes what it has, and is `drained` then, until it is resumed."""
        await note(identity, "drain", name, where)
        await supervisor.drain(name)
        return Engine.of(supervisor.member(name))

    @router.post("/{name}/resume", status_code=202)
    async def resume_engine(identity: Controller, where: Where, name: str) -> Engine:
        """Give it jobs again."""
        await note(identity, "resume", name, where)
        await supervisor.resume(name)
        return Engine.of(supervisor.member(name))


def _logged(member: Member) -> Member:
    if member.external:
        raise NotFound(
            f"gesso does not run engine {member.name!r}, so it has no log of it.",
            remedy="Look for the log where the engine runs.",
        )
    return member


async def _lines(lines: AsyncIterator[str]) -> AsyncIterator[str]:
    async for line in lines:
        yield line + "\n"
