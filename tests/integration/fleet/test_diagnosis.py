"""What is wrong with engines is found, named, acted upon where that helps, and taken back when it is over."""

import asyncio
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from gesso.fleet.diagnosis import Diagnosis
from gesso.fleet.failures import Watchful, by_name
from gesso.fleet.finding import Finding
from gesso.fleet.state import State
from gesso.processes.process import Alive, Process
from tests.integration.fleet.faulty import WATCHFUL, faulty, run_job
from tests.integration.fleet.stage import LIMIT_S, SKETCH, Stage, fake_comfyui, until
from tests.integration.sketch.faulty import heal, inflict
from tests.running import running_sketch

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")


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


def test_log_of_an_ended_process_is_understood_beside_the_loop(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = fake_comfyui(tmp_path / "comfy", ["print('the last words')", "raise SystemExit(3)"])
    feed, threads = Watchful.feed, {}

    def noted(watchful: Watchful, line: str, at: float) -> Finding | None:
        threads[line] = threading.current_thread()
        return feed(watchful, line, at)

    monkeypatch.setattr(Watchful, "feed", noted)

    async def main() -> None:
        async with stage.supervisor(engine, restarts=0) as supervisor:
            await supervisor.wait_for("gpu0", State.STOPPED_AFTER_FAILURES, timeout_s=LIMIT_S)
        assert threads["the last words"] is not threading.current_thread()

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
    assert any(event.state == "failing" and "the card's context" in event.reason for event in stage.events)


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


def test_what_the_last_process_had_is_over_with_it(stage: Stage) -> None:
    async def main() -> None:
        async with stage.supervisor(faulty("oom:1"), timing=WATCHFUL) as supervisor:
            member = await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)
            await run_job(member)
            await until(lambda: member.findings.get("cuda-out-of-memory"))
            pid = member.pid
            supervisor.restart("sketch")
            await until(lambda: member.pid not in (pid, None))
            await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)
            assert not member.findings

    asyncio.run(main())


def test_engine_that_was_killed_says_so_and_for_a_while_after(stage: Stage) -> None:
    async def main() -> None:
        async with stage.supervisor(SKETCH, timing=WATCHFUL) as supervisor:
            member = await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)
            pid = member.pid
            await asyncio.to_thread(inflict, member.url, "killed")
            # It may be dead before it has answered.
            with suppress(ConnectionError):
                await run_job(member)
            await until(lambda: member.pid not in (pid, None))
            assert set(member.findings) <= {"killed", "out-of-memory"}
            assert "SIGKILL" in next(iter(member.findings.values())).evidence
            await until(lambda: not member.findings and member.ready)

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


def test_folder_that_is_empty_still_is_told_after_a_job_that_missed_one_model(stage: Stage) -> None:
    async def main() -> None:
        timing = replace(WATCHFUL, forget_s=0.3)
        async with stage.supervisor(faulty("models-missing"), timing=timing) as supervisor:
            member = await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)
            await until(lambda: member.findings.get("models-missing"))
            supervisor.report_failure("sketch", by_name("models-missing", "'ada.safetensors' not found", 0.0))
            assert member.findings["models-missing"].evidence.startswith("'ada")
            await until(lambda: "empty are" in getattr(member.findings.get("models-missing"), "evidence", ""))

    asyncio.run(main())


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
