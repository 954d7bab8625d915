"""How samples grow coarser with age: what a span of time says in a few numbers, and when (pure)."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Number = int | float


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One level: samples that came in spans of `fine_s` are put together into spans of `coarse_s`, once
    they are `after_s` old. 0: as they were taken."""

    fine_s: int
    coarse_s: int
    after_s: float


# Whole minutes and quarters of an hour: each coarse span is made of whole fine ones.
RAW_S, MINUTE_S, QUARTER_S = 0, 60, 900
STEPS = (
    Step(fine_s=RAW_S, coarse_s=MINUTE_S, after_s=2 * 3600.0),
    Step(fine_s=MINUTE_S, coarse_s=QUARTER_S, after_s=2 * 86_400.0),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """What one value did in a span of time: `n` samples of it, between `low` and `high`."""

    low: Number
    mean: Number
    high: Number
    n: int

    @classmethod
    def of(cls, value: Number) -> "Spread":
        return cls(low=value, mean=value, high=value, n=1)


def together(spreads: Iterable[Spread | None]) -> Spread | None:
    """All of them as one; None, which is not known, adds nothing, and nothing known stays not known."""
    known = [spread for spread in spreads if spread is not None]
    if not known:
        return None
    low, high = min(each.low for each in known), max(each.high for each in known)
    n = sum(each.n for each in known)
    # Each divided first: the sum of large values must not become infinite.
    mean = math.fsum(each.mean * (each.n / n) for each in known)
    return Spread(low=low, mean=min(max(_short(mean), low), high), high=high, n=n)


def columns(rows: Sequence[Sequence[Spread | None]]) -> list[Spread | None]:
    """`together`, column by column."""
    return [together(column) for column in zip(*rows, strict=True)]


def span_of(at: float, length_s: int) -> float:
    """When the span of this length begins that `at` lies in."""
    return math.floor(at / length_s) * float(length_s)


def due_before(step: Step, now: float) -> float:
    """What lies before this moment is old enough to be thinned: whole coarse spans only."""
    return span_of(now - step.after_s, step.coarse_s)


def _short(mean: float) -> float:
    """Seven digits: more would be written for each span, and mean nothing."""
    return float(f"{mean:.7g}")
