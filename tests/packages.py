"""Installs the Debian packages a test asks for, where that is possible and allowed."""

import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from filelock import FileLock

OPT_OUT = "GESSO_NO_INSTALL"


@functools.cache
def ensure(name: str) -> str | None:
    """None when the package is there, else why it is not; tried once for each name."""
    if _is_installed(name):
        return None
    if os.environ.get(OPT_OUT, "0") not in ("", "0"):
        return f"not installed, and {OPT_OUT} is set"
    if not Path("/etc/debian_version").exists() or shutil.which("apt-get") is None:
        return "not installed, and this is not Debian"
    if os.geteuid() != 0:
        return f"not installed, and only root may; `apt-get install {name}`"
    # apt-get does not wait for another one's list of packages.
    with FileLock(Path(tempfile.gettempdir()) / "gesso-tests-apt.lock"):
        return _update() or _apt("install", "-y", "--no-install-recommends", name)


def _is_installed(name: str) -> bool:
    if shutil.which(name) is not None:
        return True
    if shutil.which("dpkg-query") is None:
        return False
    asked = subprocess.run(["dpkg-query", "-W", "-f", "${Status}", name], capture_output=True, text=True)
    return asked.stdout == "install ok installed"


@functools.cache
def _update() -> str | None:
    return _apt("update")


def _apt(*arguments: str) -> str | None:
    """None on success, else the last line apt-get said."""
    command = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=120", *arguments]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600
        )
    except subprocess.TimeoutExpired:
        return f"`{' '.join(command)}` took more than ten minutes"
    if done.returncode == 0:
        return None
    said = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return f"`{' '.join(command)}` failed: {said[-1] if said else done.returncode}"
