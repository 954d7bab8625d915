"""How long a job will take, from how long others like it took: three numbers, or unknown (pure)."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

# Of more samples the tenths at both ends are left out; of fewer, the shortest and the longest are the bounds.
TENTHS_FROM = 10
# An engine's own samples count alone from here on; before that, those of all engines count.
OWN_FROM = 3
# Two runs, or one, say little: the bounds are moved out by this factor. An average over a kind says less.
TWO, ONE, AVERAGE = 1.5, 2.0, 3.0
# A job that has taken so many times the longest that was expected is none of those it was compared with.
OVERDUE = 2.0
LEAST_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Seconds; about eight of ten are between `low_s` and `high_s`."""

    low_s: float
    likely_s: float
    high_s: float

    def left(self, spent_s: float) -> "Estimate | None":
        """What remains after `spent_s`. None: it has taken longer than anything that was known."""
        if spent_s > OVERDUE * max(self.high_s, LEAST_S):
            return None
        return Estimate(
            low_s=max(0.0, self.low_s - spent_s),
            likely_s=max(0.0, self.likely_s - spent_s),
            high_s=max(0.0, self.high_s - spent_s),
        )

    def then(self, after: "Estimate") -> "Estimate":
        """This, and `after` it."""
        return Estimate(
            low_s=self.low_s + after.low_s,
            likely_s=self.likely_s + after.likely_s,
            high_s=self.high_s + after.high_s,
        )


NOTHING = Estimate(low_s=0.0, likely_s=0.0, high_s=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What is known of a kind of job: the latest runs of its workflow by engine, and the average of all
    workflows with the same needs."""

    samples: Mapping[str, Sequence[float]] = field(default_factory=dict)
    average_s: float | None = None

    def on(self, engine: str) -> Estimate | None:
        """On this engine; from its own runs if there are some, else from those of all engines."""
        own = self.samples.get(engine, ())
        if len(own) >= OWN_FROM:
            return of_samples(own)
        known = of_samples([seconds for each in self.samples.values() for seconds in each])
        return known or of_average(self.average_s)


def of_samples(samples: Sequence[float]) -> Estimate | None:
    """None: there are none."""
    if not samples:
        return None
    ordered = sorted(samples)
    likely_s = median(ordered)
    if len(ordered) >= TENTHS_FROM:
        low_s, high_s = _at(ordered, 0.1), _at(ordered, 0.9)
    else:
        wider = {1: ONE, 2: TWO}.get(len(ordered), 1.0)
        low_s, high_s = ordered[0] / wider, ordered[-1] * wider
    return Estimate(low_s=min(low_s, likely_s), likely_s=likely_s, high_s=max(high_s, likely_s))


def of_average(seconds: float | None) -> Estimate | None:
    """From the average of jobs that need the same, which may be of any size. None: there is none."""
    if seconds is None:
        return None
    return Estimate(low_s=seconds / AVERAGE, likely_s=seconds, high_s=seconds * AVERAGE)


def anywhere(estimates: Collection[Estimate | None]) -> Estimate | None:
    """On one of several engines, nobody knows which. None: of one of them nothing is known, or none is."""
    known = [each for each in estimates if each is not None]
    return _around(known) if known and len(known) == len(estimates) else None


def _around(estimates: Iterable[Estimate]) -> Estimate:
    each = list(estimates)
    return Estimate(
        low_s=min(one.low_s for one in each),
        likely_s=median(one.likely_s for one in each),
        high_s=max(one.high_s for one in each),
    )


def _at(ordered: Sequence[float], part: float) -> float:
    """The value that `part` of them are below, between two of them in proportion."""
    place = part * (len(ordered) - 1)
    before = int(place)
    after = min(before + 1, len(ordered) - 1)
    return ordered[before] + (place - before) * (ordered[after] - ordered[before])
