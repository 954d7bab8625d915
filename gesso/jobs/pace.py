"""How long jobs of a kind lately took on their engines, and how much of it the loading of models (pure)."""

from collections.abc import Sequence

from gesso.jobs.placement import LOAD_S, Models

# Forgotten all at once: what is asked for often is learned again at once, too.
KINDS_KEPT = 1000
NEWEST_WEIGHT = 0.5


class Pace:
    """A kind is any text. A job is of several; the narrower one is, the more alike its jobs are."""

    def __init__(self) -> None:
        # By kind, and whether its models had first to be loaded.
        self._seconds: dict[tuple[str, bool], float] = {}
        self._load_s: dict[Models, float] = {}

    def learn(
        self, kinds: Sequence[str], seconds: float, *, models: Models = frozenset(), loads: bool = False
    ) -> None:
        """A job of these kinds, the narrowest first, took so long. `loads`: its models were not loaded."""
        for kind in reversed(kinds):
            self._learn(kind, seconds, models, loads)

    def _learn(self, kind: str, seconds: float, models: Models, loads: bool) -> None:
        if len(self._seconds) >= KINDS_KEPT and (kind, loads) not in self._seconds:
            self._seconds.clear()
            self._load_s.clear()
        before = self._seconds.get((kind, loads), seconds)
        self._seconds[kind, loads] = before + NEWEST_WEIGHT * (seconds - before)
        loading_s, ready_s = (self._seconds.get((kind, each)) for each in (True, False))
        if models and loading_s is not None and ready_s is not None:
            self._load_s[models] = max(0.0, loading_s - ready_s)

    def expected_s(self, kinds: Sequence[str], *, loads: bool = False) -> float | None:
        """By the narrowest kind of which a job has run; None: there is none."""
        for kind in kinds:
            # One that had to load took longer than one that has not.
            for each in (True,) if loads else (False, True):
                if (kind, each) in self._seconds:
                    return self._seconds[kind, each]
        return None

    def load_s(self, models: Models) -> float:
        """What it takes to load these, `LOAD_S` at most; that, too, while it is not known."""
        return min(LOAD_S, self._load_s.get(models, LOAD_S))
