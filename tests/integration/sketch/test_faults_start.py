"""Faults of the start: what a sketch really logs, with which code it ends, and whether it listens."""

from pathlib import Path

import psutil
import pytest

from tests.integration.sketch.faulty import run_to_end, starting, with_faults
from tests.running import answers, running_sketch, wait_for


@pytest.mark.parametrize(
    ("fault", "code", "line"),
    [
        ("crash-at-start", 1, "RuntimeError: sketch was told to crash"),
        ("crash-at-start:77", 77, "Traceback (most recent call last):"),
        ("missing-module", 1, "ModuleNotFoundError: No module named 'torch'"),
        ("missing-module:torchsde", 1, "ModuleNotFoundError: No module named 'torchsde'"),
        ("missing-library", 1, "ImportError: libGL.so.1: cannot open shared object file"),
        ("database-locked", 1, "Database is locked. Another ComfyUI process is already using this database."),
        ("port-stolen", 1, "OSError: [Errno 98] error while attempting to bind on address"),
        ("exit:137", 137, "told to end with code 137"),
    ],
)
def test_start_that_fails(fault: str, code: int, line: str, tmp_path: Path) -> None:
    done = run_to_end(tmp_path / "data", *with_faults(fault))
    assert done.returncode == code
    assert line in done.stderr
    assert "Total VRAM" in done.stderr
    assert ("To see the GUI go to" in done.stderr) == (fault == "exit:137")


def test_stuck_start_logs_its_first_lines_and_then_does_nothing(tmp_path: Path) -> None:
    with starting(tmp_path / "data", with_faults("stuck-start")) as (process, url, log):
        wait_for(lambda: "Device: cpu" in log.read_text(), 30)
        process_seen = psutil.Process(process.pid)
        wait_for(lambda: process_seen.status() == psutil.STATUS_SLEEPING)
        before, said = process_seen.cpu_times(), log.read_text()
        with pytest.raises(psutil.TimeoutExpired):
            process_seen.wait(1.0)
        after = process_seen.cpu_times()
        assert after.user + after.system - before.user - before.system < 0.1
        assert log.read_text() == said
        assert "Python version" not in said
        assert not answers(url)
        process.terminate()
        assert process.wait(10) == -15


def test_slow_start_spreads_its_phases_and_then_listens(tmp_path: Path) -> None:
    with starting(tmp_path / "data", with_faults("slow-start:2.5")) as (process, url, log):
        wait_for(lambda: "ComfyUI version" in log.read_text(), 30)
        assert "Starting server" not in log.read_text()
        assert not answers(url)
        wait_for(lambda: answers(url), 30)
        assert process.poll() is None
        log_text = log.read_text()
    phases = [
        "Total VRAM",
        "Python version",
        "Import times for custom nodes",
        "Starting server",
        "To see the GUI",
    ]
    places = [log_text.index(phase) for phase in phases]
    assert places == sorted(places)


def test_healthy_start_logs_the_phases_and_where_it_listens(tmp_path: Path) -> None:
    with running_sketch(tmp_path / "data") as sketch:
        log = sketch.log.read_text()
    assert f"To see the GUI go to: {sketch.url}" in log
    assert "Traceback" not in log


def test_unknown_fault_is_refused_with_the_nearest(tmp_path: Path) -> None:
    done = run_to_end(tmp_path / "data", *with_faults("hnag"))
    assert done.returncode == 2
    assert "did you mean 'hang'" in done.stderr
    assert not (tmp_path / "data").exists()
