"""The durable queue: accepted means committed, and every change is one short transaction."""

import asyncio
import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from gesso.database.database import Database
from gesso.jobs import (
    claim_leases,
    queue_end,
    queue_listing,
    queue_position,
    queue_submit,
    queue_views,
    queue_waits,
    usage,
)
from gesso.jobs.claim import Accepts, Offer, claim, is_outrun, place
from gesso.jobs.job import Cancelled, Claim, Counts, Job, Limits, Reaped, Spec, State
from gesso.jobs.queue_listing import Listed
from gesso.jobs.queue_position import Backlog
from gesso.jobs.queue_rows import set_limits, sync_limits
from gesso.jobs.rouse import Wait
from gesso.jobs.usage import By, Standing, Used

ACTIVE = (State.QUEUED, State.RUNNING)


class Queue:
    """What the gateway and the dispatcher see of jobs. The functions behind it work on a connection."""

    def __init__(
        self, database: Database, *, clock: Callable[[], float] = time.time, limits: Limits | None = None
    ) -> None:
        self._database = database
        self._clock = clock
        self._limits = limits or Limits()
        self._changed = asyncio.Event()

    async def submit(self, spec: Spec, limits: Limits | None = None) -> Job:
        """Accept a job; when this returns, it survives any crash.

        The same id or idempotency key with the same request returns the job accepted then, in
        whatever state it is now. Raises IdempotencyMismatch, OverLimit, or Conflict where the id is
        another user's. `limits` are the owner's (None: the queue's own).
        """
        job = await self._database.tx(queue_submit.submit, spec, limits or self._limits, self._clock())
        self._wake()
        return job

    async def claim(
        self, engine: str, session: str, *, accepts: Accepts = lambda needs: True, limit: int = 1
    ) -> list[Claim]:
        """Take up to `limit` jobs for `engine`, in fair turns, of those whose needs it `accepts`.

        Bound to the engine, the session and a prompt id when this returns; hand them to the engine
        under exactly that prompt id. `accepts` is called on the database's thread.
        """
        return await self._database.tx(claim, engine, session, accepts, limit, self._clock())

    async def place(self, offers: Sequence[Offer], session: str) -> list[Claim]:
        """Take at most one job for each engine on offer, in fair turns, each where it is best placed.

        Otherwise like `claim`.
        """
        return await self._database.tx(place, offers, session, self._clock())

    async def is_outrun(self, claim: Claim, accepts: Accepts) -> bool:
        """Whether another user's turn on that engine has come, were this job not to have been claimed."""
        return await self._database.read(is_outrun, claim, accepts, self._clock())

    async def waits(self) -> list[Wait]:
        """The kinds of jobs that an engine could be given now, and for how long they have waited."""
        return await self._database.read(queue_waits.waits, self._clock())

    async def finish(
        self,
        claim: Claim,
        state: State,
        *,
        outputs: dict[str, Any] | None = None,
        error: dict[str, Any] | None = None,
        meta: dict[str, Any] | None = None,
        seconds: float | None = None,
        silence: float | None = None,
    ) -> Job | None:
        """Record how the job ended (once). None: the claim is void, another has the job; drop the result.

        `seconds` of its engine are charged to its owner; not known: all since the claim. `silence`: the
        longest time in which its engine told no progress.
        """
        job = await self._database.tx(
            queue_end.finish, claim, state, outputs, error, meta, self._clock(), seconds, silence
        )
        self._wake()
        return job

    async def release(
        self,
        claim: Claim,
        *,
        error: dict[str, Any] | None = None,
        refund: bool = True,
        delay_s: float = 0.0,
        avoid_s: float = 0.0,
        counts: bool = True,
    ) -> Job | None:
        """Give the job back after its engine failed; the snapshot returned says what became of it.

        QUEUED: it waits `delay_s`, and stays away from this engine for `avoid_s`. FAILED ("job_lost"):
        that was its last attempt. CANCELLED: that had been asked meanwhile. None: the claim is void.
        `counts` False: it was no attempt, for no engine will have begun it.
        """
        job = await self._database.tx(
            queue_end.release, claim, error, refund, delay_s, avoid_s, self._clock(), counts
        )
        self._wake()
        return job

    async def cancel(
        self, owner: str | None, ids: Sequence[str] | None = None, states: Sequence[State] = ACTIVE
    ) -> list[Cancelled]:
        """Cancel the owner's jobs in `states`, those named or all; `owner` None: anybody's.

        A queued job is cancelled when this returns; of a running one it is asked, and its runner
        interrupts it.
        """
        reached = await self._database.tx(queue_end.cancel, owner, ids, states, self._clock())
        self._wake()
        return reached

    async def cancel_asked(self, claim: Claim) -> bool:
        """Whether somebody wants this running job cancelled."""
        return (await self.get(claim.job.id)).cancel_asked

    async def get(self, job_id: str, owner: str | None = None) -> Job:
        """Raises NotFound where there is no such job, or it is not `owner`'s (None: anybody's)."""
        return await self._database.read(queue_views.get, job_id, owner)

    async def same_request(self, owner: str, request_hash: str, since: float) -> list[Job]:
        """The owner's jobs of this very request that have not ended, or not before `since`, latest first."""
        return await self._database.read(queue_views.same_request, owner, request_hash, since)

    async def queued(self, owner: str | None = None) -> list[Job]:
        """In the order in which each owner's jobs will be claimed."""
        return await self._database.read(queue_views.queued, owner)

    async def running(self, owner: str | None = None) -> list[Job]:
        """Longest running first."""
        return await self._database.read(queue_views.running, owner)

    async def active(self, owner: str | None = None) -> tuple[list[Job], list[Job]]:
        """`running` and `queued` at one moment."""
        return await self._database.read(queue_views.active, owner)

    async def finished(
        self, owner: str | None = None, limit: int | None = None, offset: int = -1
    ) -> list[Job]:
        """History, oldest first; `limit` and `offset` mean what they mean in ComfyUI's `/history`."""
        return await self._database.read(queue_views.finished, owner, limit, offset)

    async def page(
        self,
        owner: str | None = None,
        states: Collection[State] = tuple(State),
        *,
        limit: int,
        after: str | None = None,
        kind: str | None = None,
    ) -> list[Listed]:
        """For people to look through: running, waiting, then ended jobs, the latest first.

        `after`: only those that ended before that job; NotFound where it has not, or is not `owner`'s.
        `kind`: only those of that kind.
        """
        return await self._database.read(queue_listing.page, owner, states, limit, after, kind)

    async def payloads(self, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """What was asked for in these jobs, whosever they are."""
        return await self._database.read(queue_listing.payloads, ids)

    async def delete_finished(self, owner: str | None, ids: Sequence[str] | None = None) -> list[str]:
        """Hide ended jobs, those named or all, from history; returns the ids of those that were in it."""
        return await self._database.tx(queue_end.delete_finished, owner, ids)

    async def counts(self) -> Counts:
        return await self._database.read(queue_views.counts)

    async def remaining(self, owner: str) -> int:
        """How many of the owner's jobs are queued or running."""
        return await self._database.tx(queue_views.remaining, owner)

    async def backlog(self, engines: Sequence[str], known: Collection[str]) -> Backlog:
        """Who waits, what runs, and what such jobs took on `engines` but for shapes that are `known`."""
        return await self._database.read(queue_position.backlog, engines, known)

    async def silences(self, shape: str, engines: Sequence[str]) -> dict[str, list[float]]:
        """By engine: the longest silence of each of the latest runs of this workflow that succeeded there."""
        return await self._database.read(queue_position.silences, shape, engines)

    async def own_place(self, job_id: str) -> tuple[str, int]:
        """The owner of a waiting job, and how many of his jobs come before it. NotFound: it does not wait."""
        return await self._database.read(queue_position.own_place, job_id)

    async def integrity(self) -> list[str]:
        """What contradicts what in the queue's tables; empty when all is well."""
        return await self._database.tx(queue_views.integrity)

    async def set_limits(self, owner: str, limits: Limits) -> None:
        """Change a user's share and limits; jobs already charged stay charged as they were."""
        await self._database.tx(set_limits, owner, limits)
        self._wake()

    async def sync_limits(self, limits_of: Mapping[str, Limits]) -> None:
        """`set_limits` for many, of whom only those are touched for whom it changes anything."""
        await self._database.tx(sync_limits, limits_of)
        self._wake()

    async def standing(self, owner: str) -> Standing:
        """What the owner has of what is limited."""
        return await self._database.read(usage.standing, owner, self._clock())

    async def usage(self, by: By, since: float, until: float, owner: str | None = None) -> list[Used]:
        """What was used from `since` to `until`, by the owner or by everybody."""
        return await self._database.read(usage.usage, by, since, until, owner)

    async def open_session(self, url: str | None = None) -> str:
        """Begin to drive jobs; returns the session's id, to be kept alive with `beat`."""
        session = str(uuid.uuid4())
        await self._database.tx(claim_leases.open_session, session, url, self._clock())
        return session

    async def close_session(self, session: str) -> None:
        """Stop; what the session still drives can be adopted at once."""
        await self._database.tx(claim_leases.close_session, session)

    async def beat(self, session: str) -> list[str]:
        """Extend the lease; returns the ids of our running jobs that somebody wants cancelled.

        Raises Conflict when we were declared dead: stop driving, open a new session.
        """
        return await self._database.tx(claim_leases.beat, session, self._clock())

    async def reap(self, ttl_s: float) -> Reaped:
        """Declare sessions silent for `ttl_s` dead, and say what nobody drives any more."""
        reaped = await self._database.tx(claim_leases.reap, ttl_s, self._clock())
        self._wake()
        return reaped

    async def claims_held(self, engine: str | None = None) -> list[Claim]:
        """All running jobs (of one engine), whichever session drives them; for adoption at start."""
        return await self._database.tx(claim_leases.claims_held, engine)

    async def adopt(self, claim: Claim, session: str) -> Claim:
        """Take a job over from a session that is gone; `claim` is void then. Raises Conflict if it was."""
        return await self._database.tx(claim_leases.adopt, claim, session)

    async def changed(self) -> None:
        """Returns when something changed here since the last call returned: look again.

        For one waiter. Another gateway's changes do not wake it: use a limit of a second or so.
        """
        await self._changed.wait()
        self._changed.clear()

    def _wake(self) -> None:
        self._changed.set()
