"""Samples put together on their way out: a picture of a week needs no more points than it is wide."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence

from gesso.monitoring.samples import Line
from gesso.monitoring.thinning import span_of, together


async def coarser(pages: AsyncIterator[list[Line]], every_s: int) -> AsyncIterator[list[Line]]:
    """One line for each reading in each span of `every_s` in which it was known; pages in the order of time.

    What is kept in longer spans already stays as it is.
    """
    folded = _Fold(every_s)
    async for lines in pages:
        # Thousands of lines: the loop has others to serve.
        yield await asyncio.to_thread(folded.add, lines)
    yield folded.close()


class _Fold:
    """The span that is not over yet."""

    def __init__(self, every_s: int) -> None:
        self._every_s = every_s
        self._begin = 0.0
        self._open: dict[tuple[str, str], list[Line]] = {}

    def add(self, lines: Sequence[Line]) -> list[Line]:
        """The spans that end with these lines."""
        done: list[Line] = []
        for line in lines:
            begin = span_of(line.at, self._every_s)
            if begin != self._begin:
                done += self.close()
                self._begin = begin
            self._open.setdefault((line.source, line.name), []).append(line)
        return done

    def close(self) -> list[Line]:
        closed = list(self._lines())
        self._open = {}
        return closed

    def _lines(self) -> Iterator[Line]:
        for (source, name), lines in self._open.items():
            spread = together(line.spread for line in lines)
            if spread is not None:
                longest_s = max(self._every_s, *(line.span_s for line in lines))
                yield Line(at=self._begin, span_s=longest_s, source=source, name=name, spread=spread)
