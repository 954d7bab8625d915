"""`/gesso/api/jobs`: one's own jobs; those of all with jobs:all."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from gesso.access.access import Access
from gesso.access.identity import Identity
from gesso.gateway.api_caller import holder
from gesso.gateway.api_models import Job, JobDetails, Jobs
from gesso.jobs.job import State
from gesso.jobs.queue import ACTIVE, Queue

Owner = Annotated[Identity, Depends(holder("jobs:own"))]
Limit = Annotated[int, Query(ge=1, le=1000)]

Cancel = Callable[[str | None, Sequence[str] | None, Sequence[State]], Awaitable[object]]
"""`Dispatcher.cancel`: cancels in the queue, and interrupts the engine of a job that runs."""


def job_routes(queue: Queue, cancel: Cancel, access: Access) -> APIRouter:
    router = APIRouter(prefix="/jobs", tags=["jobs"])

    async def names(identity: Identity) -> dict[str, str]:
        if not identity.may("jobs:all"):
            return {identity.account_id: identity.name}
        return {account.id: account.name for account in await access.accounts()}

    @router.get("")
    async def list_jobs(
        identity: Owner,
        state: Annotated[list[State] | None, Query()] = None,
        limit: Limit = 50,
        all: bool = False,
    ) -> Jobs:
        """Jobs that run, then those that wait, then those that ended, the latest first."""
        if all:
            identity.require("jobs:all")
        owner = None if all else identity.account_id
        wanted = frozenset(state or State)
        found = []
        if State.RUNNING in wanted:
            found += await queue.running(owner)
        if State.QUEUED in wanted:
            found += await queue.queued(owner)
        if len(found) < limit and wanted - set(ACTIVE):
            ended = reversed(await queue.finished(owner, limit))
            found += [job for job in ended if job.state in wanted]
        name_of = await names(identity)
        return Jobs(jobs=[Job.of(job, name_of.get(job.owner, job.owner)) for job in found[:limit]])

    @router.get("/{job_id}")
    async def show_job(identity: Owner, job_id: str) -> JobDetails:
        """One job, with what was asked and what came of it."""
        job = await queue.get(job_id, None if identity.may("jobs:all") else identity.account_id)
        return JobDetails.of(job, (await names(identity)).get(job.owner, job.owner))

    @router.post("/{job_id}/cancel")
    async def cancel_job(identity: Owner, job_id: str) -> JobDetails:
        """Cancel a job that waits or runs; of one that has ended, only its state is told. Again is fine."""
        owner = None if identity.may("jobs:all") else identity.account_id
        await queue.get(job_id, owner)
        await cancel(owner, [job_id], ACTIVE)
        return await show_job(identity, job_id)

    return router
