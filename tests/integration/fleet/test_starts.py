"""Starts of engines: their phases, how long they usually take, slow ones and stuck ones."""

import asyncio
import json
import sys
import time
from pathlib import Path

import pytest

from gesso.fleet.state import State
from tests.integration.fleet.faulty import WATCHFUL, faulty
from tests.integration.fleet.stage import LIMIT_S, Stage, fake_comfyui, until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")


def test_start_shows_its_phases_and_is_remembered(stage: Stage) -> None:
    seen: list[str] = []

    async def main() -> None:
        async with stage.supervisor(faulty("slow-start:2"), timing=WATCHFUL) as supervisor:
            member = supervisor.member("sketch")
            told = False
            while not member.ready:
                phase = member.signs.phase
                if phase is not None and seen[-1:] != [phase]:
                    seen.append(phase)
                told |= str(phase) in member.reason
                await asyncio.sleep(0.01)
            assert told
            assert member.signs.phase is None
            assert 2.0 < (member.signs.usual_start_s or 0.0) < LIMIT_S
            assert "slow-start" not in member.findings

    asyncio.run(main())
    assert seen[:3] == ["process up", "checking the card", "loading custom nodes"]
    assert set(seen[3:]) <= {"importing", "listening", "answering", "loading node classes", "connecting"}
    kept = json.loads((stage.storage / "engines" / "sketch.starts.json").read_text())
    assert len(kept["seconds"]) == 1


def test_slow_start_is_told_and_left_alone(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gesso.fleet.starts.SLOW_MARGIN_S", 0.1)
    history = stage.storage / "engines" / "sketch.starts.json"
    history.parent.mkdir(parents=True)
    history.write_text(json.dumps({"seconds": [0.2, 0.2]}))

    async def main() -> None:
        async with stage.supervisor(faulty("slow-start:3"), timing=WATCHFUL) as supervisor:
            member = supervisor.member("sketch")
            found = await until(lambda: member.findings.get("slow-start"))
            assert found.evidence.startswith("usually 0 s, now ")
            pid = member.pid
            await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)
            await until(lambda: "slow-start" not in member.findings)
            assert (member.pid, member.restarts) == (pid, 0)

    asyncio.run(main())


def test_stuck_start_is_restarted_once_nothing_happens_any_more(stage: Stage) -> None:
    async def main() -> None:
        async with stage.supervisor(
            faulty("stuck-start"), timing=WATCHFUL, start_limit_s=1.0, start_silence_s=1.0, restarts=1
        ) as supervisor:
            member = supervisor.member("sketch")
            first = await until(lambda: member.pid)
            await until(lambda: member.pid not in (first, None))
            assert member.restarts == 1
            found = member.findings["stuck-start"]
            assert "nothing is logged" in found.summary
            assert "checking the card" in found.evidence
            await supervisor.wait_for("sketch", State.STOPPED_AFTER_FAILURES, timeout_s=LIMIT_S)

    asyncio.run(main())


@pytest.mark.parametrize("work", ["sum(range(10_000))", "print('.', end='', flush=True)"])
def test_start_that_computes_or_logs_is_not_stuck(stage: Stage, tmp_path: Path, work: str) -> None:
    busy = f"import time\nwhile True:\n  {work}\n  time.sleep(0.002)"
    engine = fake_comfyui(tmp_path / "comfy", [busy])

    async def main() -> None:
        async with stage.supervisor(
            engine, timing=WATCHFUL, start_limit_s=0.3, start_silence_s=0.5
        ) as supervisor:
            member = supervisor.member("gpu0")
            await until(lambda: time.monotonic() - member.started_at > 3.0 and member.pid)
            assert (member.state, member.restarts) == (State.STARTING, 0)
            assert "slow-start" in member.findings

    asyncio.run(main())
