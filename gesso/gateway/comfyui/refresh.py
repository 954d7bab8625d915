"""Asks the engines anew what they can do, when somebody wants to know: models come while they run."""

import asyncio
import logging
import time

from gesso.errors import EngineError
from gesso.fleet.supervisor import Supervisor

logger = logging.getLogger(__name__)

# An engine makes its object_info anew for each who asks, in the thread that also serves its clients: it is
# asked no more than so often, and for a tenth of its time at most.
EVERY_S = 2.0
SHARE = 10


class Refresh:
    """One asking at a time, and a pause after it."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._asking: asyncio.Task[None] | None = None
        self._due = 0.0

    async def begin(self, *, patience_s: float) -> bool:
        """Ask, unless that was just done, and wait for it up to `patience_s`; whether it has ended.

        What takes longer goes on, and its outcome is there for the next who wants to know.
        """
        if self._asking is None or self._asking.done():
            if time.monotonic() < self._due:
                return False
            self._asking = asyncio.create_task(self._ask_all(), name="refresh the catalogue")
        done, _ = await asyncio.wait({self._asking}, timeout=patience_s)
        return bool(done)

    async def _ask_all(self) -> None:
        begun = time.monotonic()
        names = [member.name for member in self._supervisor.members() if member.usable]
        await asyncio.gather(*map(self._ask, names))
        ended = time.monotonic()
        self._due = ended + max(EVERY_S, SHARE * (ended - begun))

    async def _ask(self, name: str) -> None:
        try:
            await self._supervisor.refresh(name)
        except EngineError as error:
            logger.debug("the node classes of %s could not be read again: %s", name, error.message)
