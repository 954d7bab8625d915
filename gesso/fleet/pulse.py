"""Signs of life of an engine's process family: what it uses of processor and disk, and what it holds."""

from dataclasses import dataclass

import psutil

from gesso.processes.tree import cpu_s, family, rss

# Less than that is waiting: a share of one core, and bytes in a second.
CPU_SHARE = 0.01
BYTES_PER_S = 1024.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """One measurement, `at` by time.monotonic. None is "not known"."""

    at: float
    pids: frozenset[int]
    rss: int | None
    cpu_s: float | None
    moved: int | None
    """Bytes read and written so far, files mapped to memory included."""


def measure(pid: int, now: float) -> Vitals | None:
    """Blocks for a few milliseconds. None: it has ended, or the system does not tell."""
    pids = family(pid)
    if pids is None:
        return None
    return Vitals(at=now, pids=pids, rss=rss(pids), cpu_s=cpu_s(pids), moved=_moved(pids))


class Pulse:
    """For how long the family has done nothing, as far as it was seen."""

    def __init__(self) -> None:
        self._last: Vitals | None = None
        self._active_at: float | None = None

    def feel(self, vitals: Vitals | None) -> None:
        """A measurement; one that failed makes everything before it unknown."""
        if vitals is None or vitals.cpu_s is None or vitals.moved is None:
            self._last = self._active_at = None
            return
        if self._last is None or _worked(self._last, vitals):
            self._active_at = vitals.at
        self._last = vitals

    @property
    def quiet_s(self) -> float | None:
        """Up to the last measurement; None: not known."""
        if self._last is None or self._active_at is None:
            return None
        return self._last.at - self._active_at


def _worked(before: Vitals, now: Vitals) -> bool:
    if before.pids != now.pids:
        return True
    if before.cpu_s is None or now.cpu_s is None or before.moved is None or now.moved is None:
        return True
    passed_s = max(now.at - before.at, 0.001)
    used_s, moved = now.cpu_s - before.cpu_s, now.moved - before.moved
    return used_s > CPU_SHARE * passed_s or moved > BYTES_PER_S * passed_s


def _moved(pids: frozenset[int]) -> int | None:
    total = 0
    for pid in pids:
        try:
            counters = psutil.Process(pid).io_counters()
        except psutil.NoSuchProcess:
            continue
        except (psutil.Error, OSError, AttributeError, NotImplementedError):
            return None
        # Linux counts calls and blocks apart: a file mapped to memory is read without a call.
        for name in ("read_chars", "write_chars", "read_bytes", "write_bytes"):
            total += getattr(counters, name, 0)
    return total
