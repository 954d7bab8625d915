"""How long a running job may make no progress before its engine is taken to hang, and why so long (pure)."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """What the operator has set, see `[fleet]`."""

    floor_s: float = 120.0
    factor: float = 5.0
    unseen_s: float = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Silences:
    """The longest silence of each of the latest runs of one workflow that succeeded, in seconds."""

    here: Sequence[float] = ()
    """On the engine in question."""
    elsewhere: Sequence[float] = ()
    """On the others."""


@dataclass(frozen=True, slots=True)
class Limit:
    seconds: float
    reason: str
    """What it was learned from, in words."""


def limit_of(silences: Silences, patience: Patience, *, loads: bool) -> Limit:
    """`loads`: its models are taken to be loaded first, which may take longer than anything in a run.

    An engine on which the workflow never ran may be much slower than the others. What is cached makes
    runs short and tells nothing, so it is the longest silence that counts, of however many runs.
    """
    longest_s = max((*silences.here, *silences.elsewhere), default=0.0)
    learned_s = max(patience.floor_s, patience.factor * longest_s)
    runs = len(silences.here) + len(silences.elsewhere)
    learned = f"{patience.factor:g} times {longest_s:.1f} s, the longest silence of {_runs(runs)}"
    if not silences.here or loads:
        unseen = "its models are to be loaded" if silences.here else "its workflow never ran on this engine"
        if learned_s <= patience.unseen_s:
            return Limit(patience.unseen_s, unseen)
    if learned_s == patience.floor_s:
        return Limit(
            learned_s, f"the least there is; {longest_s:.1f} s was the longest silence of {_runs(runs)}"
        )
    return Limit(learned_s, learned)


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"
