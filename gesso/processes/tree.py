"""What a process and all that it started use together; one look at the system serves many."""

import sys
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import psutil

Seen = Mapping[int, tuple[int, float]]
"""By PID: the parent's PID, and when the process began (only to be compared)."""


def family(pid: int) -> frozenset[int] | None:
    """The process and all its descendants; None: there is no such process, or nobody may know."""
    return families((pid,))[pid]


def families(pids: Collection[int]) -> dict[int, frozenset[int] | None]:
    """`family` of each, by one look at the system."""
    try:
        seen = _seen() if pids else {}
    except (OSError, psutil.Error):
        return dict.fromkeys(pids)
    children: dict[int, list[int]] = {}
    for pid, (parent, _) in seen.items():
        children.setdefault(parent, []).append(pid)
    return {pid: _descent(pid, seen, children) for pid in pids}


def rss(pids: Iterable[int]) -> int | None:
    """Their resident bytes; memory that they share counts for each. None: not known, or all have ended."""
    sizes = [size for pid in pids if (size := _rss(pid)) is not None]
    return sum(sizes) if sizes else None


def cpu_s(pids: Iterable[int]) -> float | None:
    """Seconds of processor time, that of ended children included. None: not known, or all have ended."""
    times = [time for pid in pids if (time := _cpu_s(pid)) is not None]
    return sum(times) if times else None


def _descent(pid: int, seen: Seen, children: Mapping[int, list[int]]) -> frozenset[int] | None:
    if pid not in seen:
        return None
    found, look = {pid}, [pid]
    while look:
        parent = look.pop()
        for child in children.get(parent, ()):
            # An orphan whose parent's number was given to another is not that one's child.
            if child not in found and seen[child][1] >= seen[parent][1]:
                found.add(child)
                look.append(child)
    return frozenset(found)


def _seen() -> Seen:
    if sys.platform != "linux":
        info = psutil.process_iter(["ppid", "create_time"])
        return {each.pid: (each.info["ppid"] or 0, each.info["create_time"] or 0.0) for each in info}
    # The same by psutil would take ten times as long: this is asked every few seconds.
    found = {}
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            with suppress(OSError):
                # After the name, which is in brackets and may hold anything: state, parent, …, 20th: start.
                fields = (path / "stat").read_bytes().rpartition(b")")[2].split()
                found[int(path.name)] = (int(fields[1]), float(fields[19]))
    return found


def _rss(pid: int) -> int | None:
    with suppress(psutil.Error, OSError):
        return int(psutil.Process(pid).memory_info().rss)
    return None


def _cpu_s(pid: int) -> float | None:
    with suppress(psutil.Error, OSError):
        times = psutil.Process(pid).cpu_times()
        ended = getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
        return float(times.user + times.system + ended)
    return None
