"""Looks at everything every few seconds, holds the last snapshot, and hands it on."""

import asyncio
import logging
import shutil
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import psutil

from gesso.database.database import Database
from gesso.errors import StorageError
from gesso.events import Bus, JobChanged
from gesso.fleet.member import Member
from gesso.gpus.inventory import memory_of
from gesso.gpus.reader import Machine
from gesso.monitoring.census import Census, census
from gesso.monitoring.snapshot import EngineReading, Snapshot
from gesso.processes.tree import cpu_s, families, rss

T = TypeVar("T")

logger = logging.getLogger(__name__)

ENDS = ("succeeded", "failed", "cancelled")
# What an engine's process starts is looked for so often; what is known of is measured each time.
FAMILIES_EVERY_S = 30.0
# How old a snapshot may be for somebody who looks on.
RECENT_S = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What a family of processes uses. None: not known."""

    pids: frozenset[int] | None = None
    cpu: float | None = None
    memory: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What the system says, asked in a thread."""

    disk_free: int | None
    disk_total: int | None
    own: Used
    engines: Mapping[str, Used]


class Families:
    """Which processes are an engine's; it is asked in a thread, by one at a time."""

    def __init__(self) -> None:
        self._known: dict[int, frozenset[int] | None] = {}
        self._looked_at = 0.0

    def of(self, pids: Mapping[str, int], now: float) -> dict[str, Used]:
        if abs(now - self._looked_at) >= FAMILIES_EVERY_S or self._known.keys() != set(pids.values()):
            self._known = families(tuple(pids.values()))
            self._looked_at = now
        return {name: _used(self._known[pid]) for name, pid in pids.items()}


class Collector:
    """`run` until cancelled. Nothing in gesso waits for it; what fails in it is logged and tried again."""

    def __init__(
        self,
        *,
        database: Database,
        members: Callable[[], Sequence[Member]],
        machine: Callable[[], Machine | None],
        bus: Bus,
        directory: Path,
        every_s: float,
        record: Callable[[Snapshot], Awaitable[None]],
        certificate_expires: Callable[[], float | None] = lambda: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._members = members
        self._machine = machine
        self._directory = directory
        self.every_s = every_s
        self._record = record
        self._certificate_expires = certificate_expires
        self._clock = clock
        self.latest: Snapshot | None = None
        self._seen: Snapshot | None = None
        self._looking = asyncio.Lock()
        self._subscribers: list[Callable[[Snapshot], None]] = []
        self._finished = dict.fromkeys(ENDS, 0)
        self._families = Families()
        self._failing: set[str] = set()
        bus.subscribe(JobChanged, self._count)

    def subscribe(self, callback: Callable[[Snapshot], None]) -> Callable[[], None]:
        """Call `callback`, which must not block, with every snapshot; returns the function that ends it."""
        self._subscribers.append(callback)
        return lambda: self._subscribers.remove(callback)

    async def run(self) -> None:
        while True:
            begun = time.monotonic()
            await self.tick()
            await asyncio.sleep(max(0.0, self.every_s - (time.monotonic() - begun)))

    async def tick(self) -> None:
        """One look, and all who want to know of it. Never raises."""
        looked = await self._try("looking at everything", partial(self.recent, 0.0))
        if looked is None:
            return
        self.latest = looked
        for callback in tuple(self._subscribers):
            await self._try(f"telling {callback!r}", partial(_call, callback, looked))
        await self._try("sampling", partial(self._record, looked))

    async def recent(self, age_s: float = RECENT_S) -> Snapshot:
        """Everything at most so long ago: for those who look on, and all of them together cost one look."""
        async with self._looking:
            if self._seen is None or abs(self._clock() - self._seen.at) > age_s:
                self._seen = await self.look()
            return self._seen

    async def look(self) -> Snapshot:
        """Everything now. What does not answer is not known."""
        members = self._members()
        pids = {member.name: pid for member in members if (pid := member.pid) is not None}
        measured, counted = await asyncio.gather(asyncio.to_thread(self._measure, pids), self._count_jobs())
        machine, now = self._machine(), self._clock()
        oldest_at = None if counted is None else counted.oldest_queued_at
        return Snapshot(
            at=now,
            engines=tuple(
                _engine(each, measured.engines.get(each.name, Used()), machine) for each in members
            ),
            machine=machine,
            queued=None if counted is None else counted.queued,
            running=None if counted is None else counted.running,
            oldest_queued_s=None if oldest_at is None else max(0.0, now - oldest_at),
            users=() if counted is None else counted.users,
            jobs=() if counted is None else counted.jobs,
            finished=dict(self._finished),
            disk_free=measured.disk_free,
            disk_total=measured.disk_total,
            certificate_expires=self._certificate_expires(),
            cpu=measured.own.cpu or 0.0,
            memory=measured.own.memory or 0,
        )

    async def _count_jobs(self) -> Census | None:
        try:
            return await self._database.read(census)
        except StorageError as error:
            logger.debug("the queue cannot be counted: %s", error.message)
            return None

    def _measure(self, pids: Mapping[str, int]) -> Measured:
        free, total = _disk(self._directory)
        own = psutil.Process()
        times = own.cpu_times()
        return Measured(
            disk_free=free,
            disk_total=total,
            own=Used(cpu=times.user + times.system, memory=int(own.memory_info().rss)),
            engines=self._families.of(pids, self._clock()),
        )

    def _count(self, event: JobChanged) -> None:
        if event.state in self._finished:
            self._finished[event.state] += 1

    async def _try(self, what: str, do: Callable[[], Awaitable[T]]) -> T | None:
        # The one broad except of this loop: what monitoring gets wrong must not end the service.
        try:
            done = await do()
        except Exception:
            # Every few seconds the same would drown the log.
            if what not in self._failing:
                logger.exception("monitoring: %s failed", what)
            self._failing.add(what)
            return None
        self._failing.discard(what)
        return done


def _disk(directory: Path) -> tuple[int, int] | tuple[None, None]:
    """Free and in all."""
    try:
        disk = shutil.disk_usage(directory)
    except OSError:
        return None, None
    return disk.free, disk.total


async def _call(callback: Callable[[Snapshot], None], snapshot: Snapshot) -> None:
    callback(snapshot)


def _used(pids: frozenset[int] | None) -> Used:
    if pids is None:
        return Used()
    return Used(pids=pids, cpu=cpu_s(pids), memory=rss(pids))


def _engine(member: Member, used: Used, machine: Machine | None) -> EngineReading:
    status = member.status()
    return EngineReading(
        name=status.name,
        kind=status.kind,
        state=status.state.value,
        reason=status.reason,
        since=status.since,
        ready=status.ready,
        draining=status.draining,
        external=status.external,
        pid=status.pid,
        restarts=status.restarts,
        queue_remaining=status.queue_remaining,
        jobs=status.jobs_left,
        findings=status.findings,
        gpu=None if status.gpu is None else status.gpu.uuid,
        cpu=used.cpu,
        memory=used.memory,
        gpu_memory=None if machine is None or used.pids is None else memory_of(machine, used.pids),
    )
