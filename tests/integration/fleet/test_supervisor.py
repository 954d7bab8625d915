"""Engines under the supervisor: they come up, crash, freeze and stop as real processes."""

import asyncio
import json
import os
import signal
import socket
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from gesso.config.fleet import FleetConfig
from gesso.config.schema import LogsConfig
from gesso.errors import Conflict, NotFound
from gesso.events import Bus
from gesso.fleet.state import State
from gesso.fleet.supervisor import Supervisor
from gesso.fleet.timing import Timing
from gesso.processes.process import Alive
from tests.integration.fleet.stage import LIMIT_S, QUICK, SKETCH, Stage, fake_comfyui, until
from tests.running import free_port

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")

# Answers like an engine with one node class and no WebSocket; its first lines are the test's.
SERVE = """
import json, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Engine(BaseHTTPRequestHandler):
    def do_GET(self):
        known = {"/system_stats": {"system": {}, "devices": []}, "/object_info": {"A": {"input": {}}}}
        body = json.dumps(known.get(self.path, {})).encode()
        self.send_response(200 if self.path in known else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
port = int(sys.argv[sys.argv.index("--port") + 1])
ThreadingHTTPServer(("127.0.0.1", port), Engine).serve_forever()
"""


def test_engine_comes_up_and_says_so(stage: Stage) -> None:
    async def main() -> None:
        async with stage.supervisor(SKETCH) as supervisor:
            member = await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)
            assert member.ready
            assert member.socket.connected
            assert member.catalog is not None
            assert member.catalog.catalog.node("EmptyImage") is not None
            assert json.loads(member.catalog.raw).keys() >= {"EmptyImage", "SaveImage"}
            status = member.status()
            assert status.pid == member.pid
            assert status.nodes == len(member.catalog.catalog.raw)
            assert "ok" in status.reason
        assert member.state is State.STOPPED
        assert not member.record.exists()

    asyncio.run(main())
    assert stage.states() == ["starting", *["alive"] * ("alive" in stage.states()), "ready", "stopped"]


def test_killed_engine_is_noticed_at_once_and_restarted(stage: Stage) -> None:
    async def main() -> None:
        # Slow ticks: the exit itself must wake the supervisor.
        timing = Timing(tick_s=5.0, probe_s=0.1, eager_probe_s=0.05)
        async with stage.supervisor(SKETCH, timing=timing) as supervisor:
            member = await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)
            first, catalog = member.pid, member.catalog
            assert first is not None
            os.kill(first, signal.SIGKILL)
            killed = time.monotonic()
            await until(lambda: member.pid not in (first, None))
            if hasattr(os, "pidfd_open"):
                assert time.monotonic() - killed < 2.0
            assert not member.ready
            assert member.catalog is catalog
            await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)
            assert member.restarts == 1
        assert "SIGKILL" in next(event.reason for event in stage.events if event.state == "failing")

    asyncio.run(main())
    assert [state for state in stage.states() if state != "alive"] == [
        "starting",
        "ready",
        "failing",
        "starting",
        "ready",
        "stopped",
    ]


def test_engine_that_crashes_at_start_is_given_up_with_its_last_words(stage: Stage, tmp_path: Path) -> None:
    engine = fake_comfyui(tmp_path / "comfy", ["print('no module named torch')", "raise SystemExit(3)"])

    async def main() -> None:
        async with stage.supervisor(engine, restarts=2) as supervisor:
            member = await supervisor.wait_for("gpu0", State.STOPPED_AFTER_FAILURES, timeout_s=LIMIT_S)
            assert member.given_up
            assert member.restarts == 2
            assert "failed 3 times" in member.reason
            assert "exit code 3" in member.reason
            assert "no module named torch" in member.reason
            # It stays so, until somebody asks: then it has its whole budget again.
            supervisor.start("gpu0")
            await until(lambda: member.state is not State.STOPPED_AFTER_FAILURES)
            await supervisor.wait_for("gpu0", State.STOPPED_AFTER_FAILURES, timeout_s=LIMIT_S)
            assert member.restarts == 4

    asyncio.run(main())
    assert stage.states("gpu0").count("stopped-after-failures") == 2


def test_program_that_is_not_there_is_given_up_too(stage: Stage, tmp_path: Path) -> None:
    engine = fake_comfyui(tmp_path / "comfy", []).model_copy(update={"python": "/no/such/python"})

    async def main() -> None:
        async with stage.supervisor(engine, restarts=1) as supervisor:
            member = await supervisor.wait_for("gpu0", State.STOPPED_AFTER_FAILURES, timeout_s=LIMIT_S)
            assert "/no/such/python" in member.reason

    asyncio.run(main())


def test_taken_port_is_named_instead_of_talking_to_a_stranger(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        monkeypatch.setattr("gesso.fleet.prober.SOCKET_S", 0.1)
        with socket.socket() as stranger:
            stranger.bind(("127.0.0.1", 0))
            stranger.listen()
            port = stranger.getsockname()[1]
            engine = fake_comfyui(tmp_path / "comfy", [SERVE], port=port)
            async with stage.supervisor(engine, restarts=100) as supervisor:
                member = await supervisor.wait_for("gpu0", State.FAILING, timeout_s=LIMIT_S)
                # Who has it is told to those who may read logs; the reason is everybody's.
                assert f"port {port} is taken by another program" in member.reason
                assert str(os.getpid()) not in member.reason
                assert f"by process {os.getpid()} (" in member.findings["port-in-use"].evidence
                assert member.pid is None
                stranger.close()
                await supervisor.wait_for("gpu0", State.READY, timeout_s=LIMIT_S)

    asyncio.run(main())


def test_frozen_engine_is_unknown_and_left_alone(stage: Stage) -> None:
    async def main() -> None:
        async with stage.supervisor(SKETCH) as supervisor:
            member = await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)
            pid = member.pid
            assert pid is not None
            os.kill(pid, signal.SIGSTOP)
            await supervisor.wait_for("sketch", State.UNKNOWN, timeout_s=LIMIT_S)
            assert not member.ready
            assert "timed out" in member.reason
            # More such probes change nothing.
            for _ in range(3):
                before = member.probe
                await until(lambda before=before: member.probe is not before)
            assert (member.pid, member.restarts, member.state) == (pid, 0, State.UNKNOWN)
            os.kill(pid, signal.SIGCONT)
            await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)
            assert member.pid == pid

    asyncio.run(main())


def test_engine_with_a_job_known_to_be_stuck_is_restarted_and_its_job_is_told(stage: Stage) -> None:
    async def main() -> None:
        async with stage.supervisor(SKETCH) as supervisor:
            member = await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)
            pid = member.pid
            supervisor.report_stuck("sketch", "job 1 made no progress for 300 s")
            await until(lambda: member.pid not in (pid, None))
            await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)
        wedged = [event for event in stage.events if event.state == "wedged"]
        assert [event.reason for event in wedged] == ["job 1 made no progress for 300 s"]

    asyncio.run(main())


def test_report_of_a_stuck_job_is_void_once_the_engine_speaks_again(stage: Stage) -> None:
    async def main() -> None:
        async with stage.supervisor(SKETCH) as supervisor:
            member = await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)
            pid = member.pid
            supervisor.report_stuck("sketch", "job 1 made no progress for 300 s")
            # In the same turn of the loop: a message of the engine arrives before the next tick.
            member.socket.progressed_at = time.monotonic() + 0.001
            await until(lambda: member.stuck is None)
            assert member.pid == pid
            assert member.ready

    asyncio.run(main())
    assert "wedged" not in stage.states()


def test_stopped_engine_stays_stopped_until_started(stage: Stage) -> None:
    async def main() -> None:
        async with stage.supervisor(SKETCH) as supervisor:
            member = await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)
            process = member.process
            await supervisor.stop("sketch")
            assert process is not None
            assert process.poll() != Alive()
            assert (member.state, member.pid, member.ready) == (State.STOPPED, None, False)
            supervisor.start("sketch")
            await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)
            assert member.restarts == 0

    asyncio.run(main())


def test_restart_on_request_is_no_failure(stage: Stage) -> None:
    async def main() -> None:
        async with stage.supervisor(SKETCH, restarts=0) as supervisor:
            member = await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)
            member.uploaded.add("a.png")
            pid = member.pid
            supervisor.restart("sketch")
            await until(lambda: member.pid not in (pid, None))
            await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)
            assert not member.uploaded

    asyncio.run(main())
    assert "failing" not in stage.states()


def test_engine_without_a_websocket_is_ready_a_little_later(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gesso.fleet.prober.SOCKET_S", 0.2)
    engine = fake_comfyui(tmp_path / "comfy", [SERVE])

    async def main() -> None:
        async with stage.supervisor(engine) as supervisor:
            member = await supervisor.wait_for("gpu0", State.READY, timeout_s=LIMIT_S)
            assert not member.socket.connected

    asyncio.run(main())


def test_engine_that_is_slow_to_load_is_starting_not_failing(stage: Stage, tmp_path: Path) -> None:
    ready = tmp_path / "go"
    wait = ["import os, time", f"while not os.path.exists({str(ready)!r}): time.sleep(0.01)"]
    engine = fake_comfyui(tmp_path / "comfy", [*wait, SERVE])

    async def main() -> None:
        async with stage.supervisor(engine, start_limit_s=0.2) as supervisor:
            member = supervisor.member("gpu0")
            await until(lambda: member.probe is not None and time.monotonic() - member.started_at > 1.0)
            assert member.state is State.STARTING
            assert "connection refused" in member.reason
            assert member.restarts == 0
            ready.touch()
            await supervisor.wait_for("gpu0", State.ALIVE, State.READY, timeout_s=LIMIT_S)

    asyncio.run(main())


def test_refresh_takes_new_node_classes(stage: Stage) -> None:
    async def main() -> None:
        async with stage.supervisor(SKETCH) as supervisor:
            member = await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)
            before = member.catalog
            await supervisor.refresh("sketch")
            assert member.catalog is before
            # A new picture in the input folder is a new choice of LoadImage.
            uploads = stage.storage / "engines" / "sketch" / "input"
            (uploads / "new.png").write_bytes(b"")
            await supervisor.refresh("sketch")
            assert before is not None
            assert member.catalog is not None
            assert member.catalog.sha256 != before.sha256

    asyncio.run(main())


def test_log_is_rotated_while_the_engine_writes(stage: Stage, tmp_path: Path) -> None:
    talk = ["import time", "while True: print('x' * 1000, flush=True); time.sleep(0.001)"]
    engine = fake_comfyui(tmp_path / "comfy", talk)

    async def main() -> None:
        async with Supervisor(
            [engine],
            stage.storage,
            Bus(),
            fleet=FleetConfig(stop_grace_s=1.0),
            logs=LogsConfig(engine_log_size=10_000, engine_log_files=2),
            timing=Timing(tick_s=0.02, rotate_s=0.02),
        ):
            await until((stage.storage / "logs" / "gpu0.log.2").exists)

    asyncio.run(main())


def test_names_that_nobody_has_are_not_found(stage: Stage) -> None:
    async def main() -> None:
        external = SKETCH.model_copy(update={"url": f"http://127.0.0.1:{free_port()}"})
        async with stage.supervisor(external) as supervisor:
            assert supervisor.find("nope") is None
            with pytest.raises(NotFound, match="nope"):
                supervisor.member("nope")
            for act in (supervisor.start, supervisor.restart):
                with pytest.raises(Conflict, match="not run by gesso"):
                    act("sketch")
            with pytest.raises(Conflict):
                await supervisor.stop("sketch")

    asyncio.run(main())


@pytest.mark.parametrize("ending", ["raise SystemExit(4)", "time.sleep(60)"])
def test_no_child_of_an_engine_outlives_it(stage: Stage, tmp_path: Path, ending: str) -> None:
    child = (
        "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )
    main_py = [
        "import subprocess, sys, time",
        f"print(subprocess.Popen([sys.executable, '-c', {child!r}]).pid, flush=True)",
        "time.sleep(0.3)",
        ending,
    ]
    engine = fake_comfyui(tmp_path / "comfy", main_py)

    async def main() -> None:
        async with stage.supervisor(engine, restarts=0, stop_grace_s=0.3) as supervisor:
            member = supervisor.member("gpu0")
            await until(lambda: member.log.exists() and "deaf" in member.log.read_text())
            pid = int(member.log.read_text().splitlines()[0])
            if "Exit" in ending:
                await supervisor.wait_for("gpu0", State.STOPPED_AFTER_FAILURES, timeout_s=LIMIT_S)
            else:
                await supervisor.stop("gpu0")
            await until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie")

    asyncio.run(main())


def test_frozen_engine_does_not_keep_gesso_from_stopping(stage: Stage) -> None:
    async def main() -> None:
        async with stage.supervisor(SKETCH, stop_grace_s=1.0) as supervisor:
            member = await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)
            assert member.pid is not None
            os.kill(member.pid, signal.SIGSTOP)
            process, begun = member.process, time.monotonic()
        assert process is not None
        assert process.poll() != Alive()
        assert time.monotonic() - begun < LIMIT_S

    asyncio.run(main())


def test_supervisor_runs_on_uvloop_too(stage: Stage) -> None:
    uvloop = pytest.importorskip("uvloop")

    async def main() -> None:
        async with stage.supervisor(SKETCH, timing=Timing(tick_s=5.0)) as supervisor:
            member = await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)
            first = member.pid
            assert first is not None
            os.kill(first, signal.SIGKILL)
            await until(lambda: member.pid not in (first, None))

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


def test_measurement_that_fails_ends_neither_gesso_nor_measuring(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = 0

    def broken(pid: int, now: float) -> None:
        nonlocal measured
        measured += 1
        raise RuntimeError("the system answers with nothing")

    async def main() -> None:
        engine = SKETCH.model_copy(update={"memory_limit": 1})
        async with stage.supervisor(engine, timing=replace(QUICK, vitals_s=0.05)) as supervisor:
            await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)
            monkeypatch.setattr("gesso.fleet.diagnosis.measure", broken)
            await until(lambda: measured > 2)
            assert not supervisor.member("sketch").signs.retiring

    asyncio.run(main())
