"""What Windows does for a process: its own process group, Ctrl+Break, its tree of children."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import psutil

assert sys.platform == "win32"  # noqa: S101 - tells the type checker which system this file is for


class _Child(subprocess.Popen[bytes]):
    """Holds the process's handle, without which its exit code is lost; it may outlive us, unlike Popen's."""

    def __del__(self) -> None:
        pass


def spawn(
    argv: Sequence[str], env: Mapping[str, str], cwd: Path, log: IO[bytes]
) -> "subprocess.Popen[bytes]":
    """Start it in a process group of its own: Ctrl+C in our console does not reach it."""
    return _Child(
        list(argv),
        env=dict(env),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        creationflags=subprocess.CREATE_NEW_PROCESS_GROUP,
    )


def collect(pid: int, child: "subprocess.Popen[bytes] | None") -> int | None:
    """The exit code; None while it runs. Raises ChildProcessError where it was not started by us."""
    if child is None:
        raise ChildProcessError(f"process {pid} was started by another")
    return child.poll()


def is_zombie(pid: int) -> bool:
    """Windows has none."""
    return False


def ask_to_end(pid: int) -> None:
    """Ctrl+Break to its group, which works from within the same console only; else `kill` follows."""
    with suppress(OSError):
        os.kill(pid, signal.CTRL_BREAK_EVENT)


def kill(pid: int) -> None:
    """Terminate it and all that descends from it."""
    with suppress(psutil.NoSuchProcess):
        leader = psutil.Process(pid)
        for process in [*leader.children(recursive=True), leader]:
            with suppress(psutil.NoSuchProcess):
                process.kill()


def belongs(pid: int, member: psutil.Process) -> bool:
    """Windows forgets descent when a parent ends: the token in the environment alone must tell."""
    return True


def on_exit(pid: int, call: Callable[[], None]) -> Callable[[], None]:
    """Windows is polled."""
    return lambda: None
