"""Gives waiting jobs to engines that have room, adopts what an earlier gesso left, keeps the lease."""

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial, reduce
from operator import itemgetter

from gesso.engines.comfyui import Cancellation
from gesso.errors import Conflict, EngineError, StorageError
from gesso.events import Bus, EngineChanged
from gesso.fleet.member import Member
from gesso.fleet.supervisor import Supervisor
from gesso.jobs.claim import Offer
from gesso.jobs.condition import condition_of
from gesso.jobs.job import Cancelled, Claim, Job, State
from gesso.jobs.placement import Seat, due_in_s, is_soon, loaded_after, models_of
from gesso.jobs.queue import Queue
from gesso.jobs.relay import announce
from gesso.jobs.rouse import Engine, to_wake
from gesso.jobs.runner import Runner, kinds_of
from gesso.logs import about_job
from gesso.workflows.needs import has_all

logger = logging.getLogger(__name__)

# The queue and the fleet wake the dispatcher; this is for a wake-up that another process should have sent.
FALLBACK_S = 1.0
# Before a job whose end could not be recorded (no room on the disk, a defect) is taken up again.
RESUME_S = 3.0
# How many jobs' files may still be on their way to us while their engine is given more.
COLLECTING = 4
# How often a defect of ours may strike one job before it is given up as failed.
DEFECTS = 3
GONE = {"code": "engine_gone", "message": "The engine that ran the job is gone."}
DEFECT = {
    "code": "internal_error",
    "message": "gesso itself failed while it followed this job.",
    "remedy": "Look for the job's id in gesso's log, and report what stands there.",
}


class Dispatcher:
    """The one place where jobs and engines meet. `run` until cancelled; `drain` first, to end in order."""

    def __init__(
        self, *, queue: Queue, supervisor: Supervisor, runner: Runner, bus: Bus, session: str, lease_s: float
    ) -> None:
        self._queue = queue
        self._supervisor = supervisor
        self._runner = runner
        self._bus = bus
        self._session = session
        self._lease_s = lease_s
        self._claiming = True
        # Jobs that some engine may be at work on, and that nobody follows.
        self._orphans: list[Claim] = []
        self._defects: dict[str, int] = {}
        # By engine: the job that ran when the one behind it was taken back because of another's turn.
        self._outrun: dict[str, str] = {}
        # By engine: when a job last ended there, by time.monotonic.
        self._used_at: dict[str, float] = {}
        # No longer at their engines, and not yet recorded as waiting.
        self._coming_back: set[str] = set()
        self._running: dict[str, tuple[Claim, Member, asyncio.Task[None]]] = {}
        # Until an engine that is busy has room, or else `FALLBACK_S`.
        self._look_in_s = FALLBACK_S
        # Set when a job came or went, or an engine's state changed.
        self._wake = asyncio.Event()
        bus.subscribe(EngineChanged, lambda _: self._wake.set())
        runner.on_over = self._wake.set
        for member in supervisor.members():
            member.jobs = partial(self._jobs_at, member.name)

    async def run(self) -> None:
        # The storage is ours alone, so whatever runs in the database is followed by nobody.
        self._orphans = await self._queue.claims_held()
        if self._orphans:
            logger.info("%d jobs were running when gesso ended; asking their engines", len(self._orphans))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._beat())
            tasks.create_task(self._listen())
            while True:
                self._wake.clear()
                # The one broad except of this loop: one bad tick must not end all dispatch.
                try:
                    await self._adopt(tasks)
                    await self._claim(tasks)
                    await self._recall(tasks)
                    await self._rouse()
                except Exception:
                    logger.exception("dispatcher tick failed")
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._look_in_s):
                        await self._wake.wait()

    async def drain(self, limit_s: float) -> None:
        """Claim no more, and wait for what runs, but not longer than `limit_s`."""
        self._claiming = False
        tasks = [task for _, _, task in self._running.values()]
        if tasks:
            logger.info("waiting up to %.0f s for %d running jobs", limit_s, len(tasks))
            await asyncio.wait(tasks, timeout=limit_s)

    def waiting(self) -> set[str]:
        """The jobs that an engine was handed while it is at work on another: they run for us, but to their
        owners they still wait."""
        busy: set[str] = set()
        waiting = set(self._coming_back)
        for job_id, (_, member, _) in self._running.items():
            if self._runner.is_over(job_id):
                continue
            if member.name in busy and self._runner.begun_at(job_id) is None:
                waiting.add(job_id)
            busy.add(member.name)
        return waiting

    async def cancel(
        self, owner: str | None, ids: Sequence[str] | None, states: Sequence[State]
    ) -> list[Cancelled]:
        """Cancel the owner's jobs in `states` (all, or those named); running ones are interrupted.

        A job that waits at its engine counts as queued.
        """
        running = await self._queue.running(owner) if self._running else []
        waiting = self.waiting() & {job.id for job in running}
        wanted = {job.id for job in running} if ids is None else set(ids)
        reached = []
        if State.QUEUED in states:
            reached += await self._cancel_queued(owner, ids)
            for job_id in waiting & wanted:
                reached += await self._withdraw(job_id)
        if State.RUNNING in states:
            reached += await self._queue.cancel(owner, sorted(wanted - waiting), [State.RUNNING])
            for job in reached:
                if job.was_running and job.id not in waiting:
                    await self._interrupt(job.id)
        return reached

    async def _cancel_queued(self, owner: str | None, ids: Sequence[str] | None) -> list[Cancelled]:
        cancelled = await self._queue.cancel(owner, ids, [State.QUEUED])
        for job in cancelled:
            await announce(self._bus, self._queue, await self._queue.get(job.id), State.CANCELLED)
        return cancelled

    async def _withdraw(self, job_id: str) -> list[Cancelled]:
        """Take a job back from its engine, and keep it out of history: it never ran, or it is interrupted."""
        # First in the queue's records, so that its runner takes no other end for one to be tried again.
        cancelled = await self._queue.cancel(None, [job_id], [State.RUNNING])
        how = await self._interrupt(job_id) if cancelled else None
        if how is Cancellation.DELETED and job_id in self._running:
            claim, _, task = self._running[job_id]
            task.cancel()
            done = await self._queue.finish(claim, State.CANCELLED, seconds=0.0)
            await self._queue.delete_finished(claim.job.owner, [job_id])
            if done is not None:
                await announce(self._bus, self._queue, done, State.CANCELLED)
        return cancelled

    async def _listen(self) -> None:
        while True:
            await self._queue.changed()
            self._wake.set()

    async def _adopt(self, tasks: asyncio.TaskGroup) -> None:
        """Follow each orphan whose engine can be asked; the others wait for theirs."""
        orphans, self._orphans = self._orphans, []
        for claim in orphans:
            member = self._supervisor.find(claim.engine)
            with about_job(claim.job.id):
                try:
                    if member is not None and member.usable:
                        self._start(
                            await self._queue.adopt(claim, self._session), member, tasks, adopted=True
                        )
                    elif member is None or member.given_up:
                        logger.warning("job %s: its engine %r is gone", claim.job.id, claim.engine)
                        await self._queue.release(claim, error=GONE)
                    else:
                        self._orphans.append(claim)
                except Conflict:
                    logger.info("job %s ended meanwhile", claim.job.id)
                except StorageError as error:
                    logger.error("job %s waits, the storage fails: %s", claim.job.id, error.message)
                    tasks.create_task(self._resume(claim))

    async def _claim(self, tasks: asyncio.TaskGroup) -> None:
        while offers := self._offers():
            claims = await self._queue.place(offers, self._session)
            for claim in claims:
                member = self._supervisor.member(claim.engine)
                # Asked to drain, or to end, while the claim was written: it gets nothing new.
                if member.ready:
                    self._start(claim, member, tasks, adopted=False)
                else:
                    await self._give_back(claim)
            if not claims:
                break

    def _offers(self) -> list[Offer]:
        """The engines that may be given a job now, the least busy first; notes when the next of them may."""
        found = []
        self._look_in_s = FALLBACK_S
        for member in self._supervisor.members() if self._claiming else ():
            if not member.ready or member.catalog is None:
                continue
            jobs = [claim.job for claim in self._claims(member)]
            room_in_s = self._room_in_s(member, jobs)
            if room_in_s is not None and room_in_s > 0.0:
                self._look_in_s = min(self._look_in_s, room_in_s)
            elif room_in_s is not None:
                loaded = reduce(loaded_after, (models_of(job.needs) for job in jobs), member.models)
                load_s = self._runner.pace.load_s(loaded)
                seat = Seat(engine=member.name, loaded=loaded, load_s=load_s, idle=not jobs)
                offer = Offer(seat=seat, accepts=partial(has_all, member.catalog.catalog))
                # What was used last is loaded over last.
                used_at = self._used_at.get(member.name, 0.0) if loaded else 0.0
                found.append(((len(jobs), used_at), offer))
        return [offer for _, offer in sorted(found, key=itemgetter(0))]

    async def _recall(self, tasks: asyncio.TaskGroup) -> None:
        """Take back jobs that wait at an engine: if the one before takes longer than was thought, for another
        engine may have them; and if it is another user's turn by now."""
        for job_id in (self.waiting() & self._running.keys()) - self._runner.recalled:
            if job_id not in self._running:
                continue  # gone while another was looked at
            claim, member, task = self._running[job_id]
            jobs = [each.job for each in self._claims(member) if each.job.id != job_id]
            begun = [job for job in jobs if self._runner.begun_at(job.id)]
            if member.draining or not self._soon_done(member, begun) or await self._is_outrun(claim, member):
                # Aside: an engine that is slow to answer must not keep jobs from all others.
                self._runner.recalled.add(job_id)
                with about_job(job_id):
                    tasks.create_task(self._take_back(claim, member, task), name=f"recall {job_id}")

    async def _rouse(self) -> None:
        """Wake engines that sleep, for jobs that no engine that is awake can take, or takes soon."""
        members = self._supervisor.members()
        if self._claiming and any(member.asleep for member in members):
            engines = [
                Engine(
                    name=member.name,
                    accepts=partial(has_all, member.catalog.catalog),
                    condition=condition_of(member),
                )
                for member in members
                if member.catalog is not None
            ]
            for name in to_wake(await self._queue.waits(), engines):
                self._supervisor.wake(name)

    async def _is_outrun(self, claim: Claim, member: Member) -> bool:
        """Whether another's turn has come. A short job is not worth looking; and once for each job that runs
        is enough, whichever is put behind it then."""
        before = next((each.job.id for each in self._claims(member)), "")
        expected_s = self._runner.pace.expected_s(kinds_of(claim.job))
        if is_soon(expected_s, 0.0) or self._outrun.get(member.name) == before or member.catalog is None:
            return False
        if not await self._queue.is_outrun(claim, partial(has_all, member.catalog.catalog)):
            return False
        self._outrun[member.name] = before
        return True

    async def _take_back(self, claim: Claim, member: Member, following: asyncio.Task[None]) -> None:
        try:
            if await member.engine.withdraw(claim.prompt_id):
                following.cancel()
                await self._give_back(claim)
        except (EngineError, StorageError) as error:
            logger.warning("job %s stays at %r: %s", claim.job.id, member.name, error.message)
        finally:
            self._runner.recalled.discard(claim.job.id)

    async def _give_back(self, claim: Claim) -> None:
        """To the queue: its turn there was none."""
        self._coming_back.add(claim.job.id)
        try:
            await self._queue.release(claim, counts=False)
        finally:
            self._coming_back.discard(claim.job.id)

    def _jobs_at(self, engine: str) -> int:
        """How many of our jobs an engine has, followed or still to be taken up."""
        running = sum(claim.engine == engine for claim, _, _ in self._running.values())
        return running + sum(claim.engine == engine for claim in self._orphans)

    def _claims(self, member: Member) -> list[Claim]:
        """What the engine has to do, in its order."""
        at_work = (claim for claim, on, _ in self._running.values() if on is member)
        return [claim for claim in at_work if not self._runner.is_over(claim.job.id)]

    def _room_in_s(self, member: Member, jobs: Sequence[Job]) -> float | None:
        """When it may be handed another job beside `jobs`, which it has: at once if there are none; else
        shortly before they are done. None: that cannot be told, or it has enough."""
        collecting = sum(on is member for _, on, _ in self._running.values()) - len(jobs)
        if collecting > COLLECTING or (jobs and len(jobs) >= member.config.slots):
            return None
        return due_in_s(*self._expected_and_spent_s(member, jobs)) if jobs else 0.0

    def _soon_done(self, member: Member, jobs: Sequence[Job]) -> bool:
        """Whether it is done soon with `jobs`, which it has in this order."""
        return is_soon(*self._expected_and_spent_s(member, jobs))

    def _expected_and_spent_s(self, member: Member, jobs: Sequence[Job]) -> tuple[float | None, float]:
        """How long `jobs` take one after the other, None if that is not known; and how much of it is over."""
        loaded, expected_s, spent_s = member.models, 0.0, 0.0
        for job in jobs:
            models = models_of(job.needs)
            takes_s = self._runner.pace.expected_s(kinds_of(job), loads=not models <= loaded)
            if takes_s is None:
                return None, spent_s
            expected_s += takes_s
            begun_at = self._runner.begun_at(job.id)
            spent_s += 0.0 if begun_at is None else time.monotonic() - begun_at
            loaded = loaded_after(loaded, models)
        return expected_s, spent_s

    def _start(self, claim: Claim, member: Member, tasks: asyncio.TaskGroup, *, adopted: bool) -> None:
        with about_job(claim.job.id):
            task = tasks.create_task(self._follow(claim, member, adopted=adopted), name=f"job {claim.job.id}")
        self._running[claim.job.id] = (claim, member, task)
        task.add_done_callback(partial(self._ended, claim))

    def _ended(self, claim: Claim, task: asyncio.Task[None]) -> None:
        self._used_at[claim.engine] = time.monotonic()
        if self._running[claim.job.id][2] is task:  # and not the one that took the job up again
            del self._running[claim.job.id]
        self._wake.set()

    async def _follow(self, claim: Claim, member: Member, *, adopted: bool) -> None:
        """Run it to its end; where the end cannot be recorded now, let it be taken up again."""
        try:
            await self._runner.run(claim, member, adopted=adopted)
            self._defects.pop(claim.job.id, None)
            return
        except StorageError as error:
            logger.error("job %s waits, the storage fails: %s %s", claim.job.id, error.message, error.remedy)
        except Exception:
            logger.exception("following job %s failed", claim.job.id)
            struck = self._defects[claim.job.id] = self._defects.get(claim.job.id, 0) + 1
            if struck >= DEFECTS:
                with suppress(StorageError):
                    await self._runner.give_up(claim, DEFECT)
                    del self._defects[claim.job.id]
                    return
        await self._resume(claim)

    async def _resume(self, claim: Claim) -> None:
        await asyncio.sleep(RESUME_S)
        self._orphans.append(claim)
        self._wake.set()

    async def _interrupt(self, job_id: str) -> Cancellation | None:
        if job_id not in self._running:
            return None
        claim, member, _ = self._running[job_id]
        with about_job(job_id):
            try:
                return await self._runner.cancel(claim, member)
            except EngineError as error:
                logger.warning("job %s: its engine could not be told to stop: %s", job_id, error.message)
                return None

    async def _beat(self) -> None:
        """Keep our lease, interrupt jobs whose cancellation another gateway took, take up dead ones' jobs."""
        while True:
            try:
                for job_id in await self._queue.beat(self._session):
                    await self._interrupt(job_id)
                known = {claim.job.id for claim in self._orphans} | self._running.keys()
                reaped = await self._queue.reap(self._lease_s)
                self._orphans += [claim for claim in reaped.orphaned if claim.job.id not in known]
            except StorageError as error:
                logger.error("the lease could not be extended: %s %s", error.message, error.remedy)
            await asyncio.sleep(self._lease_s / 3)
