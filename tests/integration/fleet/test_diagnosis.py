"""What is wrong with engines is found, named, acted upon where that helps, and taken back when it is over."""

import asyncio
import json
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gesso.config.engine import EngineConfig
from gesso.fleet.decide import Wanted
from gesso.fleet.diagnosis import Diagnosis
from gesso.fleet.log_watch import LogWatch
from gesso.fleet.member import Member
from gesso.fleet.state import State
from gesso.gpus.reader import Card, GpuProcess, Machine
from gesso.processes.logs import rotate
from gesso.processes.process import Alive, Process
from tests.integration.fleet.stage import LIMIT_S, QUICK, SKETCH, Stage, fake_comfyui, until
from tests.integration.sketch.exchange import send_json
from tests.integration.sketch.faulty import heal, inflict
from tests.integration.sketch.workflows import steps
from tests.running import running_sketch

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")

WATCHFUL = replace(QUICK, vitals_s=0.1, recovered_s=0.5)
MIB = 2**20


def faulty(*faults: str, **config: Any) -> EngineConfig:
    words = [word for fault in faults for word in ("--fault", fault)]
    return EngineConfig(name="sketch", kind="sketch", arguments=tuple(words), **config)


async def run_job(member: Member, seed: int = 0) -> None:
    """A job, handed to the engine as any other program might."""
    prompt = {"prompt": steps(2, 0.01, seed)}
    answer = await asyncio.to_thread(send_json, member.url, "POST", "/prompt", prompt)
    assert answer.status == 200, answer.body


@pytest.mark.parametrize(
    ("fault", "name", "evidence"),
    [
        ("missing-module:torch", "missing-module", "No module named 'torch'"),
        ("missing-library", "missing-library", "libGL.so.1"),
        ("database-locked", "asset-database-locked", "user/comfyui.db"),
        ("port-stolen", "port-in-use", "[Errno 98]"),
        ("crash-at-start:3", "crashed", "told to crash at its start"),
        ("nosuch", "wrong-arguments", "error: --fault"),
    ],
)
def test_failed_start_is_named_with_the_line_that_says_so(
    stage: Stage, fault: str, name: str, evidence: str
) -> None:
    async def main() -> None:
        async with stage.supervisor(faulty(fault), restarts=1) as supervisor:
            member = await supervisor.wait_for("sketch", State.STOPPED_AFTER_FAILURES, timeout_s=LIMIT_S)
            assert list(member.findings) == [name]
            found = member.findings[name]
            assert evidence in found.evidence
            assert found.remedy
            assert f"{name}: {found.summary}" in member.reason
            # Somebody has seen it, and starts it by hand: that is a new matter.
            supervisor.start("sketch")
            assert not member.findings

    asyncio.run(main())


def test_program_and_port_that_cannot_be_had_are_named_too(stage: Stage, tmp_path: Path) -> None:
    engine = fake_comfyui(tmp_path / "comfy", []).model_copy(update={"python": "/no/such/python"})

    async def main() -> None:
        async with stage.supervisor(engine, restarts=0) as supervisor:
            member = await supervisor.wait_for("gpu0", State.STOPPED_AFTER_FAILURES, timeout_s=LIMIT_S)
            assert "/no/such/python" in member.findings["not-executable"].evidence

    asyncio.run(main())


def test_twenty_crashes_end_in_one_state_that_names_the_last(stage: Stage, tmp_path: Path) -> None:
    engine = fake_comfyui(tmp_path / "comfy", ["import sys; sys.path[:] = []; import torch_of_somebody"])

    async def main() -> None:
        async with stage.supervisor(engine, restarts=19, back_off_s=0.0, back_off_limit_s=0.0) as supervisor:
            member = await supervisor.wait_for("gpu0", State.STOPPED_AFTER_FAILURES, timeout_s=2 * LIMIT_S)
            assert "failed 20 times" in member.reason
            assert "missing-module" in member.reason
            assert member.restarts == 19

    asyncio.run(main())
    assert stage.states("gpu0").count("stopped-after-failures") == 1


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


@pytest.mark.parametrize("fault", ["cuda-poison:hang", "device-side-assert"])
def test_poisoned_engine_is_restarted_and_says_why_until_it_has_recovered(stage: Stage, fault: str) -> None:
    async def main() -> None:
        timing = replace(WATCHFUL, recovered_s=2.0)
        async with stage.supervisor(SKETCH, timing=timing) as supervisor:
            member = await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)
            pid = member.pid
            await asyncio.to_thread(inflict, member.url, fault)
            await run_job(member)
            await until(lambda: member.pid not in (pid, None))
            assert "CUDA error: " in member.findings["cuda-poisoned"].evidence
            assert len(member.failures) == 1
            await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)
            assert "cuda-poisoned" in member.findings
            await until(lambda: "cuda-poisoned" not in member.findings)
            assert member.ready

    asyncio.run(main())
    assert any(event.state == "failing" and "CUDA error" in event.reason for event in stage.events)


def test_lack_of_memory_on_the_card_is_told_and_over_with_the_next_success(stage: Stage) -> None:
    async def main() -> None:
        async with stage.supervisor(faulty("oom:1"), timing=WATCHFUL) as supervisor:
            member = await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)
            pid = member.pid
            await run_job(member)
            found = await until(lambda: member.findings.get("cuda-out-of-memory"))
            assert "Allocation on device" in found.evidence or "Got an OOM" in found.evidence
            member.socket.succeeded_at = time.monotonic()
            await until(lambda: not member.findings)
            assert (member.pid, member.restarts, member.ready) == (pid, 0, True)

    asyncio.run(main())


def test_engine_that_was_killed_says_so_and_for_a_while_after(stage: Stage) -> None:
    async def main() -> None:
        async with stage.supervisor(SKETCH, timing=WATCHFUL) as supervisor:
            member = await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)
            pid = member.pid
            await asyncio.to_thread(inflict, member.url, "killed")
            await run_job(member)
            await until(lambda: member.pid not in (pid, None))
            assert set(member.findings) <= {"killed", "out-of-memory"}
            assert "SIGKILL" in next(iter(member.findings.values())).evidence
            await until(lambda: not member.findings and member.ready)

    asyncio.run(main())


def test_engine_above_its_limit_is_restarted_between_jobs_but_not_again_and_again(stage: Stage) -> None:
    async def main() -> None:
        engine = faulty("leak:300", memory_limit=350 * MIB)
        async with stage.supervisor(engine, timing=WATCHFUL, restarts=0) as supervisor:
            member = await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)
            pid = member.pid
            # Whoever gives it jobs has one that it does not know of yet.
            member.jobs = lambda: 1
            await run_job(member)
            found = await until(lambda: member.findings.get("leak"))
            assert "RAM " in found.evidence
            assert "its limit is 367" in found.evidence
            await until(lambda: not member.ready and "given no more jobs" in member.reason)
            assert member.usable
            assert member.pid == pid
            member.jobs = lambda: 0
            await until(lambda: member.pid not in (pid, None))
            await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)
            await until(lambda: "leak" not in member.findings and member.ready)
            assert (member.restarts, member.failures) == (0, [])
            # The same again: it is said, but so soon nothing is done about it.
            second = member.pid
            await run_job(member, seed=1)
            await until(lambda: "leak" in member.findings)
            before = member.signs.vitals
            await until(lambda: member.signs.vitals is not before)
            assert member.ready
            assert member.pid == second

    asyncio.run(main())
    assert any("restarted between jobs: RAM" in event.reason for event in stage.events)
    assert "failing" not in stage.states()


def test_engine_whose_activity_is_unknown_is_not_restarted_for_its_memory(stage: Stage) -> None:
    async def main() -> None:
        async with stage.supervisor(
            SKETCH.model_copy(update={"memory_limit": 1}), timing=WATCHFUL
        ) as supervisor:
            member = supervisor.member("sketch")
            member.jobs = lambda: 1
            await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)
            pid = member.pid
            await until(lambda: "leak" in member.findings)
            member.socket.queue_remaining = None
            member.jobs = lambda: 0
            before = member.signs.vitals
            await until(lambda: member.signs.vitals is not before)
            assert member.pid == pid
            member.wanted = Wanted.STOPPED

    asyncio.run(main())


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        ("locked", "locked-out"),
        ("login", "locked-out"),
        ("html", "not-an-engine"),
        ("truncated", "not-an-engine"),
    ],
)
def test_wrong_answers_are_named_and_over_with_the_right_ones(
    stage: Stage, tmp_path: Path, fault: str, name: str
) -> None:
    with running_sketch(tmp_path / "theirs") as theirs:

        async def main() -> None:
            engine = SKETCH.model_copy(update={"url": theirs.url})
            async with stage.supervisor(engine, timing=WATCHFUL) as supervisor:
                member = await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)
                await asyncio.to_thread(inflict, theirs.url, fault)
                found = await until(lambda: member.findings.get(name))
                at = found.at
                probe = member.probe
                await until(lambda: member.probe is not probe)
                assert member.findings[name].at == at
                await asyncio.to_thread(heal, theirs.url)
                await until(lambda: not member.findings and member.ready)

        asyncio.run(main())
        assert theirs.process.poll() is None


def test_engine_of_somebody_else_that_is_away_is_unreachable(stage: Stage, tmp_path: Path) -> None:
    async def main() -> None:
        with running_sketch(tmp_path / "theirs") as theirs:
            engine = SKETCH.model_copy(update={"url": theirs.url})
        async with stage.supervisor(engine, timing=WATCHFUL) as supervisor:
            member = supervisor.member("sketch")
            await until(lambda: "unreachable" in member.findings)

    asyncio.run(main())


def test_lines_of_an_earlier_process_say_nothing_about_this_one(stage: Stage) -> None:
    log = stage.storage / "logs" / "sketch.log"
    log.parent.mkdir(parents=True)
    log.write_text(
        "Traceback (most recent call last):\n"
        '  File "main.py", line 1, in <module>\n'
        "RuntimeError: CUDA error: device-side assert triggered\n"
    )

    async def main() -> None:
        async with stage.supervisor(SKETCH, timing=WATCHFUL) as supervisor:
            member = await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)
            assert not member.findings

    asyncio.run(main())


def test_healthy_engine_has_no_findings(stage: Stage) -> None:
    found: set[str] = set()

    async def main() -> None:
        async with stage.supervisor(SKETCH, timing=WATCHFUL) as supervisor:
            member = await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)
            for seed in range(5):
                await run_job(member, seed)
                found.update(member.findings)
            await until(lambda: member.socket.queue_remaining == 0)
            found.update(member.findings)
            assert (member.restarts, member.failures) == (0, [])

    asyncio.run(main())
    assert not found


def test_engine_that_offers_no_model_says_so_until_it_does(stage: Stage) -> None:
    async def main() -> None:
        async with stage.supervisor(faulty("models-missing"), timing=WATCHFUL) as supervisor:
            member = await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)
            found = await until(lambda: member.findings.get("models-missing"))
            assert "SketchPretendLoader.model_name" in found.evidence
            assert member.ready
            await asyncio.to_thread(heal, member.url)
            await supervisor.refresh("sketch")
            await until(lambda: not member.findings)

    asyncio.run(main())


def test_log_that_is_rotated_under_its_reader_is_read_once_and_wholly(tmp_path: Path) -> None:
    path = tmp_path / "engine.log"
    path.write_text("of an earlier process\n")
    watch = LogWatch(path)
    found: list[str] = []
    with path.open("ab") as log:
        for number in range(200):
            log.write(f"line {number}\n".encode())
            log.flush()
            if number % 7 == 0:
                found += watch.read()
            if number % 50 == 49:
                found += watch.read()
                assert rotate(path, limit=0, keep=2)
                watch.rotated()
                # It outgrows what it was before anybody looks again.
                log.write(b"x" * 2000 + b"\n")
                log.flush()
    found += watch.read_all()
    assert [line for line in found if line.startswith("line")] == [f"line {number}" for number in range(200)]
    assert not watch.grown()


def test_log_that_outruns_its_reader_is_read_from_near_its_end(tmp_path: Path) -> None:
    path = tmp_path / "engine.log"
    watch = LogWatch(path)
    path.write_bytes(b"a line like any other\n" * 500_000 + b"the last one, without an end")
    seen = watch.read()
    assert len(seen) < 20_000
    assert watch.read_all()[-1] == "the last one, without an end"
    assert watch.recent[-1] == "the last one, without an end"


def test_end_at_any_moment_of_a_tick_is_counted(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    look = Diagnosis.look
    doomed: list[Process] = []

    async def look_and_see_it_die(diagnosis: Diagnosis) -> None:
        await look(diagnosis)
        if doomed:
            process = doomed.pop()
            os.kill(process.pid, signal.SIGKILL)
            await until(lambda: process.poll() != Alive())

    monkeypatch.setattr(Diagnosis, "look", look_and_see_it_die)

    async def main() -> None:
        async with stage.supervisor(SKETCH, timing=WATCHFUL) as supervisor:
            member = await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)
            assert member.process is not None
            pid = member.pid
            doomed.append(member.process)
            await until(lambda: member.pid not in (pid, None))
            assert len(member.failures) == 1
            assert member.findings.keys() & {"killed", "out-of-memory"}

    asyncio.run(main())


class OneCard:
    """A reader of one card, on which everything asked about holds the same."""

    def __init__(self) -> None:
        self.pid = 0
        self.held: int | None = None

    def read(self) -> Machine:
        process = GpuProcess(pid=self.pid, memory=self.held)
        card = Card(uuid="GPU-0", name="RTX 3090", nvml_index=0, pci=None, processes=(process,))
        return Machine(reader="recorded", at=time.time(), cards=(card,))

    def close(self) -> None:
        """Nothing to close."""


def test_limit_of_memory_on_the_card_counts_only_what_is_known(stage: Stage) -> None:
    reader = OneCard()

    async def main() -> None:
        engine = SKETCH.model_copy(update={"vram_limit": 8 * 10**9})
        async with stage.supervisor(engine, timing=WATCHFUL, reader=reader) as supervisor:
            member = await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)
            pid = reader.pid = member.pid or 0
            before = member.signs.vitals
            await until(lambda: member.signs.vitals not in (before, None))
            assert not member.findings
            member.jobs = lambda: 1
            reader.held = 9 * 10**9
            found = await until(lambda: member.findings.get("leak"))
            assert found.evidence.startswith("VRAM 9")
            reader.held = None
            await until(lambda: "leak" not in member.findings and member.ready)
            reader.held = 9 * 10**9
            member.jobs = lambda: 0
            await until(lambda: member.pid not in (pid, None))

    asyncio.run(main())
