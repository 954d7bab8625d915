"""Gives waiting jobs to engines that have room, adopts what an earlier gesso left, keeps the lease."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress

from gesso.errors import EngineError
from gesso.events import Bus, EngineChanged, JobChanged
from gesso.fleet.member import Member
from gesso.fleet.supervisor import Supervisor
from gesso.jobs.job import Cancelled, Claim, State
from gesso.jobs.queue import Queue
from gesso.jobs.runner import Runner

logger = logging.getLogger(__name__)

# The queue and the fleet wake the dispatcher; this is for a wake-up that another process should have sent.
FALLBACK_S = 1.0
GONE = "The engine that ran the job is gone."


class Dispatcher:
    """The one place where jobs and engines meet. `run` until cancelled; `stop_claiming` first, to drain."""

    def __init__(
        self,
        *,
        queue: Queue,
        supervisor: Supervisor,
        runner: Runner,
        bus: Bus,
        session: str,
        heartbeat_s: float,
    ) -> None:
        self._queue = queue
        self._bus = bus
        self._supervisor = supervisor
        self._runner = runner
        self._session = session
        self._heartbeat_s = heartbeat_s
        self._claiming = True
        # Set when a job came or went, or an engine's state changed.
        self._wake = asyncio.Event()
        bus.subscribe(EngineChanged, lambda _: self._wake.set())
        self._running: dict[str, tuple[Claim, asyncio.Task[None]]] = {}

    async def run(self) -> None:
        orphans = await self._queue.claims_held()
        if orphans:
            logger.info("%d jobs were running when gesso ended; asking their engines", len(orphans))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._beat())
            tasks.create_task(self._listen())
            while True:
                self._wake.clear()
                # The one broad except of this loop: one bad tick must not end all dispatch.
                try:
                    orphans = await self._adopt(orphans, tasks)
                    await self._claim(tasks)
                except Exception:
                    logger.exception("dispatcher tick failed")
                with suppress(TimeoutError):
                    async with asyncio.timeout(FALLBACK_S):
                        await self._wake.wait()

    async def _listen(self) -> None:
        while True:
            await self._queue.changed()
            self._wake.set()

    async def _adopt(self, orphans: Sequence[Claim], tasks: asyncio.TaskGroup) -> list[Claim]:
        """Take over each orphan whose engine can be asked; returns those that must wait for theirs."""
        waiting = []
        for claim in orphans:
            member = self._supervisor.find(claim.engine)
            if member is not None and member.ready:
                self._start(await self._queue.adopt(claim, self._session), member, tasks, adopted=True)
            elif member is None or member.given_up:
                logger.warning("job %s: its engine %r is gone", claim.job.id, claim.engine)
                await self._queue.release(
                    claim, error={"code": "engine_gone", "message": "The engine is gone."}
                )
            else:
                waiting.append(claim)
        return waiting

    async def _claim(self, tasks: asyncio.TaskGroup) -> None:
        for member in self._supervisor.members():
            room = member.config.slots - self._load(member.name)
            if not (self._claiming and member.ready and room > 0):
                continue
            for claim in await self._queue.claim(member.name, self._session, limit=room):
                self._start(claim, member, tasks, adopted=False)

    def _start(self, claim: Claim, member: Member, tasks: asyncio.TaskGroup, *, adopted: bool) -> None:
        task = tasks.create_task(self._drive(claim, member, adopted=adopted), name=f"job {claim.job.id}")
        self._running[claim.job.id] = (claim, task)
        task.add_done_callback(lambda _: self._ended(claim))

    def _ended(self, claim: Claim) -> None:
        del self._running[claim.job.id]
        self._wake.set()

    async def _drive(self, claim: Claim, member: Member, *, adopted: bool) -> None:
        try:
            await self._runner.run(claim, member, adopted=adopted)
        except Exception:
            # The job stays leased to us and is adopted at the next start: never lost, never run twice.
            logger.exception("runner of job %s failed", claim.job.id)

    def _load(self, engine: str) -> int:
        return sum(1 for claim, _ in self._running.values() if claim.engine == engine)

    async def cancel(
        self, owner: str | None, ids: Sequence[str] | None, states: Sequence[State]
    ) -> list[Cancelled]:
        """Cancel the owner's jobs in `states` (all of them, or those named); running ones are interrupted."""
        cancelled = await self._queue.cancel(owner, ids, states)
        for job in cancelled:
            if job.was_running:
                await self._interrupt(job.id)
            else:
                remaining = await self._queue.remaining(job.owner)
                self._bus.publish(
                    JobChanged(
                        job_id=job.id,
                        owner=job.owner,
                        client_id=job.client_id,
                        state=State.CANCELLED,
                        remaining=remaining,
                    )
                )
        return cancelled

    async def _interrupt(self, job_id: str) -> None:
        held = self._running.get(job_id)
        if held is None:
            return
        claim, _ = held
        member = self._supervisor.find(claim.engine)
        if member is not None and member.engine is not None:
            try:
                await member.engine.cancel(claim.prompt_id)
            except EngineError as error:
                logger.warning("job %s: its engine could not be told to stop: %s", job_id, error.message)

    async def _beat(self) -> None:
        """Keep our lease, and interrupt the jobs whose cancellation another gateway accepted."""
        while True:
            for job_id in await self._queue.beat(self._session):
                await self._interrupt(job_id)
            await asyncio.sleep(self._heartbeat_s)

    async def drain(self, limit_s: float) -> None:
        """Claim no more, and wait for what runs, but not longer than `limit_s`."""
        self._claiming = False
        tasks = [task for _, task in self._running.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=limit_s)
