"""Has an idle engine give its memory back, or sleep, and asks it once more at the moment of doing so."""

import logging
import time
from collections.abc import Callable
from dataclasses import replace

from gesso.errors import EngineError
from gesso.fleet.decide import Wanted
from gesso.fleet.idle import Patience, Quiet, Rest, rest, seen
from gesso.fleet.member import Member

logger = logging.getLogger(__name__)

# However often it works and rests.
LEAST_BETWEEN_S = 30.0


class Resting:
    """One engine's rest; `look` with each tick."""

    def __init__(self, member: Member, *, clock: Callable[[], float] = time.monotonic) -> None:
        config = member.config
        self._member = member
        self._clock = clock
        self._patience = Patience(unload_after_s=config.unload_after_s, sleep_after_s=config.sleep_after_s)
        waits = (config.unload_after_s, config.sleep_after_s)
        self._between_s = min([LEAST_BETWEEN_S, *(each for each in waits if each is not None)])
        self._quiet = Quiet()
        self._rested_at = float("-inf")

    async def look(self) -> None:
        """See how it is, and have it rest if that is due, still true, and not too soon."""
        member, now = self._member, self._clock()
        self._quiet = seen(
            self._quiet,
            usable=member.usable and member.wanted is Wanted.RUNNING,
            activity=member.activity,
            jobs=member.jobs(),
            worked_at=member.socket.worked_at,
            now=now,
        )
        due = rest(self._quiet, self._patience, now)
        if due is Rest.NONE or now - self._rested_at < self._between_s:
            return
        self._rested_at = now
        idle_s = now - (self._quiet.since or now)
        if due is Rest.SLEEP:
            await self._sleep(idle_s)
        else:
            await self._unload(idle_s)

    async def _unload(self, idle_s: float) -> None:
        member = self._member
        if not await self._is_idle():
            return
        try:
            await member.engine.free()
        except EngineError as error:
            logger.warning("%s: its models were not unloaded: %s", member.name, error.message)
            return
        member.models = frozenset()
        self._quiet = replace(self._quiet, unloaded=True)
        logger.info(
            "%s: models unloaded; its queue is empty, and it did nothing for %.0f s", member.name, idle_s
        )

    async def _sleep(self, idle_s: float) -> None:
        member = self._member
        # From here on it is given no job; so what is asked now stays true.
        member.wanted = Wanted.ASLEEP
        if member.jobs() or not await self._is_idle():
            if member.wanted is Wanted.ASLEEP:
                member.wanted = Wanted.RUNNING
            return
        logger.info(
            "%s: goes to sleep; its queue is empty, and it did nothing for %.0f s", member.name, idle_s
        )
        self._quiet = Quiet()

    async def _is_idle(self) -> bool:
        """Ask it now. No answer is no yes."""
        member = self._member
        try:
            left = await member.engine.queue_length()
        except EngineError as error:
            logger.info("%s: not known to be idle, so left as it is: %s", member.name, error.message)
            left = None
        idle = left == 0 and not member.jobs()
        if not idle:
            self._quiet = replace(self._quiet, since=None)
        return idle
