"""What Linux and macOS do for a process: its own session, signals to its group, notice of its end."""

import asyncio
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import psutil

assert sys.platform != "win32"  # noqa: S101 - tells the type checker which system this file is for


def open_many_files() -> None:
    """Take all the open files that the system grants us: each connection is one, and the default is 1024."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def spawn(
    argv: Sequence[str], env: Mapping[str, str], cwd: Path, log: IO[bytes]
) -> "subprocess.Popen[bytes]":
    """Start it in a session of its own, so that neither our terminal's signals nor our end reach it."""
    child = subprocess.Popen(  # noqa: S603
        list(argv),
        env=dict(env),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    # We wait for it ourselves, and it may outlive us: Popen is not to mind, nor to collect its exit code.
    child.returncode = 0
    return child


def collect(pid: int, child: "subprocess.Popen[bytes] | None") -> int | None:
    """The exit code of our child, negative for a signal; None while it runs.

    Raises ChildProcessError where it is not our child: the system does not tell us its exit code.
    """
    found, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


def is_zombie(pid: int) -> bool:
    """Whether it ended and only its parent, not us, has yet to notice."""
    with suppress(psutil.Error):
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    return False


def ask_to_end(pid: int) -> None:
    """SIGTERM to the whole group; SIGCONT too, for a process that is stopped handles no signal."""
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGTERM)
        os.killpg(pid, signal.SIGCONT)


def kill(pid: int) -> None:
    """SIGKILL to the whole group."""
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def belongs(pid: int, member: psutil.Process) -> bool:
    """Whether `member` is in the process group that `pid` leads or led."""
    with suppress(OSError):
        return os.getpgid(member.pid) == pid
    return False


def on_exit(pid: int, call: Callable[[], None]) -> Callable[[], None]:
    """Call back, on the running loop, when the process ends, child of ours or not; returns what ends it.

    Does nothing where the system has no pidfd (macOS, Linux before 5.3): there, polling must do.
    """
    loop = asyncio.get_running_loop()
    if sys.platform != "linux":
        return lambda: None
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return lambda: None
    watching = True

    def end() -> None:
        nonlocal watching
        if watching:
            watching = False
            loop.remove_reader(descriptor)
            os.close(descriptor)

    def ended() -> None:
        end()
        call()

    loop.add_reader(descriptor, ended)
    return end
