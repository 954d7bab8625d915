"""Real processes: started, adopted, stopped with their children, and never confused with another's."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil
import pytest

from gesso.errors import ProcessError
from gesso.processes.process import Alive, Exited, Gone, Process
from gesso.processes.record import is_same, read_record, started_of
from tests.running import wait_for

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")

SLEEP = "import time; time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
# The child ignores SIGTERM, too, unless told otherwise; its PID is the first line of the log.
PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {child!r}])
print(child.pid, flush=True)
{then}
"""


class Bench:
    """Starts Python snippets and kills whatever is left of them at the end."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.log = directory / "logs" / "engine.log"
        self.record = directory / "engines" / "engine.json"
        self.started: list[int] = []

    def start(self, code: str) -> Process:
        process = Process.start(
            [sys.executable, "-c", code],
            env=os.environ,
            cwd=self.directory,
            log=self.log,
            record_path=self.record,
        )
        self.started.append(process.pid)
        return process

    def lines(self, count: int) -> list[str]:
        wait_for(lambda: len(self.log.read_text().splitlines()) >= count)
        return self.log.read_text().splitlines()

    def clean(self) -> None:
        for pid in self.started:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.clean()


def ended(process: Process) -> bool:
    return process.poll() == Exited(0)


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_running_process_is_alive_and_leads_its_own_group(bench: Bench) -> None:
    process = bench.start(SLEEP)
    assert process.poll() == Alive()
    assert os.getpgid(process.pid) == process.pid != os.getpgid(0)


@pytest.mark.parametrize(("code", "expected"), [("raise SystemExit(3)", 3), ("import os; os.abort()", -6)])
def test_exit_code_of_our_child_is_known_and_final(bench: Bench, code: str, expected: int) -> None:
    process = bench.start(code)
    wait_for(lambda: process.poll() != Alive())
    assert process.poll() == Exited(expected)
    assert process.poll() == Exited(expected)


def test_output_goes_to_the_log_and_is_appended(bench: Bench) -> None:
    for word in ("one", "two"):
        process = bench.start(f"import sys; print('{word}'); print('{word} err', file=sys.stderr)")
        wait_for(partial(ended, process))
    assert sorted(bench.log.read_text().splitlines()) == ["one", "one err", "two", "two err"]


@pytest.mark.parametrize("argv", [["/no/such/program"], ["/"], ["a\0b"]])
def test_program_that_cannot_be_run_is_an_error_with_its_name(tmp_path: Path, argv: list[str]) -> None:
    with pytest.raises(ProcessError, match="cannot run"):
        Process.start(argv, env={}, cwd=tmp_path, log=tmp_path / "log")


def test_process_without_a_record_is_not_left_behind(bench: Bench) -> None:
    bench.record.parent.write_text("a file where the folder should be")
    with pytest.raises(ProcessError, match="cannot write"):
        bench.start(f"import os; print(os.getpid(), flush=True); {SLEEP}")
    if bench.log.read_text():
        wait_for(lambda: gone(int(bench.log.read_text())))


def test_stop_is_asked_for_politely_first(bench: Bench) -> None:
    process = bench.start(
        "import signal, time\n"
        "def end(*_): print('saved', flush=True); raise SystemExit(7)\n"
        "signal.signal(15, end); print('ready', flush=True); time.sleep(60)"
    )
    bench.lines(1)
    assert asyncio.run(process.stop(10.0)) == Exited(7)
    assert bench.lines(2)[1] == "saved"


def test_process_that_does_not_hear_is_killed_after_its_grace(bench: Bench) -> None:
    process = bench.start(STUBBORN)
    bench.lines(1)
    started = time.monotonic()
    assert asyncio.run(process.stop(0.3)) == Exited(-9)
    assert 0.3 <= time.monotonic() - started < 5.0


def test_frozen_process_is_stopped_politely_too(bench: Bench) -> None:
    process = bench.start(SLEEP)
    os.kill(process.pid, signal.SIGSTOP)
    wait_for(lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED)
    assert process.poll() == Alive()
    assert asyncio.run(process.stop(10.0)) == Exited(-15)


@pytest.mark.parametrize("child", [SLEEP, STUBBORN])
def test_stop_ends_children_too(bench: Bench, child: str) -> None:
    process = bench.start(PARENT.format(child=child, then="time.sleep(60)"))
    pid = int(bench.lines(2 if child == STUBBORN else 1)[0])
    asyncio.run(process.stop(0.5))
    wait_for(lambda: gone(pid))


@pytest.mark.parametrize("child", [SLEEP, STUBBORN])
def test_children_that_outlive_a_crashed_parent_are_ended(bench: Bench, child: str) -> None:
    process = bench.start(PARENT.format(child=child, then="time.sleep(0.5); raise SystemExit(9)"))
    pid = int(bench.lines(2 if child == STUBBORN else 1)[0])
    wait_for(lambda: process.poll() == Exited(9))
    assert not gone(pid)
    assert asyncio.run(process.stop(0.5)) == Exited(9)
    wait_for(lambda: gone(pid))


def test_process_with_a_reused_pid_is_neither_adopted_nor_signalled(bench: Bench) -> None:
    process = bench.start(SLEEP)
    record = replace(process.record, started=process.record.started - 1.0)
    assert Process.adopt(record) is None
    stranger = Process(record)
    assert stranger.poll() == Gone()
    assert asyncio.run(stranger.stop(0.1)) == Gone()
    assert process.poll() == Alive()


def test_process_of_an_earlier_boot_is_not_ours(bench: Bench) -> None:
    process = bench.start(SLEEP)
    assert Process.adopt(replace(process.record, boot="another boot")) is None


def test_group_of_a_reused_pid_is_left_alone_by_token(bench: Bench) -> None:
    """The leader's PID is free again and heads another's group: its members lack our token."""
    process = bench.start(PARENT.format(child=SLEEP, then="raise SystemExit(0)"))
    pid = int(bench.lines(1)[0])
    wait_for(lambda: process.poll() == Exited(0))
    other = Process(replace(process.record, token="of another life"))
    assert asyncio.run(other.stop(0.1)) == Gone()
    assert not gone(pid)


def test_record_is_read_as_it_was_written(bench: Bench) -> None:
    process = bench.start(SLEEP)
    assert read_record(bench.record) == process.record
    assert is_same(process.record)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', '{"pid": "x", "started": 1}', "\0"])
def test_record_that_cannot_be_used_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "record.json"
    path.write_text(text)
    assert read_record(path) is None
    assert read_record(tmp_path / "absent.json") is None


def test_start_time_of_a_pid_that_nobody_has_is_none() -> None:
    assert started_of(2**22 + 1) is None


def test_zombie_of_another_parent_is_gone(bench: Bench) -> None:
    """The middle process never collects its child: to us, the child has ended, code unknown."""
    process = bench.start(PARENT.format(child="pass", then="time.sleep(60)"))
    pid = int(bench.lines(1)[0])
    wait_for(lambda: gone(pid))
    started = started_of(pid)
    assert started is not None
    assert Process(replace(process.record, pid=pid, started=started)).poll() == Gone()


def test_exit_collected_by_somebody_else_is_gone_not_success(bench: Bench) -> None:
    process = bench.start("raise SystemExit(3)")
    os.waitpid(process.pid, 0)
    assert process.poll() == Gone()


def test_exit_is_noticed_at_once(bench: Bench) -> None:
    if not hasattr(os, "pidfd_open"):
        pytest.skip("no pidfd here: exits are polled")

    async def main() -> float:
        process = bench.start(SLEEP)
        ended = asyncio.Event()
        process.on_exit(ended.set)
        os.kill(process.pid, signal.SIGKILL)
        killed = time.monotonic()
        async with asyncio.timeout(10):
            await ended.wait()
        assert process.poll() == Exited(-9)
        return time.monotonic() - killed

    assert asyncio.run(main()) < 1.0


STARTER = """
import os, sys, time
from pathlib import Path
from gesso.processes.process import Process
here = Path(sys.argv[1])
Process.start(
    [sys.executable, "-c", {code!r}],
    env=os.environ, cwd=here, log=here / "log", record_path=here / "record.json",
)
time.sleep(60)
"""


def test_process_outlives_a_killed_parent_and_is_adopted_by_the_next(tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", STARTER.format(code=SLEEP), str(tmp_path)])
    record = wait_for(lambda: read_record(tmp_path / "record.json"))
    assert record is not None
    try:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        process = Process.adopt(record)
        assert process is not None
        assert process.poll() == Alive()
        # Not our child: how it ends is not ours to know.
        assert asyncio.run(process.stop(10.0)) == Gone()
        assert Process.adopt(record) is None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(record.pid, signal.SIGKILL)
