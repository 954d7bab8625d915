"""Many gateways on one database, and `kill -9`: nothing is lost, nothing is finished twice."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from gesso.jobs.job import Claim, Limits, Spec, State
from gesso.jobs.queue import Queue
from tests.databases import opened
from tests.running import wait_for

LIMIT_S = 60.0
MANY = Limits(max_queued=1_000_000)


@dataclass(slots=True, kw_only=True)
class Workers:
    """Child processes that work on one database and note what they did in one log."""

    url: str
    log: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, what: str) -> None:
        command = [sys.executable, "-m", "tests.integration.jobs.worker", what, self.url, str(self.log)]
        self.processes.append(subprocess.Popen(command, cwd=Path(__file__).parents[3]))

    def notes(self, what: str) -> list[str]:
        """The ids of jobs of which this was noted."""
        return [line[2] for line in self.lines() if line[1] == what]

    def lines(self) -> list[list[str]]:
        text = self.log.read_text() if self.log.exists() else ""
        return [line.split() for line in text.splitlines()]

    def one_at_work(self) -> subprocess.Popen[bytes] | None:
        """A worker whose last note says that it holds a job."""
        last = {line[0]: line[1] for line in self.lines()}
        return next((p for p in self.processes if last.get(str(p.pid)) == "claimed"), None)

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
        self.processes.remove(process)


@contextmanager
def workers(url: str, directory: Path) -> Iterator[Workers]:
    crew = Workers(url=url, log=directory / "notes.log")
    try:
        yield crew
        crew.log.with_suffix(".over").touch()
        assert [process.wait(30) for process in crew.processes] == [0] * len(crew.processes)
    finally:
        for process in list(crew.processes):
            if process.poll() is None:
                crew.kill(process)


async def submit_all(queue: Queue, number: int) -> list[str]:
    owners = ("ada", "ben", "cleo", "dora")
    specs = [Spec(owner=owners[n % 4], payload={"n": n}, max_attempts=1_000) for n in range(number)]
    return [(await queue.submit(spec)).id for spec in specs]


async def is_over(queue: Queue) -> bool:
    counts = await queue.counts()
    return counts.queued + counts.running == 0


def test_each_job_is_claimed_once_by_processes_that_race(database_url: str, tmp_path: Path) -> None:
    async def scenario(crew: Workers) -> list[str]:
        async with opened(database_url) as database:
            queue = Queue(database, limits=MANY)
            jobs = await submit_all(queue, 60)
            for _ in range(3):
                crew.start("work")
            deadline = time.monotonic() + LIMIT_S
            while not await is_over(queue):
                assert time.monotonic() < deadline, await queue.counts()
                await asyncio.sleep(0.02)
            assert await queue.integrity() == []
            return jobs

    with workers(database_url, tmp_path) as crew:
        jobs = asyncio.run(scenario(crew))
    assert sorted(crew.notes("claimed")) == sorted(jobs)
    assert sorted(crew.notes("finished")) == sorted(jobs)
    assert len({line[0] for line in crew.lines()}) == 3


def test_coroutines_of_one_gateway_that_race_share_no_job(database_url: str) -> None:
    ended: Counter[str] = Counter()

    async def drive(queue: Queue, session: str) -> None:
        while claims := await queue.claim("gpu0", session, limit=2):
            for claim in claims:
                ended[claim.job.id] += bool(await queue.finish(claim, State.SUCCEEDED))

    async def scenario() -> list[str]:
        async with opened(database_url) as database:
            queue = Queue(database, limits=MANY)
            jobs = await submit_all(queue, 80)
            session = await queue.open_session()
            cancelling = queue.cancel("ada")
            async with asyncio.TaskGroup() as tasks:
                for _ in range(8):
                    tasks.create_task(drive(queue, session))
                cancelled = tasks.create_task(cancelling)
            ended.update(c.id for c in cancelled.result() if not c.was_running)
            assert await queue.integrity() == []
            return jobs

    jobs = asyncio.run(scenario())
    assert ended == Counter(jobs)


async def adopt_orphans(queue: Queue, session: str, ttl_s: float) -> list[Claim]:
    """What a surviving gateway does about the dead, for an engine that knows nothing of their prompts."""
    orphaned = (await queue.reap(ttl_s)).orphaned
    for claim in orphaned:
        await queue.release(await queue.adopt(claim, session))
    return orphaned


def test_killed_gateways_lose_no_job_and_finish_none_twice(database_url: str, tmp_path: Path) -> None:
    kills = 5

    async def scenario(crew: Workers) -> tuple[list[str], int]:
        async with opened(database_url) as database:
            queue = Queue(database, limits=MANY)
            session = await queue.open_session()
            jobs = await submit_all(queue, 120)
            for _ in range(3):
                crew.start("work")
            killed = orphans = 0
            deadline = time.monotonic() + LIMIT_S
            while not await is_over(queue):
                assert time.monotonic() < deadline, await queue.counts()
                victim = crew.one_at_work() if killed < kills else None
                if victim is not None and len(crew.notes("finished")) >= 5 * killed:
                    crew.kill(victim)
                    crew.start("work")
                    killed += 1
                await queue.beat(session)
                orphans += len(await adopt_orphans(queue, session, 1.0))
                await asyncio.sleep(0.02)
            assert killed == kills
            assert await queue.integrity() == []
            states = Counter([(await queue.get(job)).state for job in jobs])
            assert states == Counter({State.SUCCEEDED: len(jobs)})
            return jobs, orphans

    with workers(database_url, tmp_path) as crew:
        jobs, orphans = asyncio.run(scenario(crew))
    finished = Counter(crew.notes("finished"))
    assert max(finished.values()) == 1
    # A worker may die between the commit and its note, but only the killed did.
    assert len(jobs) - len(finished) <= kills
    assert orphans >= 1


def test_what_was_accepted_before_a_kill_is_there_after_it(database_url: str, tmp_path: Path) -> None:
    async def look(accepted: list[str]) -> None:
        async with opened(database_url) as database:
            queue = Queue(database)
            there = {job.id for job in await queue.queued("ada")}
            assert set(accepted) <= there
            assert len(there) <= len(accepted) + 1
            assert await queue.integrity() == []

    with workers(database_url, tmp_path) as crew:
        crew.start("submit")
        wait_for(lambda: len(crew.notes("accepted")) >= 25, LIMIT_S)
        crew.kill(crew.processes[0])
        accepted = crew.notes("accepted")
    asyncio.run(look(accepted))
