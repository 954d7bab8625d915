"""One look at real things: a database with jobs, processes of an engine, a disk; and what fails meanwhile."""

import asyncio
import logging
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gesso.access.access import Access
from gesso.config.engine import EngineConfig
from gesso.events import Bus, JobChanged
from gesso.fleet.member import Member
from gesso.gpus.reader import GpuProcess, Machine
from gesso.monitoring.collect import Collector
from gesso.monitoring.snapshot import Snapshot, UserReading
from tests.monitoring import AT, GIB, card
from tests.queues import Bench, bench


class Still(Member):
    """An engine of which only the process is real."""

    def __init__(self, name: str, pid: int | None) -> None:
        config = EngineConfig(name=name, kind="sketch")
        super().__init__(config, None, _Silent(), log=Path("log"), record=Path("record"))  # type: ignore[arg-type]
        self._pid = pid

    @property
    def pid(self) -> int | None:
        return self._pid

    @property
    def url(self) -> str:
        return "http://127.0.0.1:1"


class _Silent:
    queue_remaining = None


@dataclass
class Watch:
    """A collector over a bench, and what it has handed on."""

    b: Bench
    collector: Collector
    bus: Bus
    taken: list[Snapshot] = field(default_factory=list)
    machine: Machine | None = None


@asynccontextmanager
async def watch(url: str, directory: Path, *members: Member) -> AsyncIterator[Watch]:
    async with bench(url) as b:
        bus = Bus()

        async def record(snapshot: Snapshot) -> None:
            watching.taken.append(snapshot)

        collector = Collector(
            database=b.database,
            members=lambda: members,
            machine=lambda: watching.machine,
            bus=bus,
            directory=directory,
            every_s=1.0,
            record=record,
            clock=b.clock,
        )
        watching = Watch(b=b, collector=collector, bus=bus)
        yield watching


def test_a_snapshot_counts_the_queue_and_names_who_waits(database_url: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with watch(database_url, tmp_path) as w:
            empty = await w.collector.look()
            assert (empty.queued, empty.running, empty.oldest_queued_s, empty.users) == (0, 0, None, ())
            ada = await Access(w.b.database).create_account("ada")
            await w.b.submit(ada.id)
            w.b.clock.pass_s(30)
            await w.b.submit(ada.id)
            await w.b.submit("no-account-any-more")
            w.b.clock.pass_s(12)
            claim = await w.b.claim("gpu0")
            seen = await w.collector.look()
            assert (seen.queued, seen.running) == (2, 1)
            assert seen.oldest_queued_s == 12.0
            assert {user.name for user in seen.users} == {"ada", "no-account-any-more"}
            assert UserReading(name="ada", queued=1, running=1) in seen.users
            (job,) = seen.jobs
            assert (job.id, job.account, job.engine, job.since) == (
                claim.job.id,
                "ada",
                "gpu0",
                w.b.clock.now,
            )

    asyncio.run(scenario())


def test_the_age_of_the_queue_is_read_from_an_index(tmp_path: Path) -> None:
    """Waiting workflows may be many and large, and this is asked every few seconds."""
    from sqlalchemy import Connection, text

    from gesso.database.sqlite import sqlite_url
    from gesso.monitoring.census import _OLDEST
    from tests.databases import opened

    def plan(conn: Connection) -> str:
        statement = _OLDEST.compile(conn.engine, compile_kwargs={"literal_binds": True})
        return " ".join(row[3] for row in conn.execute(text(f"EXPLAIN QUERY PLAN {statement}")))

    async def scenario() -> str:
        async with opened(sqlite_url(tmp_path / "a.sqlite3")) as database:
            return await database.read(plan)

    told = asyncio.run(scenario())
    # An index of what waits, and not the table from its first job on.
    assert re.search("SUBQUERY 1 SEARCH job USING INDEX job_(need|ready)", told), told
    assert "SCAN" not in told


def test_a_snapshot_measures_the_processes_of_engines_and_gesso(tmp_path: Path) -> None:
    child = "import time\nwhile True: time.sleep(0.01)"
    process = subprocess.Popen([sys.executable, "-c", child])

    async def scenario() -> None:
        members = (Still("alive", process.pid), Still("gone", None))
        async with watch("sqlite://", tmp_path, *members) as w:
            held = (GpuProcess(pid=process.pid, memory=2 * GIB), GpuProcess(pid=os.getpid(), memory=GIB))
            w.machine = Machine(reader="recorded", at=AT, cards=(card(0, processes=held), card(1)))
            seen = await w.collector.look()
            alive, gone = seen.engines
            assert alive.memory is not None and alive.memory > 1_000_000 and alive.cpu is not None
            assert alive.gpu_memory == 2 * GIB
            assert (gone.memory, gone.cpu, gone.gpu_memory) == (None, None, None)
            assert seen.memory > alive.memory and seen.cpu > 0
            assert seen.disk_free and seen.disk_total and 0 < seen.disk_free < seen.disk_total
            unknown = card(0, processes=(GpuProcess(pid=process.pid, memory=None),))
            w.machine = Machine(reader="recorded", at=AT, cards=(unknown, card(1)))
            assert (await w.collector.look()).engines[0].gpu_memory is None
            w.machine = Machine(reader="recorded", at=AT, cards=(card(0, processes=None),))
            assert (await w.collector.look()).engines[0].gpu_memory is None

    try:
        asyncio.run(scenario())
    finally:
        process.kill()
        process.wait(30)


def test_ended_jobs_are_counted_by_how_they_ended(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with watch("sqlite://", tmp_path) as w:
            for state in ("queued", "running", "succeeded", "succeeded", "failed"):
                w.bus.publish(
                    JobChanged(job_id="1", owner="a", client_id=None, state=state, remaining=0, engine="e")
                )
            assert (await w.collector.look()).finished == {"succeeded": 2, "failed": 1, "cancelled": 0}

    asyncio.run(scenario())


def test_what_fails_keeps_nobody_else_from_being_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def defect(snapshot: Snapshot) -> None:
        raise ValueError("a rule of nobody's")

    async def scenario() -> None:
        async with watch("sqlite://", tmp_path) as w:
            told: list[Snapshot] = []
            w.collector.subscribe(defect)
            end = w.collector.subscribe(told.append)
            for _ in range(3):
                w.b.clock.pass_s(5)
                await w.collector.tick()
            assert len(told) == len(w.taken) == 3 and w.collector.latest is told[-1]
            end()
            await w.collector.tick()
            assert len(told) == 3

    with caplog.at_level(logging.WARNING):
        asyncio.run(scenario())
    # Once, and not every five seconds.
    assert caplog.text.count("Traceback") == 1


def test_a_database_that_fails_leaves_the_queue_unknown_and_the_rest_known(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with watch("sqlite://", tmp_path) as w:
            w.collector._database = _Failing()  # type: ignore[assignment]
            await w.collector.tick()
            (seen,) = w.taken
            assert (seen.queued, seen.running, seen.oldest_queued_s) == (None, None, None)
            assert seen.disk_free is not None

    asyncio.run(scenario())


class _Failing:
    async def read(self, *_: Any) -> None:
        from gesso.errors import StorageError

        raise StorageError("no")


def test_those_who_look_on_share_a_look(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with watch("sqlite://", tmp_path) as w:
            first, second = await asyncio.gather(w.collector.recent(), w.collector.recent())
            assert first is second
            w.b.clock.pass_s(1)
            assert await w.collector.recent() is not first

    asyncio.run(scenario())
