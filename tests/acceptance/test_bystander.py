"""A process with an engine's very command line, which gesso neither started nor adopted, gets no signal."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.faulty_fleet import Faulty, end_of, faulty, submit
from tests.running import free_port, wait_for

# Stands in for the module that the command line names: it notes each signal that it gets, and waits.
TRAP = """
import os, signal, sys, threading
def note(number, frame):
    with open(os.environ["TRAPPED"], "a") as file:
        file.write(signal.Signals(number).name + "\\n")
for each in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:
    try:
        signal.signal(each, note)
    except (OSError, ValueError):
        pass
print("waits", flush=True)
while True:
    signal.pause()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bystander:
    process: "subprocess.Popen[str]"
    trapped: Path

    def unharmed(self) -> bool:
        alive = self.process.poll() is None
        return alive and psutil.Process(self.process.pid).status() != psutil.STATUS_STOPPED

    def signals(self) -> list[str]:
        return self.trapped.read_text().split() if self.trapped.exists() else []


@contextmanager
def standing_by(argv: Sequence[str], *, cwd: Path, directory: Path) -> Iterator[Bystander]:
    """A process with this command line, in this folder, that does nothing."""
    fake = directory / "gesso" / "sketch"
    fake.mkdir(parents=True)
    (fake.parent / "__init__.py").touch()
    (fake / "__init__.py").touch()
    (fake / "__main__.py").write_text(TRAP)
    trapped = directory / "trapped"
    env = {**os.environ, "PYTHONPATH": str(directory), "TRAPPED": str(trapped)}
    process = subprocess.Popen(argv, cwd=cwd, env=env, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "waits\n"
        yield Bystander(process=process, trapped=trapped)
    finally:
        process.kill()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()


def test_trap_notes_signals(tmp_path: Path) -> None:
    argv = [psutil.Process().exe(), "-m", "gesso.sketch"]
    with standing_by(argv, cwd=tmp_path, directory=tmp_path / "bystander") as bystander:
        assert bystander.signals() == []
        bystander.process.send_signal(signal.SIGTERM)
        wait_for(lambda: bystander.signals() == ["SIGTERM"])
        assert bystander.unharmed()


def test_bystander_with_the_same_command_line_is_never_signalled(tmp_path: Path) -> None:
    limits = "restarts = 1\nhang_floor_s = 2\nhang_limit_s = 2\n"
    # Always the same port, so that the command line is that of each of the engine's processes.
    port = f"port = {free_port()}\n"
    with faulty(tmp_path / "gesso", fleet=limits, more=port) as service:
        sketch = Faulty(service)
        first = psutil.Process(sketch.now()["pid"])
        argv, cwd = first.cmdline(), Path(first.cwd())
        with standing_by(argv, cwd=cwd, directory=tmp_path / "bystander") as bystander:
            assert psutil.Process(bystander.process.pid).cmdline() == argv

            _ask(sketch, "restart")
            wait_for(lambda: sketch.now()["pid"] not in (None, first.pid))
            sketch.wait("ready")
            assert psutil.Process(sketch.now()["pid"]).cmdline() == argv

            sketch.inflict("hang")
            assert end_of(service, submit(service, 4))["state"] == "succeeded"
            assert "wedged" in sketch.told()

            # Its budget is used up with the next.
            sketch.wait("ready")
            sketch.inflict("exit:1")
            sketch.wait("stopped-after-failures")

            _ask(sketch, "start")
            sketch.wait("ready")
            _ask(sketch, "stop")
            sketch.wait("stopped")
            _ask(sketch, "start")
            engine = psutil.Process(sketch.wait("ready")["pid"])

            # Both die, and the system gives the engine's PID to the bystander.
            record = service.directory / "storage" / "engines" / "sketch.json"
            service.kill()
            engine.kill()
            wait_for(lambda: not engine.is_running() or engine.status() == psutil.STATUS_ZOMBIE)
            taken = json.loads(record.read_text()) | {"pid": bystander.process.pid}
            record.write_text(json.dumps(taken))
            service.launch()
            assert sketch.wait("ready")["pid"] != bystander.process.pid
            _ask(sketch, "stop")
            sketch.wait("stopped")
            service.close()

            assert bystander.signals() == []
            assert bystander.unharmed()


def _ask(sketch: Faulty, verb: str) -> None:
    reply = sketch.service.call("POST", f"/gesso/api/engines/{sketch.name}/{verb}", timeout_s=60)
    assert reply.status in (200, 202), reply.body
