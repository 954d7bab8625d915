"""Where a job stands, as our own API tells it."""

from typing import Self

from pydantic import BaseModel, ConfigDict

from gesso.jobs.estimate import Estimate
from gesso.jobs.forecast import Outlook


class Seconds(BaseModel):
    """An estimate: about eight of ten are between `low` and `high`."""

    low: float
    likely: float
    high: float

    @classmethod
    def of(cls, estimate: Estimate | None) -> Self | None:
        if estimate is None:
            return None
        low, likely, high = estimate.low_s, estimate.likely_s, estimate.high_s
        return cls(low=round(low, 1), likely=round(likely, 1), high=round(high, 1))


class Position(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)

    place: int
    """In the order in which the jobs of all are expected to start, from 1; 0: it runs."""
    ahead: int
    """How many jobs start before it."""
    starts_in_s: Seconds | None
    """null: not known, or it has started."""
    takes_s: Seconds | None
    """From its start to its end; null: not known."""
    hindered: str | None
    """Why no engine takes it now: "engine 'a' is asleep, being woken"; null: it is a matter of turns."""

    @classmethod
    def of(cls, outlook: Outlook | None) -> Self | None:
        if outlook is None:
            return None
        return cls(
            place=outlook.place,
            ahead=max(0, outlook.place - 1),
            starts_in_s=Seconds.of(outlook.starts),
            takes_s=Seconds.of(outlook.takes),
            hindered=outlook.hindered,
        )
