"""Administrators at what is others': held to jobs:all, and noted before anything is shown or done."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from gesso.access.access import Access
from gesso.access.audit import Audit
from gesso.access.identity import Identity
from gesso.errors import NotFound, RequestError
from gesso.gateway.middleware.addressed import from_where
from gesso.gateway.routing import Handler
from gesso.jobs.job import Job
from gesso.jobs.queue import Queue
from gesso.protocol.files import FileRef, output_files, parse_annotated

SCOPE = "jobs:all"
# What shows something and changes nothing: the same look again needs no line of its own.
READ_ONLY = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Owned:
    """A file of somebody's that a job of his names; `sha256`: only if it still is this content."""

    account_id: str
    sha256: str | None


class Oversight:
    """What an administrator may look at and do beyond his own, and the lines that this leaves."""

    def __init__(self, *, audit: Audit, access: Access, queue: Queue) -> None:
        self._audit = audit
        self._access = access
        self._queue = queue

    async def looks_at_all(self, identity: Identity, where: str, what: str) -> dict[str, str]:
        """Let him see `what` of all ("queue", "history", "jobs"): all accounts' names by id. Forbidden."""
        identity.require(SCOPE)
        await self._audit.looked(identity, "jobs.view_all", what, address=where)
        return {account.id: account.name for account in await self._access.accounts()}

    async def finds(self, identity: Identity, where: str, job_id: str, what: str) -> Job:
        """The job, his own or another's; NotFound as if there were none where he may not see it."""
        job = await self._queue.get(job_id, None if identity.may(SCOPE) else identity.account_id)
        if job.owner != identity.account_id:
            detail = {"owner": await self.name_of(job.owner), "shown": what}
            await self._audit.looked(identity, "job.view", job.id, address=where, detail=detail)
        return job

    async def finds_file(self, identity: Identity, where: str, job_id: str, ref: FileRef) -> Owned:
        """Whose `ref` is, if the job made it or was given it; NotFound."""
        identity.require(SCOPE)
        job = await self._queue.get(job_id)
        given = {_ref_of(one): one.get("sha256") for one in job.inputs}
        if ref not in given and ref not in output_files(job.outputs or {}):
            raise NotFound(f"The job {job_id!r} has no file {ref.filename!r}.")
        await self.finds(identity, where, job_id, "files")
        return Owned(account_id=job.owner, sha256=given.get(ref))

    async def cancels(self, identity: Identity, where: str, job: Job) -> None:
        """To be called before he cancels this job."""
        if job.owner != identity.account_id and not job.state.ended:
            identity.require(SCOPE)
            detail = {"owner": await self.name_of(job.owner)}
            await self._audit.note(identity, "job.cancel", job.id, address=where, detail=detail)

    async def name_of(self, account_id: str) -> str:
        try:
            return (await self._access.account(account_id)).name
        except NotFound:
            return account_id

    def noted(self, handler: Handler) -> Handler:
        """The same handler of a route that changes the server, or shows everybody's traces; noted first."""

        async def note_first(request: Request, **params: str) -> Any:
            identity: Identity = request.scope["gesso.identity"]
            target = f"{request.method} {request.scope['path']}"
            engine = request.headers.get("gesso-engine") or request.query_params.get("engine")
            note: Callable[..., Awaitable[None]] = (
                self._audit.looked if request.method in READ_ONLY else self._audit.note
            )
            detail = {"engine": engine} if engine else None
            await note(identity, "route.control", target, address=from_where(request), detail=detail)
            return await handler(request, **params)

        return note_first


def asks_for_all(request: Request) -> bool:
    """Whether the query says `all=true`. Never remembered: without it an administrator sees only his own."""
    value = request.query_params.get("all", "false").lower()
    if value not in ("true", "1", "false", "0", ""):
        raise RequestError(f"`all` is true or false, not {value[:20]!r}.")
    return value in ("true", "1")


def _ref_of(given: dict[str, Any]) -> FileRef | None:
    try:
        return parse_annotated(str(given.get("file")))
    except RequestError:
        return None
