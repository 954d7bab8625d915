"""What a figure was taken on: without it a figure says nothing."""

import os
import platform
import re
import shutil
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

from bench import litellm
from gesso import __version__

PACKAGES = ("uvicorn", "uvloop", "httptools", "starlette", "aiohttp", "sqlalchemy", "onnxruntime")


def describe(litellm_program: str | None = None) -> dict[str, str]:
    """The machine, the day and the versions, as name and value."""
    beside = [found for name in ("nginx", "caddy", "wrk") if (found := _program(name))]
    if litellm_program is not None:
        beside.append(f"LiteLLM {litellm.version(litellm_program)}")
    return {
        "Date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "Processor": f"{_processor()}, {psutil.cpu_count()} cores",
        "Memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "System": f"{_system()}, Linux {platform.release()}" if os.name == "posix" else platform.platform(),
        "Python": platform.python_version(),
        "gesso": __version__,
        "Libraries": ", ".join(f"{name} {version(name)}" for name in PACKAGES),
        "Beside it": ", ".join(beside),
    }


def find(program: str) -> str | None:
    """A program's path; Debian keeps servers where only root's PATH leads."""
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")


def load() -> float:
    """How many processes wanted a core on average during the last minute, for each core."""
    return os.getloadavg()[0] / (os.cpu_count() or 1) if hasattr(os, "getloadavg") else 0.0


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        named = re.search(r"^model name\s*:\s*(.+)$", info.read_text(), re.MULTILINE)
        if named:
            return named[1].strip()
    return platform.processor() or platform.machine()


def _system() -> str:
    release = Path("/etc/os-release")
    if release.exists():
        named = re.search(r'^PRETTY_NAME="?([^"\n]+)', release.read_text(), re.MULTILINE)
        if named:
            return named[1]
    return platform.system()


def _program(name: str) -> str:
    path = find(name)
    if path is None:
        return ""
    argument = {"nginx": "-v", "caddy": "version", "wrk": "-v"}[name]
    said = subprocess.run([path, argument], capture_output=True, text=True, timeout=20)
    number = re.search(r"\d+\.\d+(\.\d+)?", said.stdout + said.stderr)
    return f"{name} {number[0]}" if number else name
