"""The command: what it refuses, and that it stops at once and cleanly."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.sketch.exchange import send, send_json
from tests.integration.sketch.listening import listening
from tests.integration.sketch.workflows import steps
from tests.running import running_sketch


def command(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "gesso.sketch", *arguments], capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "127.0.0.1,0.0.0.0", "example.org"])  # noqa: S104
def test_address_that_others_reach_needs_permission(host: str, tmp_path: Path) -> None:
    done = command("--listen", host, "--port", "0", "--directory", str(tmp_path))
    assert done.returncode == 2
    assert "--allow-remote" in done.stderr
    assert "Traceback" not in done.stderr


def test_taken_port_is_told_in_one_line(tmp_path: Path) -> None:
    with running_sketch(tmp_path / "first") as sketch:
        done = command("--port", str(sketch.port), "--directory", str(tmp_path / "second"))
    assert done.returncode == 1
    assert "address already in use" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_stops_a_busy_sketch_soon_and_cleanly(number: signal.Signals, tmp_path: Path) -> None:
    with running_sketch(tmp_path / "data", "--preview-method", "auto") as sketch:
        with listening(sketch.url) as listener:
            body = {"prompt": steps(600, 0.1), "client_id": listener.client_id}
            assert send_json(sketch.url, "POST", "/prompt", body).status == 200
            listener.wait_type("progress")
            sketch.process.send_signal(number)
            # Its job would take a minute.
            assert sketch.process.wait(30) == 0
            listener.closed.wait(5)
            assert listener.messages("execution_interrupted") == []
        log = sketch.log.read_text()
    assert "Traceback" not in log
    assert "was never" not in log and "Unclosed" not in log


def test_temporary_files_do_not_survive_a_restart(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    (directory / "temp").mkdir(parents=True)
    (directory / "temp/left.png").write_bytes(b"")
    with running_sketch(directory) as sketch:
        assert send(sketch.url, "GET", "/view?filename=left.png&type=temp").status == 404
