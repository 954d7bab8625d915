"""What was seen over time, drawn in one line: ▁▂▅▇ (pure)."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

# Without the full block: lines below each other are to stay apart.
HEIGHTS = "▁▂▃▄▅▆▇"
# How far back is drawn, whatever the width.
WINDOW_S = 600.0


@dataclass(slots=True)
class History:
    """The last minutes of some series: name and values by time."""

    _points: dict[str, deque[tuple[float, float]]] = field(default_factory=dict)

    def load(self, samples: Iterable[Mapping[str, Any]]) -> None:
        """What `/gesso/api/samples` tells."""
        for sample in samples:
            self.add(f"{sample['source']}.{sample['name']}", sample["at"], sample["avg"])

    def add(self, series: str, at: float, value: float | None) -> None:
        """What is not known leaves a gap."""
        if value is None:
            return
        points = self._points.setdefault(series, deque())
        points.append((at, value))
        while points[0][0] < at - WINDOW_S:
            points.popleft()

    def spark(self, series: str, now: float, width: int, *, top: float | None = None) -> str:
        """The last minutes in so many characters, the highest for `top` (None: for the highest seen)."""
        sums = [(0.0, 0)] * width
        for at, value in self._points.get(series, ()):
            place = int((at - now + WINDOW_S) / WINDOW_S * width)
            # The newest point lies on the edge, or beyond it where clocks differ.
            place = min(place, width - 1)
            if place >= 0:
                total, n = sums[place]
                sums[place] = (total + value, n + 1)
        means = [total / n if n else None for total, n in sums]
        highest = max((mean for mean in means if mean is not None), default=0.0) if top is None else top
        return "".join(_height(mean, highest) for mean in _bridged(means))


def _height(mean: float | None, top: float) -> str:
    if mean is None:
        return " "
    if mean <= 0 or top <= 0:
        return HEIGHTS[0]
    # Little is still more than nothing.
    return HEIGHTS[max(1, min(len(HEIGHTS) - 1, int(mean / top * len(HEIGHTS))))]


def _bridged(means: list[float | None]) -> list[float | None]:
    """A place between two that are known is drawn as the one before: points are seldomer than places."""
    drawn = list(means)
    for place in range(1, len(means) - 1):
        if means[place] is None and means[place + 1] is not None:
            drawn[place] = means[place - 1]
    return drawn
