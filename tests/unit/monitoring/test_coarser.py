"""Samples put together on their way out."""

import asyncio
from collections.abc import AsyncIterator

from gesso.monitoring.coarser import coarser
from gesso.monitoring.samples import Line
from gesso.monitoring.thinning import Spread


def _line(at: float, value: float, *, name: str = "memory", span_s: int = 0, n: int = 1) -> Line:
    spread = Spread(low=value, mean=value, high=value, n=n)
    return Line(at=at, span_s=span_s, source="gpu.GPU-1", name=name, spread=spread)


def _put_together(pages: list[list[Line]], every_s: int) -> list[Line]:
    async def given() -> AsyncIterator[list[Line]]:
        for page in pages:
            yield page

    async def main() -> list[Line]:
        return [line async for lines in coarser(given(), every_s) for line in lines]

    return asyncio.run(main())


def test_a_span_is_one_line_also_where_a_page_ends_in_it() -> None:
    pages = [[_line(120.0, 1), _line(130.0, 2), _line(181.0, 7)], [_line(185.0, 9), _line(400.0, 3)]]
    found = [(each.at, each.span_s, each.spread) for each in _put_together(pages, 60)]
    assert found == [
        (120.0, 60, Spread(low=1, mean=1.5, high=2, n=2)),
        (180.0, 60, Spread(low=7, mean=8.0, high=9, n=2)),
        (360.0, 60, Spread(low=3, mean=3.0, high=3, n=1)),
    ]


def test_readings_stay_apart_and_what_is_not_known_has_no_line() -> None:
    pages = [[_line(0.0, 1), _line(0.0, 50, name="power"), _line(70.0, 51, name="power")]]
    found = [(each.at, each.name, each.spread.mean) for each in _put_together(pages, 60)]
    assert found == [(0.0, "memory", 1.0), (0.0, "power", 50.0), (60.0, "power", 51.0)]


def test_what_is_kept_coarser_stays_as_it_is() -> None:
    (found,) = _put_together([[_line(900.0, 4, span_s=900, n=180)]], 60)
    assert (found.at, found.span_s, found.spread.n) == (900.0, 900, 180)
