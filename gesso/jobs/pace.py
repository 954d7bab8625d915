"""How long jobs with the same needs lately took on their engines (pure)."""

Needs = tuple[str, ...]
# Forgotten all at once: what is asked for often is learned again at once, too.
KINDS_KEPT = 1000
NEWEST_WEIGHT = 0.5


class Pace:
    def __init__(self) -> None:
        self._seconds: dict[Needs, float] = {}

    def learn(self, needs: Needs, seconds: float) -> None:
        if len(self._seconds) >= KINDS_KEPT and needs not in self._seconds:
            self._seconds.clear()
        before = self._seconds.get(needs, seconds)
        self._seconds[needs] = before + NEWEST_WEIGHT * (seconds - before)

    def expected_s(self, needs: Needs) -> float | None:
        """None: no such job has run yet."""
        return self._seconds.get(needs)
