"""How long an engine's starts took, and so whether this one is slow. Stuck is another thing: see decide."""

import json
import os
import statistics
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from gesso.fleet.finding import Finding

KEPT = 20
# Slow: so many times its longest start so far, and so many seconds more than usual.
SLOW_FACTOR = 2.0
SLOW_MARGIN_S = 10.0
# Stuck: at the earliest after so many times its longest start.
STUCK_FACTOR = 3.0


class Starts:
    """The last starts of one engine, in its own file: by its name alone, so that a changed setting only
    adds a new figure. A file that cannot be read or written is no history, and no error."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.seconds = _read(path)

    def add(self, seconds: float) -> None:
        """It was ready so long after its start."""
        self.seconds = (*self.seconds, round(seconds, 2))[-KEPT:]

    def write(self) -> None:
        beside = self._path.with_suffix(".part")
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            beside.write_text(json.dumps({"seconds": self.seconds}), encoding="utf-8")
            os.replace(beside, self._path)


def _read(path: Path) -> tuple[float, ...]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        found = value["seconds"]
        return tuple(float(each) for each in found if 0 <= float(each) < 1e6)[-KEPT:]
    except (OSError, ValueError, TypeError, KeyError):
        return ()


def usual_s(seconds: Sequence[float]) -> float | None:
    """What its starts usually take; None: it has none yet."""
    return statistics.median(seconds) if seconds else None


def slow_after_s(seconds: Sequence[float], limit_s: float) -> float:
    """From when on a start is slow; without a history that is `start_limit_s`."""
    if not seconds:
        return limit_s
    return max(SLOW_FACTOR * max(seconds), statistics.median(seconds) + SLOW_MARGIN_S)


def stuck_after_s(seconds: Sequence[float], limit_s: float, silence_s: float) -> float:
    """From when on a start in which nothing happens may be given up: never later than `start_limit_s`."""
    if not seconds:
        return limit_s
    return min(limit_s, max(STUCK_FACTOR * max(seconds), silence_s))


def slow_start(
    seconds: Sequence[float], age_s: float, limit_s: float, *, phase: str, signs: str, at: float
) -> Finding | None:
    """That this start takes longer than its others did; nothing is done about it."""
    if age_s <= slow_after_s(seconds, limit_s):
        return None
    usual = usual_s(seconds)
    usually = f"usually {usual:.0f} s" if usual is not None else "no start of it is known yet"
    return Finding(
        name="slow-start",
        summary="its start takes longer than usual",
        evidence=f"{usually}, now {age_s:.0f} s; at: {phase}; {signs}",
        remedy="Wait: it is left alone as long as anything happens. If each start is like this, see in its "
        "log what it installs or loads (`gesso engines logs NAME`), and raise `start_limit_s`.",
        at=at,
    )
