"""What is written down about a running process, so that the next gesso finds it again."""

import contextlib
import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

# Linux tells a start in clock ticks since boot: the same number each time, whatever is done to the
# clock. Other systems tell seconds since the epoch, which rounding and clock corrections may move.
TOLERANCE_S = 0.005 if sys.platform == "linux" else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A process by PID, start and boot: a PID alone may be somebody else's tomorrow."""

    pid: int
    started: float
    """Seconds since boot on Linux, since the epoch elsewhere: compared, never shown."""
    boot: str
    """Names the boot `started` counts from; empty where it counts from the epoch."""
    argv: tuple[str, ...]
    port: int | None
    log: str
    token: str
    """Stands in the environment of the process and of all its children."""

    def write(self, path: Path) -> None:
        """Whole or not at all, also when we are killed meanwhile."""
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")
        draft.replace(path)


def read_record(path: Path) -> Record | None:
    """The record in that file; None where there is none, or none that can be used."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        return Record(
            pid=int(value["pid"]),
            started=float(value["started"]),
            boot=str(value["boot"]),
            argv=tuple(str(word) for word in value["argv"]),
            port=None if value["port"] is None else int(value["port"]),
            log=str(value["log"]),
            token=str(value["token"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def boot_id() -> str:
    """Names this boot of the machine, where the system does."""
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return ""


def started_of(pid: int) -> float | None:
    """When the process began, as `Record.started` counts; None where there is no such process.

    Raises psutil.AccessDenied, or another OSError, where the system does not tell: that is unknown.
    """
    if sys.platform == "linux":
        try:
            stat = Path(f"/proc/{pid}/stat").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            return None
        # The second field is the program's name, which may hold spaces and brackets.
        fields = stat[stat.rindex(b")") + 2 :].split()
        return int(fields[19]) / float(os.sysconf("SC_CLK_TCK"))
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return None


def is_same(record: Record) -> bool:
    """Whether the process with that PID is the one the record tells of (running, or a zombie)."""
    started = started_of(record.pid)
    return started is not None and record.boot == boot_id() and abs(started - record.started) <= TOLERANCE_S
