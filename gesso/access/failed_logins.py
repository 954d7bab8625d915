"""Counts failed logins, so that a flood of guesses leaves a line a minute and not one for each."""

from dataclasses import dataclass

EVERY_S = 60.0
# Places that get lines of their own within the same minute; all others share one.
PLACES = 100
ELSEWHERE = "elsewhere"


@dataclass(slots=True)
class _Minute:
    began: float
    uncounted: int


class FailedLogins:
    """Who failed in the last minute, and how often since that was last written."""

    def __init__(self) -> None:
        self._minutes: dict[str, _Minute] = {}

    def add(self, place: str, now: float) -> bool:
        """Whether this one is to be written now; else it is counted, and told by `over` later."""
        if place not in self._minutes and len(self._minutes) >= PLACES:
            place = ELSEWHERE
        minute = self._minutes.get(place)
        if minute is None:
            alone = place != ELSEWHERE
            self._minutes[place] = _Minute(now, 0 if alone else 1)
            return alone
        minute.uncounted += 1
        return False

    def over(self, now: float) -> list[tuple[str, int]]:
        """The places whose minute has ended with failures not yet written, and how many."""
        ended = {place: each for place, each in self._minutes.items() if now - each.began >= EVERY_S}
        for place in ended:
            del self._minutes[place]
        return [(place, each.uncounted) for place, each in ended.items() if each.uncounted]
