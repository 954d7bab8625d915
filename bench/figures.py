"""What a measurement gives: figures with their goals, and a table of everything side by side."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class Bound(StrEnum):
    """Which side of its goal a figure should be on."""

    AT_MOST = "≤"
    AT_LEAST = "≥"


class Met(StrEnum):
    """Whether a goal is reached; a figure that could not be taken says nothing."""

    YES = "yes"
    NO = "no"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number that has a goal. `value` None: it could not be taken, and `note` says why."""

    what: str
    value: float | None
    unit: str
    bound: Bound
    goal: float
    note: str = ""

    @property
    def met(self) -> Met:
        if self.value is None:
            return Met.NOT_MEASURED
        reached = self.value <= self.goal if self.bound is Bound.AT_MOST else self.value >= self.goal
        return Met.YES if reached else Met.NO


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One measurement: how it was taken, its table, its figures, and what was left out and why."""

    name: str
    title: str
    how: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of all are not above; 0.99 of 100 is the 99th."""
    ordered = sorted(values)
    return ordered[max(0, min(len(ordered) - 1, -int(-share * len(ordered) // 1) - 1))]


def shown(value: float | None) -> str:
    """Three digits that mean something: 0.00123 is "0.001", 12.3456 is "12.3", 8123.4 is "8123"."""
    if value is None:
        return "–"
    size = abs(value)
    return (
        f"{value:.3f}"
        if size < 1
        else f"{value:.2f}"
        if size < 10
        else f"{value:.1f}"
        if size < 100
        else f"{value:.0f}"
    )


def ratio(value: float, reference: float) -> str:
    return f"{value / reference:.2f}" if reference else "–"
