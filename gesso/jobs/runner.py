"""Runs one claimed job on its engine: hand it over, follow it, bring its files home, record its end."""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from gesso.engines.comfyui import Absent, Cancellation, Finished, Running
from gesso.engines.location import Location
from gesso.engines.socket import Delivery, Listener, Message, Reconnected
from gesso.errors import (
    EngineError,
    EngineFault,
    EngineHung,
    EngineRefused,
    EngineUnreachable,
    GessoError,
    InvalidWorkflow,
    RequestError,
    StorageError,
)
from gesso.events import Bus
from gesso.fleet.finding import Finding
from gesso.fleet.functional import Functional, How
from gesso.fleet.member import Member
from gesso.jobs.artifacts import Artifacts
from gesso.jobs.collect import Collector
from gesso.jobs.engine_fault import ENGINES_OWN, contradiction, failure_of, first_line
from gesso.jobs.files import Files
from gesso.jobs.hang_watch import HangWatch
from gesso.jobs.inputs import send_inputs
from gesso.jobs.job import Claim, Job, State
from gesso.jobs.pace import Pace
from gesso.jobs.placement import loaded_after, models_of
from gesso.jobs.queue import Queue
from gesso.jobs.relay import Relay, announce, tell
from gesso.jobs.verdict import (
    Verdict,
    error_message,
    failed_here,
    history_error,
    interrupted,
    pictures_made,
    read_history,
)
from gesso.protocol.comfyui import rewrite_prompt_id

logger = logging.getLogger(__name__)

# How long a running job may be silent before its engine is asked what became of it.
SILENCE_S = 2.0
# Between two questions to an engine that does not answer.
PATIENCE_S = 0.5
# Before a job whose engine failed is tried again; longer with each attempt.
RETRY_S = 1.0
RETRY_LIMIT_S = 30.0
# How long a job stays away from an engine that failed without ending, such as one whose disk is full.
AVOID_S = 10.0
# For our socket to an engine that has just become ready.
OPEN_S = 5.0
# For an engine that hangs to take our word that its job is not wanted any longer.
INTERRUPT_S = 5.0


class Runner:
    """Drives claims, one call of `run` each; the queue's fencing makes a late runner's result void."""

    def __init__(
        self,
        *,
        queue: Queue,
        artifacts: Artifacts,
        files: Files,
        bus: Bus,
        hangs: HangWatch,
        report: Callable[[str, Finding], None],
        unreachable_s: float = 120.0,
    ) -> None:
        self._queue = queue
        self._hangs = hangs
        self._report = report
        self._unreachable_s = unreachable_s
        self._artifacts = artifacts
        self._files = files
        self._bus = bus
        # Asked while the engine may not have had the job yet; by prompt id.
        self._cancelled: set[str] = set()
        self._relays: dict[str, Relay] = {}
        # Their engines are done with them; what is left is ours.
        self._over: set[str] = set()
        self.pace = Pace()
        self.recalled: set[str] = set()
        """Jobs that are being taken back from their engines; who takes them back finds out where they are."""
        self.on_over: Callable[[], None] = lambda: None
        """Called when an engine is done with a job, and could begin another."""

    async def cancel(self, claim: Claim, member: Member) -> Cancellation:
        """Have the engine stop this job, also if it is just being handed over. Raises EngineError."""
        self._cancelled.add(claim.prompt_id)
        return await member.engine.cancel(claim.prompt_id)

    def begun_at(self, job_id: str) -> float | None:
        """When (by time.monotonic) an engine began to execute the job; None: it still waits there."""
        relay = self._relays.get(job_id)
        return None if relay is None else relay.begun_at

    def is_over(self, job_id: str) -> bool:
        """Its engine is done with it: what remains is to fetch its files, and to record its end."""
        return job_id in self._over

    async def give_up(self, claim: Claim, error: dict[str, Any]) -> None:
        """Record, and tell, that the job failed for a reason of ours."""
        await self._finish(claim, Verdict(state=State.FAILED, error=error))

    async def run(self, claim: Claim, member: Member, *, adopted: bool) -> None:
        """From the claim to the recorded end; `adopted` when an earlier gesso may have handed it over."""
        if claim.job.cancel_asked:
            self._cancelled.add(claim.prompt_id)
        try:
            await self._run(claim, member, adopted=adopted)
        finally:
            self._hangs.end(claim)
            self._cancelled.discard(claim.prompt_id)
            self._over.discard(claim.job.id)
            self._relays.pop(claim.job.id, None)

    async def _run(self, claim: Claim, member: Member, *, adopted: bool) -> None:
        job = claim.job
        try:
            verdict = await self._drive(claim, member, adopted=adopted)
        except EngineError as error:
            hang = self._hangs.reason(claim)
            if isinstance(error, EngineHung):
                await self._interrupt(claim, member)
            if hang is not None:
                error = EngineHung(f"{claim.engine!r} hung: {hang}")
            self._hangs.leave(claim)
            logger.warning("job %s attempt %d on %s: %s", job.id, claim.attempt, claim.engine, error.message)
            # One that is given jobs still would be given this one again.
            avoids = isinstance(error, EngineFault | EngineRefused) and member.ready
            await self._requeue(claim, error, avoids=avoids)
            return
        except (RequestError, StorageError) as error:
            logger.warning("job %s failed on %s: %s", job.id, claim.engine, error.message)
            with suppress(EngineError):
                await member.engine.cancel(claim.prompt_id)
            verdict = failed_here(error)
        await self._finish(claim, verdict)

    async def _drive(self, claim: Claim, member: Member, *, adopted: bool) -> Verdict:
        job = claim.job
        collector = Collector(claim=claim, engine=member.engine, artifacts=self._artifacts, files=self._files)
        relay = Relay(claim=claim, bus=self._bus, queue=self._queue, collector=collector)
        self._relays[job.id] = relay
        async with member.socket.listen(claim.prompt_id) as listener:
            listener.on_end = partial(self._note_end, claim, member, listener)
            self._hangs.begin(claim, member, listener, lambda: listener.begun_at or relay.begun_at)
            connections = None
            if not adopted:
                # Not connected yet is no reason to wait for ever: history tells the end, too.
                await member.socket.opened(OPEN_S)
                connections = member.socket.connections
                await self._hand_over(claim, member)
            elif isinstance(await self._ask(claim, member), Absent):
                raise EngineUnreachable(f"{claim.engine!r} does not know the job it was running")
            self._hangs.taken(claim)
            if claim.prompt_id in self._cancelled:
                how = await member.engine.cancel(claim.prompt_id)
                if how is Cancellation.DELETED:
                    return interrupted(job, time.time())
            verdict = await self._follow(claim, member, listener, relay, collector)
            # Only of a line that never broke is all heard.
            unbroken = connections == member.socket.connections and listener.ended_at is not None
            if verdict.state is State.SUCCEEDED and unbroken:
                verdict = replace(verdict, silence=listener.silence_s)
            return verdict

    async def _hand_over(self, claim: Claim, member: Member) -> None:
        known = set(member.uploaded)
        try:
            await self._submit(claim, member)
        except InvalidWorkflow:
            if not known:
                raise
            # Its input folder may have been emptied behind our back: send everything again, once.
            member.uploaded.clear()
            await self._submit(claim, member)

    async def _submit(self, claim: Claim, member: Member) -> None:
        payload = claim.job.payload
        await member.engine.submit(
            prompt_id=claim.prompt_id,
            client_id=member.socket.client_id,
            prompt=await send_inputs(claim.job, member, self._artifacts),
            extra_data=payload["extra_data"],
            targets=payload["targets"],
        )

    async def _follow(
        self, claim: Claim, member: Member, listener: Listener, relay: Relay, collector: Collector
    ) -> Verdict:
        """Relay what the engine says until its history holds the end."""
        while True:
            message = await _next(listener)
            ended = False
            if message is not None and not isinstance(message, Reconnected):
                ended = await relay.tell(message)
                if not ended:
                    continue
            location = await self._ask(claim, member, ended=ended)
            if isinstance(location, Running):
                await relay.begin()
            if isinstance(location, Finished):
                while not listener.empty():
                    await relay.tell(listener.get_nowait())
                self._believe(claim, location, relay)
                item = rewrite_prompt_id(location.item, claim.prompt_id, claim.job.id)
                verdict = read_history(item)
                relay.tell_end(verdict.meta["status"])
                _note_pictures(verdict, member)
                outputs = {node: await collector.outputs(output) for node, output in verdict.outputs.items()}
                return replace(verdict, outputs=outputs)
            if isinstance(location, Absent) and claim.job.id not in self.recalled:
                if await self._queue.cancel_asked(claim):
                    return interrupted(claim.job, time.time())
                raise EngineUnreachable(f"{claim.engine!r} lost the job: it is in neither queue nor history")

    def _believe(self, claim: Claim, location: Finished, relay: Relay) -> None:
        """Raises EngineRefused where the history contradicts itself, EngineFault where the engine failed."""
        wrong = contradiction(location.item, relay.shown)
        if wrong is not None:
            raise EngineRefused(f"{claim.engine!r} does not tell the job's end: {wrong}")
        error = history_error(location.item)
        failure = None if error is None else failure_of(error)
        if error is None or failure is None:
            return
        said = f"{error.get('exception_type')}: {first_line(error.get('exception_message'))}"
        logger.warning("job %s on %s: %s: %s", claim.job.id, claim.engine, failure.name, said)
        self._report(claim.engine, failure.finding(said, time.time()))
        if failure.name in ENGINES_OWN:
            raise EngineFault(f"{claim.engine!r} failed, not the workflow: {failure.summary} ({said})")

    def _note_end(self, claim: Claim, member: Member, listener: Listener, message: Message) -> None:
        # Not when we have read so far: before that its files may be fetched, and the engine need not wait.
        self._over.add(claim.job.id)
        models = models_of(claim.job.needs)
        loads = not models <= member.models
        member.models = loaded_after(member.models, models)
        succeeded = message.type not in ("execution_error", "execution_interrupted")
        if succeeded and listener.begun_at is not None and listener.ended_at is not None:
            took_s = listener.ended_at - listener.begun_at
            self.pace.learn(kinds_of(claim.job), took_s, models=models, loads=loads)
        self.on_over()

    async def _ask(self, claim: Claim, member: Member, *, ended: bool = False) -> Location:
        """Where the engine has the job. An engine that does not answer is unknown, not lost: ask again,
        until it has been out of reach for so long that another engine should have the job. What a process
        of ours had is gone with it, however long the next one takes to start."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._unreachable_s
        while True:
            self._hangs.check(claim)
            try:
                return await member.engine.locate(claim.prompt_id, ended=ended)
            except EngineUnreachable:
                if loop.time() > deadline or member.given_up or self._hangs.is_lost(claim):
                    raise
                await asyncio.sleep(PATIENCE_S)

    async def _interrupt(self, claim: Claim, member: Member) -> None:
        """If the engine is not started anew: should it go on, then not with what another does by now."""
        with suppress(EngineError, TimeoutError):
            async with asyncio.timeout(INTERRUPT_S):
                await member.engine.cancel(claim.prompt_id)

    async def _requeue(self, claim: Claim, error: GessoError, *, avoids: bool) -> None:
        after = await self._queue.release(
            claim,
            error={"code": error.code, "message": error.message},
            delay_s=min(RETRY_S * claim.attempt, RETRY_LIMIT_S),
            avoid_s=AVOID_S if avoids else 0.0,
        )
        if after is None:
            logger.info("job %s is no longer ours", claim.job.id)
            return
        await self._announce(after)

    async def _finish(self, claim: Claim, verdict: Verdict) -> None:
        done = await self._queue.finish(
            claim,
            verdict.state,
            outputs=verdict.outputs,
            error=verdict.error,
            meta=verdict.meta,
            seconds=verdict.seconds,
            silence=verdict.silence,
        )
        if done is None:
            logger.info("job %s was finished by another; its result is dropped", claim.job.id)
            return
        await self._announce(done)

    async def _announce(self, job: Job) -> None:
        """In ComfyUI's order: the queue's length, then `executing` of no node: history can be read."""
        if job.state is State.FAILED and not (job.meta or {}).get("status"):
            tell(self._bus, job, "execution_error", error_message(job))  # no engine has told it
        await announce(self._bus, self._queue, job, job.state)
        if job.state is not State.QUEUED:
            tell(self._bus, job, "executing", {"node": None, "prompt_id": job.id})


def _note_pictures(verdict: Verdict, member: Member) -> None:
    """What it has just made for somebody shows that it works, as well as any test."""
    made = len(pictures_made(verdict)) if verdict.state is State.SUCCEEDED else 0
    if made:
        evidence = "made a picture for a job" if made == 1 else f"made {made} pictures for a job"
        member.proves(Functional(at=time.time(), how=How.JOB, evidence=evidence, took_s=verdict.seconds))


def kinds_of(job: Job) -> tuple[str, ...]:
    """What it shares with jobs that take the same time, and with jobs that may."""
    needs = "\n".join(job.needs)
    return (job.shape, needs) if job.shape else (needs,)


async def _next(listener: Listener) -> Delivery | None:
    """What the engine says next; None after a silence."""
    if not listener.empty():
        return listener.get_nowait()
    with suppress(TimeoutError):
        async with asyncio.timeout(SILENCE_S):
            return await listener.get()
    return None
