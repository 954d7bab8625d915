"""The watch over engines that say nothing: also over those whose job has gone to another meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gesso.config.engine import EngineConfig
from gesso.config.fleet import FleetConfig
from gesso.database.sqlite import sqlite_url
from gesso.engines.comfyui import ComfyUI
from gesso.events import Bus
from gesso.fleet.state import State as EngineState
from gesso.jobs.artifacts import Artifacts
from gesso.jobs.files import Files
from gesso.jobs.hang_watch import HangWatch
from gesso.jobs.job import Claim, State
from gesso.jobs.runner import Runner
from tests.fleet import lasting
from tests.integration.fleet.stage import LIMIT_S, Stage, until
from tests.queues import Bench, bench


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A queue, one engine, and what drives its jobs."""

    bench: Bench
    member: Any
    runner: Runner
    hangs: HangWatch

    async def claimed(self, seconds: float = 1.0) -> Claim:
        payload = {"prompt": lasting(seconds, 1), "extra_data": {}, "targets": None}
        await self.bench.submit(payload=payload)
        return await self.bench.claim("sketch")


@asynccontextmanager
async def working(
    stage: Stage, tmp_path: Path, fault: str, *, unreachable_s: float, **fleet: Any
) -> AsyncIterator[Work]:
    engine = EngineConfig(name="sketch", kind="sketch", arguments=("--fault", fault))
    database = sqlite_url(tmp_path / "gesso.sqlite3")
    async with bench(database) as b, stage.supervisor(engine, stop_grace_s=0.5) as supervisor:
        async with Artifacts(tmp_path / "artifacts", b.database) as artifacts, asyncio.TaskGroup() as tasks:
            hangs = HangWatch(queue=b.queue, supervisor=supervisor, fleet=FleetConfig(**fleet))
            runner = Runner(
                queue=b.queue,
                artifacts=artifacts,
                files=Files(b.database),
                bus=Bus(),
                hangs=hangs,
                report=supervisor.report_failure,
                unreachable_s=unreachable_s,
            )
            watching = tasks.create_task(hangs.run())
            member = await supervisor.wait_for("sketch", EngineState.READY, timeout_s=LIMIT_S)
            yield Work(bench=b, member=member, runner=runner, hangs=hangs)
            watching.cancel()


@pytest.fixture
def stage(tmp_path: Path) -> Any:
    stage = Stage(storage=tmp_path / "data")
    yield stage
    stage.kill_leftovers()


def test_deaf_engine_is_restarted_though_its_job_was_taken_away_before(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An answer is waited for half a minute, else.
    defaults = ComfyUI._call.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "timeout_s", 0.5)

    async def main() -> None:
        limits = {"hang_floor_s": 6.0, "hang_limit_s": 6.0}
        async with working(stage, tmp_path, "deaf", unreachable_s=0.5, **limits) as work:
            claim = await work.claimed()
            await work.runner.run(claim, work.member, adopted=False)
            after = await work.bench.queue.get(claim.job.id)
            assert after.state is State.QUEUED and work.member.restarts == 0
            assert work.hangs.reason(claim) is None, "out of reach is no hang"
            await until(lambda: work.member.restarts == 1)
            assert "does not answer" in work.member.findings["hang"].evidence
            await until(lambda: not work.hangs.watched())
            await work.bench.queue.cancel(None)

    asyncio.run(main())


def test_engine_that_is_deaf_for_less_than_its_limit_is_left_alone(stage: Stage, tmp_path: Path) -> None:
    """As while a model is loaded, at which nothing else gets its turn."""

    async def main() -> None:
        limits = {"hang_floor_s": 1.0, "hang_limit_s": 8.0}
        async with working(stage, tmp_path, "deaf:4", unreachable_s=30.0, **limits) as work:
            claim = await work.claimed(0.3)
            await work.runner.run(claim, work.member, adopted=False)
            after = await work.bench.queue.get(claim.job.id)
            assert (after.state, after.attempt) == (State.SUCCEEDED, 1)
            assert work.member.restarts == 0 and "hang" not in work.member.findings
            assert not work.hangs.watched()

    asyncio.run(main())
