"""Which sleeping engines to wake for the jobs that wait; pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from gesso.jobs.condition import Condition

# With engines awake that could run it, a job waits for so long before another is woken: a start takes longer
# than most waits.
PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Jobs with the same needs that could be given to an engine now."""

    needs: tuple[str, ...]
    longest_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """An engine, as far as this goes."""

    name: str
    accepts: Callable[[tuple[str, ...]], bool]
    condition: Condition


def to_wake(waits: Iterable[Wait], engines: Sequence[Engine]) -> list[str]:
    """The engines to wake, one at most for each kind of wait, and none while one that fits is coming."""
    woken: list[str] = []
    for wait in waits:
        fits = [engine for engine in engines if engine.accepts(wait.needs)]
        if any(engine.condition is Condition.STARTING or engine.name in woken for engine in fits):
            continue
        if wait.longest_s < PATIENCE_S and any(engine.condition is Condition.READY for engine in fits):
            continue
        woken += [engine.name for engine in fits if engine.condition is Condition.ASLEEP][:1]
    return woken
