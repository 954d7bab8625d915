"""What this machine's cards are at: read regularly in a thread, and unknown once that works no more."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from threading import Thread
from typing import TypeVar

from gesso.gpus.reader import Machine, Reader

T = TypeVar("T")

# How long a reading may take before nobody waits for it any more: nvidia-smi takes seconds, a driver
# that is stuck takes for ever.
PATIENCE_S = 10.0
REFRESH_S = 2.0


class Cards:
    """The last reading, and the loop that takes it. Without a reader nothing is ever known.

    A driver may hang for ever. So each reading has a thread of its own, which nobody joins, and there is
    never more than one: what hangs costs a thread, not the ticks, and not the end of gesso.
    """

    def __init__(self, reader: Reader | None, every_s: float = 5.0) -> None:
        self.every_s = every_s
        self._reader = reader
        self._old_s = 3 * every_s + PATIENCE_S
        self._machine: Machine | None = None
        self._read_at = 0.0
        self._begun_at = 0.0
        self._under_way: asyncio.Future[Machine | None] | None = None

    @property
    def latest(self) -> Machine | None:
        """The last reading; None: there is none yet, no reader, or it is too old to be true."""
        if self._machine is None or time.monotonic() - self._read_at > self._old_s:
            return None
        return self._machine

    @property
    def awaited(self) -> bool:
        """The first reading is still under way: nothing is known yet, but soon will be."""
        if self._reader is None or self._machine is not None:
            return False
        return not self._begun_at or time.monotonic() - self._begun_at < PATIENCE_S

    async def run(self) -> None:
        """Read until cancelled; a reading that hangs is waited for, not repeated beside itself."""
        while self._reader is not None:
            await asyncio.wait((self._read(self._reader),))
            await asyncio.sleep(self.every_s)

    async def refresh(self, limit_s: float = REFRESH_S) -> Machine | None:
        """A reading that began after this call; where that takes too long, the last one there is."""
        hangs = self._under_way is not None and time.monotonic() - self._begun_at > PATIENCE_S
        if self._reader is not None and not hangs:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(limit_s):
                    if self._under_way is not None:
                        await asyncio.wait((self._under_way,))
                    await asyncio.wait((self._read(self._reader),))
        return self.latest

    async def close(self) -> None:
        """For the end of gesso: a reader that is stuck is left to itself."""
        if self._reader is not None and self._under_way is None:
            await asyncio.wait((_in_thread(self._reader.close),), timeout=REFRESH_S)

    def _read(self, reader: Reader) -> "asyncio.Future[Machine | None]":
        """The reading under way; a new one where there is none."""
        if self._under_way is None:
            self._begun_at = time.monotonic()
            self._under_way = _in_thread(reader.read)
            self._under_way.add_done_callback(self._take)
        return self._under_way

    def _take(self, reading: "asyncio.Future[Machine | None]") -> None:
        self._under_way = None
        if reading.cancelled():
            return
        machine = reading.result()
        if machine is not None:
            self._machine = machine
            self._read_at = time.monotonic()


def _in_thread(work: Callable[[], T]) -> "asyncio.Future[T | None]":
    """What `work` returns, by a thread that does not keep the program alive; None if it fails (and the
    thread's hook tells how)."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T | None] = loop.create_future()

    def tell(answer: T | None) -> None:
        if not future.done():
            future.set_result(answer)

    def run() -> None:
        answer = None
        try:
            answer = work()
        finally:
            # The loop may have ended meanwhile.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(tell, answer)

    Thread(target=run, name="cards", daemon=True).start()
    return future
