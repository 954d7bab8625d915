"""Tells addresses of alarms: one after the other, not too many at once, and again where it fails."""

import asyncio
import logging
import socket
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from gesso.logs import redaction
from gesso.monitoring.addresses import Address
from gesso.monitoring.message import Message, Notice, compose, trial

logger = logging.getLogger(__name__)

SEND_LIMIT_S = 30.0
BACK_OFF_S = (5.0, 30.0, 120.0, 600.0)
STORM_S = 60.0
# A send that was given up on still holds its thread: no more of them than this for one address.
THREADS_MOST = 2

Outcome = Callable[[Sequence[Notice], str, str | None, bool], Awaitable[None]]
"""What became of notices at an address: why they did not arrive (None: they did), and if that is final."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What became of a test message."""

    name: str
    why: str | None
    """Why it was not delivered; None: it was."""
    seconds: float


class Notify:
    """All addresses. `run` sends what `tell` was given, until it is cancelled; nothing waits for it."""

    def __init__(
        self,
        addresses: Sequence[Address],
        *,
        per_minute: int,
        back_off_s: Sequence[float] = BACK_OFF_S,
        limit_s: float = SEND_LIMIT_S,
        storm_s: float = STORM_S,
    ) -> None:
        self._addresses = {address.name: address for address in addresses}
        self._host = socket.gethostname()
        self._limit_s = limit_s
        self._threads: dict[str, set[threading.Thread]] = {name: set() for name in self._addresses}
        self._lines = {
            name: _Line(name, self, per_minute=per_minute, back_off_s=back_off_s, storm_s=storm_s)
            for name in self._addresses
        }

    def names(self, severity: str | None = None) -> tuple[str, ...]:
        """The addresses; with a severity, those that want to know of it."""
        return tuple(
            name
            for name, address in self._addresses.items()
            if severity != "warning" or address.severity == "warning"
        )

    def severity(self, name: str) -> str:
        return self._addresses[name].severity

    def tell(self, notice: Notice, names: Sequence[str]) -> None:
        for name in names:
            if name in self._lines:
                self._lines[name].put(notice)

    async def run(self, outcome: Outcome) -> None:
        async with asyncio.TaskGroup() as group:
            for line in self._lines.values():
                group.create_task(line.run(outcome))

    async def test(self, names: Sequence[str]) -> list[Tried]:
        """Send each of these a test message now, whatever else is to be sent."""

        async def tried(name: str) -> Tried:
            begun = time.monotonic()
            why = await self.send(name, trial(self._host))
            return Tried(name=name, why=why, seconds=time.monotonic() - begun)

        return list(await asyncio.gather(*map(tried, names)))

    def message(self, notices: Sequence[Notice]) -> Message:
        made = compose(notices, self._host)
        # It quotes engines' logs, and leaves the house.
        return Message(title=redaction.apply(made.title), text=redaction.apply(made.text), kind=made.kind)

    async def send(self, name: str, message: Message) -> str | None:
        """Why it was not delivered in time; None: it was."""
        address, threads = self._addresses[name], self._threads[name]
        threads -= {thread for thread in threads if not thread.is_alive()}
        if len(threads) >= THREADS_MOST:
            return "messages before this one were neither taken nor refused yet"
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[str | None] = loop.create_future()

        def settle(why: str | None) -> None:
            if not answer.done():
                answer.set_result(why)

        def work() -> None:
            why = _sent(address, message)
            with suppress(RuntimeError):  # gesso has ended meanwhile
                loop.call_soon_threadsafe(settle, why)

        # A thread of its own, and one that is not waited for at the end: the other side may never answer.
        thread = threading.Thread(target=work, name=f"notify-{name}", daemon=True)
        threads.add(thread)
        thread.start()
        try:
            async with asyncio.timeout(self._limit_s):
                return await answer
        except TimeoutError:
            return f"no answer within {self._limit_s:g} s"


def _sent(address: Address, message: Message) -> str | None:
    try:
        return address.send(message)
    except Exception as error:  # noqa: BLE001 - a hundred services: whatever one raises is why it failed
        return address.hidden(f"{type(error).__name__}: {error}")


class _Line:
    """What is still to be sent to one address."""

    def __init__(
        self, name: str, notify: Notify, *, per_minute: int, back_off_s: Sequence[float], storm_s: float
    ) -> None:
        self._name = name
        self._notify = notify
        self._back_off_s = back_off_s
        self._storm_s = storm_s
        self._waiting: deque[Notice] = deque()
        self._sent: deque[float] = deque(maxlen=per_minute)
        self._some = asyncio.Event()

    def put(self, notice: Notice) -> None:
        self._waiting.append(notice)
        self._some.set()

    async def run(self, outcome: Outcome) -> None:
        while True:
            await self._some.wait()
            stormy = await self._room()
            await self._deliver(self._taken(len(self._waiting) if stormy else 1), outcome)

    def _taken(self, count: int) -> list[Notice]:
        taken = [self._waiting.popleft() for _ in range(count)]
        if not self._waiting:
            self._some.clear()
        return taken

    async def _room(self) -> bool:
        """Wait until one more may be sent; whether that took a while: then all goes out as one."""
        if len(self._sent) < (self._sent.maxlen or 1):
            return False
        left_s = self._sent[0] + self._storm_s - time.monotonic()
        if left_s <= 0:
            return False
        await asyncio.sleep(left_s)
        return True

    async def _deliver(self, notices: list[Notice], outcome: Outcome) -> None:
        for wait_s in (*self._back_off_s, None):
            self._sent.append(time.monotonic())
            why = await self._notify.send(self._name, self._notify.message(notices))
            await outcome(notices, self._name, why, why is None or wait_s is None)
            if why is None:
                return
            if wait_s is None:
                logger.error("address %r: %d messages given up: %s", self._name, len(notices), why)
                return
            logger.warning("address %r: not delivered, again in %g s: %s", self._name, wait_s, why)
            await asyncio.sleep(wait_s)
            notices = [*notices, *self._taken(len(self._waiting))]
