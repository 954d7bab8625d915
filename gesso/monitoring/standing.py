"""How a subject stands with a rule: holds, hysteresis, and alarms that keep coming back. Pure."""

from dataclasses import dataclass, replace
from enum import StrEnum

from gesso.monitoring.rule import Rule, Sign

# An alarm that returns so soon after its end has to be over twice as long as before, up to the limit.
RELAPSE_S = 1800.0
RECOVER_LIMIT_S = 3600.0
# What lies between two looks further apart than this (a machine that slept) was seen by nobody.
PASSED_MOST_S = 60.0


class Turn(StrEnum):
    """What happens to an alarm."""

    RAISED = "raised"
    ESCALATED = "escalated"
    RECOVERED = "recovered"
    REPLACED = "replaced"
    """Another alarm of the same subject says it all; nobody is told of this end."""
    GONE = "gone"
    """Its subject is no longer there to be looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One subject under one rule."""

    step: int = 0
    """Of the open alarm, the highest since it was raised; 0: there is none."""
    held_s: tuple[float | None, ...] = ()
    """For each step, how long it has been so; None: it is not."""
    well_s: float | None = None
    """How long all has been well while the alarm is open."""
    quiet_s: float | None = None
    """How long it is since the last alarm ended; None: there was none."""
    relapses: int = 0
    known: bool = False
    """The last look could read it, so that the time since then counts."""

    @classmethod
    def reopened(cls, step: int, steps: int) -> "Standing":
        """As it is after a restart, with an alarm open since before."""
        return cls(step=step, held_s=tuple(0.0 if number < step else None for number in range(steps)))


def judge(
    standing: Standing, sign: Sign, rule: Rule, passed_s: float, recover_s: float
) -> tuple[Standing, Turn | None]:
    """The standing after one more look, `passed_s` after the one before, and what became of the alarm.

    What cannot be read neither raises nor recovers, and its time does not count.
    """
    if sign.raises is None:
        return replace(standing, known=False), None
    passed_s = min(max(passed_s, 0.0), PASSED_MOST_S) if standing.known else 0.0
    held_s = _held(standing, sign, sign.raises, len(rule.steps), passed_s)
    now = replace(
        standing,
        known=True,
        held_s=held_s,
        quiet_s=None if standing.quiet_s is None else standing.quiet_s + passed_s,
    )
    reached = max(
        (n for n, held in enumerate(held_s, 1) if held is not None and held >= rule.steps[n - 1].for_s),
        default=0,
    )
    if reached > standing.step:
        return _raised(now, reached)
    if standing.step == 0 or any(held is not None for held in held_s):
        return replace(now, well_s=None), None
    well_s = 0.0 if standing.well_s is None else standing.well_s + passed_s
    if well_s < min(recover_s * 2.0 ** min(standing.relapses, 16), max(recover_s, RECOVER_LIMIT_S)):
        return replace(now, well_s=well_s), None
    return replace(now, step=0, well_s=None, quiet_s=0.0), Turn.RECOVERED


def _held(
    standing: Standing, sign: Sign, raises: int, steps: int, passed_s: float
) -> tuple[float | None, ...]:
    """Each step begins where the sign raises it, and goes on as long as the sign keeps it."""
    before = standing.held_s or (None,) * steps
    held: list[float | None] = []
    for number, held_s in enumerate(before, 1):
        if held_s is None:
            held.append(0.0 if raises >= number else None)
        else:
            held.append(held_s + passed_s if max(raises, sign.keeps) >= number else None)
    return tuple(held)


def _raised(now: Standing, reached: int) -> tuple[Standing, Turn]:
    if now.step:
        return replace(now, step=reached, well_s=None), Turn.ESCALATED
    returns = now.quiet_s is not None and now.quiet_s < RELAPSE_S
    return replace(now, step=reached, well_s=None, relapses=now.relapses + 1 if returns else 0), Turn.RAISED
