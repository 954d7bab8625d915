"""Where the bench runs: its folder, its cores, and what it says meanwhile."""

import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """`quick` runs take fewer samples; their figures are for developing only."""

    directory: Path
    quick: bool
    litellm: str | None = None
    """The path of LiteLLM's program, which is no part of gesso's environment."""
    begun: float = field(default_factory=time.monotonic)

    def say(self, what: str) -> None:
        print(f"  {time.monotonic() - self.begun:5.1f} s  {what}", file=sys.stderr, flush=True)

    def folder(self, name: str) -> Path:
        path = self.directory / name
        path.mkdir(parents=True, exist_ok=True)
        return path


# For gesso.toml: the bench asks faster than anybody may.
UNHURRIED = "[limits.admin]\nrequests_per_s = 1e6\njobs_queued = 1000000\n"
# Those this process may use at all, before it confines itself.
CORES = tuple(sorted(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else ()


# Numbers of them: one for the engine, which works on its card elsewhere; one for all else.
ENGINE_CORE, OTHER_CORE = 0, 1


def can_pin() -> bool:
    """Whether there are two cores to be told apart, and a system that lets us."""
    return len(CORES) > 1


@contextmanager
def on_core(number: int) -> Iterator[None]:
    """This process, and what it starts meanwhile, on one core."""
    if not can_pin():
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {CORES[number]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def over(urls: Sequence[str]) -> str:
    """The gesso.toml of a gesso over these sketches, which may be asked as fast as one can."""
    engines = (
        f'[[engine]]\nname = "sketch{n}"\nkind = "sketch"\nurl = "{url}"\n' for n, url in enumerate(urls)
    )
    return UNHURRIED + "".join(engines)


class Memory:
    """Watches a process's resident memory: what it had, and the most it had since."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory", daemon=True)
        self.before_mib = self.peak_mib = self.now_mib()

    def __enter__(self) -> "Memory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.005):
            self.peak_mib = max(self.peak_mib, self.now_mib())

    def now_mib(self) -> float:
        return float(self._process.memory_info().rss) / 2**20
