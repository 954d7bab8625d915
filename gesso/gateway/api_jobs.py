"""`/gesso/api/jobs`: one's own jobs; those of all with jobs:all."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query

from gesso.access.identity import Identity
from gesso.gateway.api_caller import Where, holder
from gesso.gateway.api_models import Job, JobDetails, Jobs
from gesso.gateway.api_position import Position
from gesso.gateway.api_titles import Titles
from gesso.gateway.oversight import Oversight
from gesso.jobs import job as jobs
from gesso.jobs.job import State
from gesso.jobs.positions import Positions
from gesso.jobs.queue import ACTIVE, Queue
from gesso.jobs.queue_listing import Listed

Owner = Annotated[Identity, Depends(holder("jobs:own"))]
Limit = Annotated[int, Query(ge=1, le=1000)]
Kind = Literal["comfyui", "openai"]

Cancel = Callable[[str | None, Sequence[str] | None, Sequence[State]], Awaitable[object]]
"""`Dispatcher.cancel`: cancels in the queue, and interrupts the engine of a job that runs."""
Waiting = Callable[[], Collection[str]]
"""`Dispatcher.waiting`: jobs that an engine has, but has not begun."""


class _Shown:
    """Jobs as the API tells them, with what their records do not hold."""

    def __init__(self, queue: Queue, oversight: Oversight, waiting: Waiting, positions: Positions) -> None:
        self._titles = Titles(queue)
        self._oversight = oversight
        self._waiting = waiting
        self._positions = positions

    async def listed(
        self, identity: Identity, found: Sequence[Listed], name_of: Mapping[str, str]
    ) -> list[Job]:
        title_of = await self._titles.of(found, identity.account_id)
        at_engine = self._waiting()
        outlooks = await self._positions.of_listed(found)
        return [
            Job.of(
                job,
                name_of.get(job.owner, job.owner),
                title=title_of[job.id],
                at_engine=job.id in at_engine,
                position=Position.of(outlooks[job.id]),
            )
            for job in found
        ]

    async def details(self, identity: Identity, job: jobs.Job) -> JobDetails:
        mine = job.owner == identity.account_id
        return JobDetails.of(
            job,
            identity.name if mine else await self._oversight.name_of(job.owner),
            title=(await self._titles.of([job], identity.account_id))[job.id],
            at_engine=job.id in self._waiting(),
            position=Position.of(await self._positions.of(job)),
        )


def job_routes(
    queue: Queue, cancel: Cancel, oversight: Oversight, waiting: Waiting, positions: Positions
) -> APIRouter:
    router = APIRouter(prefix="/jobs", tags=["jobs"])
    shown = _Shown(queue, oversight, waiting, positions)

    @router.get("")
    async def list_jobs(
        identity: Owner,
        where: Where,
        state: Annotated[list[State] | None, Query()] = None,
        limit: Limit = 50,
        after: str | None = None,
        kind: Kind | None = None,
        all: bool = False,
    ) -> Jobs:
        """Jobs that run, then those that wait, then those that ended, the latest first.

        With the id of a job that has ended as `after`: those that ended before it. `kind` is the API that
        they came by.
        """
        name_of = {identity.account_id: identity.name}
        if all:
            name_of = await oversight.looks_at_all(identity, where, "jobs")
        owner = None if all else identity.account_id
        states = frozenset(state or State)
        found = await queue.page(owner, states, limit=limit + 1, after=after, kind=kind)
        listed, more = found[:limit], len(found) > limit
        return Jobs(jobs=await shown.listed(identity, listed, name_of), more=more)

    @router.get("/{job_id}")
    async def show_job(identity: Owner, where: Where, job_id: str) -> JobDetails:
        """One job, with what was asked and what came of it."""
        return await shown.details(identity, await oversight.finds(identity, where, job_id, "details"))

    @router.post("/{job_id}/cancel")
    async def cancel_job(identity: Owner, where: Where, job_id: str) -> JobDetails:
        """Cancel a job that waits or runs; of one that has ended, only its state is told. Again is fine."""
        owner = None if identity.may("jobs:all") else identity.account_id
        await oversight.cancels(identity, where, await queue.get(job_id, owner))
        await cancel(owner, [job_id], ACTIVE)
        return await shown.details(identity, await queue.get(job_id, owner))

    return router
