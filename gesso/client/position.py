"""Where a waiting job stands, as gesso tells, and in words; pure."""

from collections.abc import Mapping
from dataclasses import dataclass

_MINUTE_S, _HOUR_S = 60.0, 3600.0
# From here on the larger unit says it better.
_MINUTES_FROM_S, _HOURS_FROM_S = 120.0, 7200.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seconds:
    """An estimate: about eight of ten are between `low` and `high`."""

    low: float
    likely: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """The place of a job among all that wait, from 1 (0: it runs), and when it starts; None is not known."""

    place: int
    ahead: int
    starts_in_s: Seconds | None
    takes_s: Seconds | None
    hindered: str | None = None
    """Why no engine takes it now, in words; None: it is a matter of turns."""


def position_of(job: object) -> Position | None:
    """From gesso's answer about a job; None where it says nothing of a position."""
    told = job.get("position") if isinstance(job, Mapping) else None
    if not isinstance(told, Mapping) or not isinstance(told.get("place"), int):
        return None
    place = int(told["place"])
    return Position(
        place=place,
        ahead=max(0, place - 1),
        starts_in_s=_seconds(told.get("starts_in_s")),
        takes_s=_seconds(told.get("takes_s")),
        hindered=str(told["hindered"]) if told.get("hindered") else None,
    )


def in_words(position: Position) -> str:
    """'2 jobs ahead, starts in about 40 s (25–70 s)'; nothing of a job that runs."""
    if position.place < 1:
        return ""
    ahead = {0: "next", 1: "1 job ahead"}.get(position.ahead, f"{position.ahead} jobs ahead")
    starts = position.starts_in_s
    if position.hindered is not None:
        return f"{ahead}; {position.hindered}"
    if starts is None:
        return ahead
    return f"{ahead}, starts in {spread(starts)}" if starts.high >= 1 else f"{ahead}, starts now"


def spread(seconds: Seconds) -> str:
    """'about 40 s (25–70 s)', 'about 3 min (2–5 min)', 'about 1.5 h (1.2–2.1 h)'"""
    if seconds.high < _MINUTES_FROM_S:
        unit, digits, name = 1.0, 0, "s"
    elif seconds.high < _HOURS_FROM_S:
        unit, digits, name = _MINUTE_S, 0, "min"
    else:
        unit, digits, name = _HOUR_S, 1, "h"
    low, likely, high = (f"{each / unit:.{digits}f}" for each in (seconds.low, seconds.likely, seconds.high))
    return f"about {likely} {name} ({low}–{high} {name})" if low != high else f"about {likely} {name}"


def _seconds(told: object) -> Seconds | None:
    values = [told.get(name) if isinstance(told, Mapping) else None for name in ("low", "likely", "high")]
    numbers = [float(value) for value in values if isinstance(value, int | float)]
    return Seconds(low=numbers[0], likely=numbers[1], high=numbers[2]) if len(numbers) == 3 else None
