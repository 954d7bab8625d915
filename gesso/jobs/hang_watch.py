"""Watches that engines make progress with the jobs they have begun, and reports those that do not."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from gesso.config.fleet import FleetConfig
from gesso.engines.location import Location, Running
from gesso.engines.socket import Listener
from gesso.errors import EngineError, EngineHung, StorageError
from gesso.fleet.member import Member
from gesso.fleet.state import State
from gesso.fleet.supervisor import Supervisor
from gesso.jobs.job import Claim
from gesso.jobs.last_words import last_words
from gesso.jobs.placement import models_of
from gesso.jobs.progress_limit import Limit, Patience, Silences, limit_of
from gesso.jobs.queue import Queue
from gesso.logs import about_job

logger = logging.getLogger(__name__)

EVERY_S = 1.0
# Only time in which we were looking counts as silence: while gesso itself was stopped, messages wait unread.
LOOK_LIMIT_S = 2 * EVERY_S
# For the engine's word on what it does, before its job is said to hang.
ASK_S = 3.0


@dataclass(slots=True, kw_only=True, eq=False)
class Vigil:
    """One job at one engine. Times are by time.monotonic."""

    claim: Claim
    member: Member
    life: int
    listener: Listener
    begun_at: Callable[[], float | None]
    taken_at: float | None = None
    """When the engine was known to have it, be it in its queue."""
    heard_at: float = 0.0
    silent_s: float = 0.0
    deaf_s: float = 0.0
    """Silence while our socket was away: it counts if the engine does not answer, either."""
    left: bool = False
    """Nobody follows the job any longer, but the engine may still be at work on it."""
    left_at: float = 0.0
    asked: bool = False
    """Its engine is being asked."""
    hang: str | None = None
    """Why the engine was reported, until it is heard again."""

    def is_lost(self) -> bool:
        """The process that had it is gone."""
        member = self.member
        return not member.external and (member.pid is None or member.life != self.life)

    def is_over(self) -> bool:
        if self.is_lost():
            return True
        return self.left and self.member.socket.progressed_at > self.left_at

    def look(self, step_s: float, *, first: bool) -> float | None:
        """How long it has been silent; None: it has not begun, or is over.

        `first`: of the jobs that the engine has of us. One of ours begins that at once, even if it has gone
        deaf before it could say so.
        """
        begun_at = self.begun_at()
        if begun_at is None and first and not self.member.external:
            begun_at = self.taken_at
        if begun_at is None or self.listener.ended_at is not None:
            return None
        heard_at = max(begun_at, self.member.socket.progressed_at)
        if heard_at > self.heard_at:
            self.heard_at, self.silent_s, self.deaf_s = heard_at, 0.0, 0.0
            self.hang = None
        elif self.member.socket.connected:
            self.silent_s += min(step_s, LOOK_LIMIT_S)
        else:
            self.deaf_s += min(step_s, LOOK_LIMIT_S)
        return self.silent_s + self.deaf_s


class HangWatch:
    """Knows of each job that an engine was given; `run` until cancelled.

    A silent engine is asked before it is reported. One that has the job still in its queue, or is done
    with it, does not hang. One that does not answer is judged by its silence alone: no answer shows
    neither progress nor a hang.
    """

    def __init__(self, *, queue: Queue, supervisor: Supervisor, fleet: FleetConfig) -> None:
        self._queue = queue
        self._supervisor = supervisor
        self._patience = Patience(
            floor_s=fleet.hang_floor_s, factor=fleet.hang_factor, unseen_s=fleet.hang_limit_s
        )
        self._vigils: dict[tuple[str, int], Vigil] = {}

    def begin(
        self, claim: Claim, member: Member, listener: Listener, begun_at: Callable[[], float | None]
    ) -> None:
        """`begun_at`: when the engine was first known to execute the job."""
        self._vigils[_key(claim)] = Vigil(
            claim=claim, member=member, life=member.life, listener=listener, begun_at=begun_at
        )

    def taken(self, claim: Claim) -> None:
        """The engine has the job now."""
        self._vigils[_key(claim)].taken_at = time.monotonic()

    def end(self, claim: Claim) -> None:
        """Nobody follows the job any longer, and whatever its engine does with it is well."""
        vigil = self._vigils.get(_key(claim))
        if vigil is not None and not vigil.left:
            del self._vigils[_key(claim)]

    def leave(self, claim: Claim) -> None:
        """Its runner has given up. An engine of ours that lives is watched until it says something, or ends:
        else nobody would ever learn that it hangs."""
        vigil = self._vigils.get(_key(claim))
        if vigil is None or vigil.member.external or vigil.is_lost():
            return
        if vigil.look(0.0, first=self._is_first(vigil)) is not None:
            vigil.left, vigil.left_at = True, time.monotonic()

    def watched(self) -> int:
        """How many jobs are, those among them that nobody follows any longer."""
        return len(self._vigils)

    def reason(self, claim: Claim) -> str | None:
        """Why the job's engine was reported; None: it was not, or it has made progress since."""
        vigil = self._vigils.get(_key(claim))
        return None if vigil is None else vigil.hang

    def is_lost(self, claim: Claim) -> bool:
        """The process of ours that had the job is gone."""
        vigil = self._vigils.get(_key(claim))
        return vigil is not None and vigil.is_lost()

    def check(self, claim: Claim) -> None:
        """Raises EngineHung if the engine hangs, and will not be restarted: then nobody need wait for it."""
        vigil = self._vigils.get(_key(claim))
        if vigil is None or vigil.hang is None:
            return
        member = vigil.member
        if member.stuck is not None and member.state is State.WEDGED and not member.stopping:
            raise EngineHung(vigil.hang)

    async def run(self) -> None:
        looked_at = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            while True:
                await asyncio.sleep(EVERY_S)
                now = time.monotonic()
                for vigil in self._look(now - looked_at):
                    # Aside: an engine that is slow to answer must not keep us from looking at the others.
                    vigil.asked = True
                    tasks.create_task(self._judge(vigil), name=f"judge {vigil.member.name}")
                looked_at = now

    def _look(self, step_s: float) -> list[Vigil]:
        """Those that may have been silent for too long."""
        due = []
        for key, vigil in list(self._vigils.items()):
            if vigil.left and vigil.is_over():
                del self._vigils[key]
                continue
            silent_s = vigil.look(step_s, first=self._is_first(vigil))
            settled = vigil.asked or vigil.hang is not None
            if silent_s is not None and silent_s >= self._patience.floor_s and not settled:
                due.append(vigil)
        return due

    def _is_first(self, vigil: Vigil) -> bool:
        there = (
            each
            for each in self._vigils.values()
            if each.member is vigil.member and each.listener.ended_at is None
        )
        return next(there, None) is vigil

    async def _judge(self, vigil: Vigil) -> None:
        try:
            await self._compare(vigil)
        except Exception:
            logger.exception("looking whether %s hangs failed", vigil.member.name)
            # Not again before the least time is over once more.
            vigil.silent_s = vigil.deaf_s = 0.0
        finally:
            vigil.asked = False

    async def _compare(self, vigil: Vigil) -> None:
        limit = await self._limit(vigil)
        if vigil.silent_s + vigil.deaf_s < limit.seconds:
            return
        heard_at = vigil.heard_at
        location = await _locate(vigil)
        if vigil.is_over() or vigil.member.socket.progressed_at > heard_at:
            return
        if location is None and vigil.member.external:
            return  # it cannot be reached; that is another thing, and the job's runner looks after it
        if location is not None and not isinstance(location, Running):
            vigil.silent_s = vigil.deaf_s = 0.0
            return
        if location is not None:
            # It works, and perhaps makes progress that we just cannot hear.
            vigil.deaf_s = 0.0 if not vigil.member.socket.connected else vigil.deaf_s
        silent_s = vigil.silent_s + vigil.deaf_s
        if silent_s >= limit.seconds:
            self._report(vigil, silent_s, limit, answers=location is not None)

    def _report(self, vigil: Vigil, silent_s: float, limit: Limit, *, answers: bool) -> None:
        said = vigil.listener.said
        words = "nothing" if said is None else last_words(said.type, said.data, _prompt(vigil.claim))
        # Everybody is told this; of what the job is, only its owner and those who may read logs.
        short = f"no progress with a job for {silent_s:.0f} s, where {limit.seconds:.0f} s is the limit"
        vigil.hang = f"{short} ({limit.reason}); it last told {words}, and " + (
            "says that it is still at work on it" if answers else "does not answer"
        )
        with about_job(vigil.claim.job.id):
            logger.warning("job %s on %s: %s", vigil.claim.job.id, vigil.member.name, vigil.hang)
        self._supervisor.report_stuck(vigil.member.name, short, evidence=vigil.hang)

    async def _limit(self, vigil: Vigil) -> Limit:
        job, here = vigil.claim.job, vigil.member.name
        silences = Silences()
        if job.shape is not None:
            try:
                found = await self._queue.silences(
                    job.shape, [member.name for member in self._supervisor.members()]
                )
            except StorageError as error:
                logger.error("what such jobs took cannot be read: %s", error.message)
                found = {}
            elsewhere = [each for name, some in found.items() if name != here for each in some]
            silences = Silences(here=found.get(here, ()), elsewhere=elsewhere)
        loads = not models_of(job.needs) <= vigil.member.models
        return limit_of(silences, self._patience, loads=loads)


async def _locate(vigil: Vigil) -> Location | None:
    """None: it does not say."""
    try:
        async with asyncio.timeout(ASK_S):
            return await vigil.member.engine.locate(vigil.claim.prompt_id)
    except (EngineError, TimeoutError):
        return None


def _prompt(claim: Claim) -> dict[str, object]:
    prompt = claim.job.payload.get("prompt")
    return prompt if isinstance(prompt, dict) else {}


def _key(claim: Claim) -> tuple[str, int]:
    return claim.job.id, claim.attempt
