"""A real systemd for tests: booted in namespaces of its own, with nothing of this system in it."""

import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from tests.running import wait_for

HIERARCHY = Path("/sys/fs/cgroup/systemd")
UNIFIED = Path("/sys/fs/cgroup/cgroup.controllers")
# Nothing but the test's folder can be written: a booting system cleans up, /tmp for one. And nothing that
# this system would start is started: what other units ask for is covered up.
BOOT = """
set -e
mount --make-rprivate /
mount --bind {folder} {folder}
mount -o remount,bind,ro /
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
mkdir -p /run/lock
for wants in /lib/systemd/system/*.wants /usr/lib/tmpfiles.d; do mount -t tmpfs tmpfs "$wants"; done
mount -t tmpfs tmpfs /etc/systemd/system
printf '[Unit]\\nDescription=for a test\\n' > /etc/systemd/system/test.target
touch /tmp/gesso-is-not-read-only 2>/dev/null && exit 1
export container=lxc
exec /lib/systemd/systemd --system --unit=test.target --log-target=console --log-level=info
"""


class Booted:
    """A system with a systemd of its own: `run` runs a command inside."""

    def __init__(self, pid: Any, log: Path) -> None:
        self.pid = pid
        self.log = log

    def run(self, *argv: str) -> "subprocess.CompletedProcess[str]":
        inside = ["nsenter", "-t", str(self.pid), "-m", "-p", *argv]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
        return subprocess.run(inside, capture_output=True, text=True, timeout=120, env=environment)


def obstacle() -> str | None:
    """Why no systemd can be booted here; None where one can."""
    if os.geteuid() != 0:
        return "only root may make namespaces"
    if shutil.which("unshare") is None or not Path("/lib/systemd/systemd").exists():
        return "unshare or systemd is not installed"
    if not HIERARCHY.is_dir() and not UNIFIED.is_file():
        return "no control groups are mounted"
    tried = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "true"], capture_output=True
    )
    return None if tried.returncode == 0 else "namespaces are forbidden here"


@contextmanager
def booted(folder: Path) -> Iterator[Booted]:
    """Boot it, and end everything in it at the end."""
    (folder / "boot.sh").write_text(BOOT.format(folder=shlex.quote(str(folder))))
    log = folder / "systemd.log"
    group = _group()
    with log.open("wb") as output:
        outer = subprocess.Popen(
            [
                "unshare",
                "--mount",
                "--pid",
                "--fork",
                "--kill-child",
                "sh",
                str(folder / "boot.sh"),
            ],
            stdout=output,
            stderr=output,
            preexec_fn=lambda: group.write_text(str(os.getpid())),
            start_new_session=True,
        )
    try:
        system = Booted(wait_for(lambda: _first_inside(outer.pid), 20), log)
        wait_for(lambda: system.run("systemctl", "is-system-running").stdout.strip() in _UP, 30)
        yield system
    finally:
        outer.kill()
        outer.wait(10)
        _forget(group.parent)


_UP = ("running", "degraded")


def _group() -> Path:
    """A control group to boot in, where systemd may do as it likes."""
    root = HIERARCHY if HIERARCHY.is_dir() else UNIFIED.parent
    folder = root / f"gesso-test-{os.getpid()}-{time.monotonic_ns()}"
    folder.mkdir()
    return folder / "cgroup.procs"


def _forget(folder: Path) -> None:
    """The groups are removed as soon as the last process in them has ended."""
    for inner, _, _ in os.walk(folder, topdown=False):
        wait_for(partial(_removed, Path(inner)), 20)


def _removed(group: Path) -> bool:
    try:
        group.rmdir()
    except OSError:
        return False
    return True


def _first_inside(outer: int) -> int | None:
    children = psutil.Process(outer).children()
    return children[0].pid if children and children[0].name() == "systemd" else None
