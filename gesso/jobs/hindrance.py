"""Why no engine takes a job now, for whoever started it; pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from gesso.jobs.condition import Condition

_WORDS = {
    Condition.STARTING: "starting",
    Condition.ASLEEP: "asleep, being woken",
    Condition.TROUBLED: "not ready now",
    Condition.DRAINING: "given no more jobs until it is resumed",
    Condition.STOPPED: "stopped",
}
NONE_FITS = "no engine that is known has what it needs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """An engine that could run the job, if it took any."""

    engine: str
    condition: Condition


def hindrance(fits: Sequence[Standing]) -> str | None:
    """None: an engine takes such jobs, so it is only a matter of turns."""
    if not fits:
        return NONE_FITS
    best = min(each.condition for each in fits)
    if best is Condition.READY:
        return None
    names = [repr(each.engine) for each in fits if each.condition is best]
    engines = f"engine {names[0]} is" if len(names) == 1 else f"engines {', '.join(names)} are"
    return f"{engines} {_WORDS[best]}"
