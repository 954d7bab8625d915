"""Keeps samples of what is seen: in memory for half a minute, then in the database, thinned with age."""

import asyncio
import logging
from collections import deque

from gesso.errors import StorageError
from gesso.monitoring.samples import Samples
from gesso.monitoring.series import Sampled, sampled
from gesso.monitoring.snapshot import Snapshot

logger = logging.getLogger(__name__)

WRITE_EVERY_S = 30.0
# An hour of eight cards and eight engines; when the database takes nothing for longer, the oldest are lost.
WAITING = 13_000
DAY_S = 86_400.0
FORGET_EVERY_S = 900.0


class Recorder:
    """What `take` is given is in the database half a minute later. One writer at a time."""

    def __init__(self, samples: Samples, keep_days: float) -> None:
        self.samples = samples
        self._keep_s = keep_days * DAY_S
        self._waiting: deque[Sampled] = deque(maxlen=WAITING)
        self._before: Snapshot | None = None
        self._written_at = 0.0
        self._forgotten_at = 0.0
        self._lock = asyncio.Lock()
        self._failing = False

    async def take(self, snapshot: Snapshot) -> None:
        """Sample it. The database's failures are logged, and what could not be written is tried again."""
        self._waiting.extend(sampled(snapshot, self._before))
        self._before = snapshot
        # Also when the clock was set back.
        if abs(snapshot.at - self._written_at) >= WRITE_EVERY_S:
            self._written_at = snapshot.at
            await self.flush()
            await self._age(snapshot.at)

    async def flush(self) -> None:
        """Write what is still in memory, for whoever wants to read the latest."""
        async with self._lock:
            batch = tuple(self._waiting)
            if not batch:
                return
            try:
                await self.samples.write(batch)
            except StorageError as error:
                self._note(error)
                return
            self._failing = False
            for each in batch:
                # What came meanwhile may have pushed out some of these already.
                if self._waiting and self._waiting[0] is each:
                    self._waiting.popleft()

    async def _age(self, now: float) -> None:
        try:
            await self.samples.thin(now)
            if abs(now - self._forgotten_at) >= FORGET_EVERY_S:
                self._forgotten_at = now
                await self.samples.forget(now - self._keep_s)
        except StorageError as error:
            self._note(error)

    def _note(self, error: StorageError) -> None:
        """Once, and not every half minute."""
        if not self._failing:
            logger.warning("samples cannot be kept: %s", error.message)
        self._failing = True
