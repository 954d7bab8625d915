"""Samples in the database: written in batches, thinned with age, read in pages of bounded size."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, delete, func, select

from gesso.database.database import Database
from gesso.database.locks import upsert
from gesso.database.schema import sample, sample_source
from gesso.monitoring.series import Sampled, picked
from gesso.monitoring.thinning import (
    QUARTER_S,
    RAW_S,
    STEPS,
    Number,
    Spread,
    Step,
    columns,
    due_before,
    span_of,
)

DAY_S = 86_400.0
# Spans put together in one transaction: everybody else waits for the database meanwhile.
SPANS = 5
# Rows read at once: a page is as many, or one quarter of an hour.
PAGE = 4_000

Source = tuple[str, str]
"""The name, and the names of its readings as JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What one reading did in one span of time (0: at one moment)."""

    at: float
    span_s: int
    source: str
    name: str
    spread: Spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some lines in the order of time; `after`: where the next page begins, None: there is none."""

    lines: list[Line]
    after: float | None


@dataclass(slots=True)
class Samples:
    """What was sampled. Each moment of a source is kept in one row: as taken, in its minute, its quarter."""

    database: Database
    page: int = PAGE
    _ids: dict[Source, int] = field(default_factory=dict)
    # Everything before is thinned; known from the first look on.
    _thinned: dict[Step, float] = field(default_factory=dict)

    async def write(self, batch: Sequence[Sampled]) -> None:
        """Add these, in one transaction. What is there already stays as it is. Raises StorageError."""
        new = {(each.source, each.names) for each in batch} - self._ids.keys()
        self._ids |= await self.database.tx(_write, batch, new, self._ids)

    async def thin(self, now: float) -> bool:
        """Put together a few of the spans that are old enough; whether there is more to do."""
        more = False
        for step in STEPS:
            done = await self.database.tx(_thin, step, self._thinned.get(step, 0.0), due_before(step, now))
            self._thinned[step] = done
            more |= done < due_before(step, now)
        return more

    async def forget(self, before: float) -> bool:
        """Remove at most a day's of what is older; whether there is more to do."""
        return await self.database.tx(_forget, before)

    async def lines(
        self, since: float, until: float, patterns: Sequence[str] = ()
    ) -> AsyncIterator[list[Line]]:
        """What was sampled from `since` to `until`, as fine as it is kept, in the order of time.

        Each page is read by itself, so nothing waits for a slow reader. Thinning in between neither
        hides nor repeats anything: a page ends where a quarter of an hour does.
        """
        after: float | None = since
        while after is not None:
            page: Page = await self.database.read(_read, after, until, tuple(patterns), self.page)
            yield page.lines
            after = page.after


def _write(
    conn: Connection, batch: Sequence[Sampled], new: set[Source], known: dict[Source, int]
) -> dict[Source, int]:
    """The ids of `new`. The caller keeps them: this may run more than once."""
    if new:
        rows = [{"name": name, "readings": readings} for name, readings in sorted(new)]
        conn.execute(upsert(conn, sample_source).on_conflict_do_nothing(), rows)
    ids = {source: _id(conn, source) for source in new}
    rows_of = [
        {
            "at": each.at,
            "source_id": known.get(source := (each.source, each.names)) or ids[source],
            "span_s": RAW_S,
            "readings": each.values,
        }
        for each in batch
    ]
    if rows_of:
        # The clock may have been set back to a moment that was sampled already.
        conn.execute(upsert(conn, sample).on_conflict_do_nothing(), rows_of)
    return ids


def _id(conn: Connection, source: Source) -> int:
    wanted = (sample_source.c.name == source[0], sample_source.c.readings == source[1])
    return int(conn.execute(select(sample_source.c.id).where(*wanted)).scalar_one())


def _thin(conn: Connection, step: Step, begin: float, due: float) -> float:
    """Up to where all is thinned now."""
    for _ in range(SPANS):
        fine = (sample.c.span_s == step.fine_s, sample.c.at >= begin, sample.c.at < due)
        first = conn.execute(select(func.min(sample.c.at)).where(*fine)).scalar()
        if first is None:
            return due
        begin = _put_together(conn, step, span_of(first, step.coarse_s))
    return begin


def _put_together(conn: Connection, step: Step, begin: float) -> float:
    """One coarse span from the fine ones in it, and from itself, where some come late; when it ends."""
    end = begin + step.coarse_s
    whole = (
        sample.c.at >= begin,
        sample.c.at < end,
        sample.c.span_s.in_((step.fine_s, step.coarse_s)),
    )
    found: dict[int, list[list[Spread | None]]] = {}
    for row in conn.execute(select(sample.c.source_id, sample.c.readings).where(*whole)):
        found.setdefault(row.source_id, []).append([_spread(value) for value in row.readings])
    conn.execute(delete(sample).where(*whole))
    rows = [
        {
            "at": begin,
            "source_id": source,
            "span_s": step.coarse_s,
            "readings": [_plain(spread) for spread in columns(spreads)],
        }
        for source, spreads in found.items()
    ]
    conn.execute(sample.insert(), rows)
    return end


def _forget(conn: Connection, before: float) -> bool:
    oldest = conn.execute(select(func.min(sample.c.at))).scalar()
    if oldest is None or oldest >= before:
        return False
    end = min(before, oldest + DAY_S)
    conn.execute(delete(sample).where(sample.c.at < end))
    return bool(end < before)


def _read(conn: Connection, since: float, until: float, patterns: tuple[str, ...], most: int) -> Page:
    wanted = {
        row.id: (row.name, picked(row.name, json.loads(row.readings), patterns))
        for row in conn.execute(select(sample_source))
    }
    ids = [number for number, (_, readings) in wanted.items() if readings]
    columns_ = (sample.c.at, sample.c.source_id, sample.c.span_s, sample.c.readings)
    ordered = (
        select(*columns_)
        .where(sample.c.at < until, sample.c.source_id.in_(ids))
        .order_by(sample.c.at, sample.c.source_id, sample.c.span_s)
    )
    rows = conn.execute(ordered.where(sample.c.at >= since).limit(most + 1)).all()
    after = None
    if len(rows) > most:
        after = span_of(rows[-1].at, QUARTER_S)
        if after <= since:
            # One quarter has more rows than a page: it is read whole.
            after += QUARTER_S
            rows = conn.execute(ordered.where(sample.c.at >= since, sample.c.at < after)).all()
        else:
            rows = [row for row in rows if row.at < after]
    return Page(lines=[line for row in rows for line in _lines(row, *wanted[row.source_id])], after=after)


def _lines(row: Any, source: str, readings: Any) -> list[Line]:
    """The readings of a row that are wanted, and known."""
    return [
        Line(at=row.at, span_s=row.span_s, source=source, name=name, spread=spread)
        for place, name in readings.items()
        if (spread := _spread(row.readings[place])) is not None
    ]


def _spread(value: Any) -> Spread | None:
    """As it stands in the database: a number, [least, mean, greatest, how many], or null."""
    match value:
        case None:
            return None
        case [low, mean, high, n]:
            return Spread(low=low, mean=mean, high=high, n=n)
        case _:
            return Spread.of(value)


def _plain(spread: Spread | None) -> list[Number] | None:
    return None if spread is None else [spread.low, spread.mean, spread.high, spread.n]
