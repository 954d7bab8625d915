"""Has an idle engine give its memory back, or sleep, and asks it once more at the moment of doing so."""

import asyncio
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
# For its word on what it has to do.
ASK_S = 5.0


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
        # From here on it is given no job; so what is asked now stays true.
        member.resting = True
        try:
            if not await is_idle(member):
                self._quiet = replace(self._quiet, since=None)
            elif due is Rest.SLEEP:
                self._sleep(idle_s)
            else:
                await self._unload(idle_s)
        finally:
            member.resting = False

    async def _unload(self, idle_s: float) -> None:
        member = self._member
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

    def _sleep(self, idle_s: float) -> None:
        member = self._member
        if member.wanted is not Wanted.RUNNING:
            return
        member.wanted = Wanted.ASLEEP
        member.wake.set()
        logger.info(
            "%s: goes to sleep; its queue is empty, and it did nothing for %.0f s", member.name, idle_s
        )
        self._quiet = Quiet()


async def is_idle(member: Member) -> bool:
    """Ask it now, just before something that would end its work. No answer is no yes."""
    try:
        async with asyncio.timeout(ASK_S):
            left = await member.engine.queue_length()
    except (EngineError, TimeoutError) as error:
        logger.info("%s: not known to be idle, so left as it is: %s", member.name, error)
        return False
    return left == 0 and not member.jobs()
