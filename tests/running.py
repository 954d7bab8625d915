"""Starts the real sketch as a child process and waits on conditions, for every suite."""

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


def free_port() -> int:
    """A port of the loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition: Callable[[], T], timeout_s: float = 30.0, *, every_s: float = 0.02) -> T:
    """The first true answer of `condition`; AssertionError once the deadline has passed."""
    deadline = time.monotonic() + timeout_s
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"still {answer!r} after {timeout_s} s")
        time.sleep(every_s)


def answers(url: str) -> bool:
    """Whether anything speaks HTTP at `url`, be it an error."""
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except urllib.error.HTTPError as error:
        error.close()
        return True
    except OSError:
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sketch:
    """A running sketch: where it listens, where it keeps its files, and the process itself."""

    url: str
    port: int
    directory: Path
    log: Path
    process: subprocess.Popen[bytes]


@contextmanager
def running_sketch(
    directory: Path, *arguments: str, port: int | None = None, timeout_s: float = 60.0
) -> Iterator[Sketch]:
    """Start `python -m gesso.sketch` in `directory`, wait until it answers, stop it at the end.

    Example: `with running_sketch(tmp_path) as sketch: httpx.get(sketch.url + "/queue")`.
    """
    directory.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    log = directory.parent / f"{directory.name}-{port}.log"
    command = [sys.executable, "-m", "gesso.sketch", "--listen", "127.0.0.1", "--port", str(port)]
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*command, "--directory", str(directory), *arguments], stdout=output, stderr=subprocess.STDOUT
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: process.poll() is not None or answers(f"{url}/system_stats"), timeout_s)
        if process.poll() is not None:
            raise AssertionError(f"sketch ended with {process.returncode}:\n{log.read_text()}")
        yield Sketch(url=url, port=port, directory=directory, log=log, process=process)
    finally:
        stop(process)


def stop(process: "subprocess.Popen[Any]", grace_s: float = 10.0) -> int:
    """Ask the process to end, kill it after `grace_s`; returns its exit code."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(grace_s)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait(grace_s)
