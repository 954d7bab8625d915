"""Samples on both databases: nothing is lost or doubled by thinning, and reading is bounded."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any

from sqlalchemy import Connection, func, select

from gesso.database.schema import sample
from gesso.errors import StorageError
from gesso.monitoring.recorder import Recorder
from gesso.monitoring.samples import Line, Samples
from gesso.monitoring.series import Sampled
from gesso.monitoring.thinning import MINUTE_S, QUARTER_S, RAW_S
from tests.databases import opened
from tests.monitoring import AT, later, snapshot

HOUR_S, DAY_S = 3600.0, 86_400.0


def gpu(at: float, *values: float | None) -> Sampled:
    return Sampled(at=at, source="gpu.GPU-1", kind="gpu", values=(*values, *[None] * (5 - len(values))))


def with_samples(url: str, scenario: Callable[[Samples], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        async with opened(url) as database:
            await scenario(Samples(database, page=50))

    asyncio.run(run())


async def read(samples: Samples, since: float = 0.0, until: float = 2**40, *patterns: str) -> list[Line]:
    return [line async for lines in samples.lines(since, until, patterns) for line in lines]


async def settle(samples: Samples, now: float) -> int:
    """Thin until nothing is left to do; how often that was."""
    times = 1
    while await samples.thin(now):
        times += 1
    return times


def spans(conn: Connection) -> dict[int, int]:
    counted = select(sample.c.span_s, func.count()).group_by(sample.c.span_s)
    return {span: number for span, number in conn.execute(counted)}


def test_age_makes_samples_coarser_and_loses_none(database_url: str) -> None:
    chance = random.Random(1)  # noqa: S311
    taken = [(AT + 5 * tick, chance.choice([None, 0, 1.5, 97])) for tick in range(5000)]

    async def scenario(samples: Samples) -> None:
        for begin in range(0, len(taken), 100):
            batch = [gpu(at, value, 3) for at, value in taken[begin : begin + 100]]
            await samples.write(batch)
        last = taken[-1][0]
        for now in (last, last + 3 * HOUR_S, last + 1.5 * DAY_S, last + 3 * DAY_S):
            await settle(samples, now)
            lines = await read(samples)
            for name, known in (
                ("utilisation", [v for _, v in taken if v is not None]),
                ("memory", [3] * 5000),
            ):
                of = [line.spread for line in lines if line.name == name]
                assert sum(spread.n for spread in of) == len(known)
                assert min(spread.low for spread in of) == min(known)
                assert max(spread.high for spread in of) == max(known)
                assert abs(sum(spread.mean * spread.n for spread in of) / sum(known) - 1) < 1e-5
            assert [line.at for line in lines] == sorted(line.at for line in lines)
        # All is in quarters now; before it was in minutes, and at first as it was taken.
        assert set(await samples.database.read(spans)) == {QUARTER_S}

    with_samples(database_url, scenario)


def test_each_moment_is_kept_once_and_as_fine_as_its_age_allows(database_url: str) -> None:
    async def scenario(samples: Samples) -> None:
        now = AT + 3 * DAY_S
        ages = [60.0, HOUR_S, 3 * HOUR_S, DAY_S, 2.5 * DAY_S]
        await samples.write([gpu(now - age, 50) for age in ages])
        await settle(samples, now)
        found = {now - line.at: line.span_s for line in await read(samples)}
        assert found[60.0] == found[HOUR_S] == RAW_S
        assert [span for _, span in sorted(found.items())] == [RAW_S, RAW_S, MINUTE_S, MINUTE_S, QUARTER_S]
        # Again, by somebody who does not remember what was thinned.
        assert await settle(Samples(samples.database), now) == 1
        assert len(await read(samples)) == len(ages)

    with_samples(database_url, scenario)


def test_what_comes_late_joins_its_minute(database_url: str) -> None:
    """As after the clock was set back."""

    async def scenario(samples: Samples) -> None:
        now = AT + 3 * HOUR_S
        await samples.write([gpu(AT + 5, 10)])
        await settle(samples, now)
        await samples.write([gpu(AT + 10, 20), gpu(AT, 30)])
        await settle(Samples(samples.database), now)
        (line,) = await read(samples)
        assert (line.at, line.span_s) == (AT, MINUTE_S)
        assert (line.spread.low, line.spread.mean, line.spread.high, line.spread.n) == (10, 20, 30, 3)

    with_samples(database_url, scenario)


def test_a_long_absence_is_thinned_in_small_pieces(database_url: str) -> None:
    async def scenario(samples: Samples) -> None:
        await samples.write([gpu(AT + 60 * minute, 1) for minute in range(40)])
        assert await settle(samples, AT + DAY_S) > 5
        assert await samples.database.read(spans) == {MINUTE_S: 40}

    with_samples(database_url, scenario)


def test_the_oldest_go_a_day_at_a_time(database_url: str) -> None:
    async def scenario(samples: Samples) -> None:
        await samples.write([gpu(AT + HOUR_S * hour, 1) for hour in range(96)])
        assert await samples.forget(AT + 2.5 * DAY_S)
        assert len(await read(samples)) == 72
        while await samples.forget(AT + 2.5 * DAY_S):
            pass
        assert [line.at for line in await read(samples)] == [AT + HOUR_S * hour for hour in range(60, 96)]
        assert not await samples.forget(AT)

    with_samples(database_url, scenario)


def test_a_page_has_as_many_rows_as_it_may_or_a_quarter_of_an_hour(database_url: str) -> None:
    async def scenario(samples: Samples) -> None:
        await samples.write([gpu(AT + 5 * tick, 1) for tick in range(1000)])
        pages = [lines async for lines in samples.lines(AT + 7, AT + 4000)]
        assert len(pages) > 4 and max(map(len, pages)) <= 180
        assert [line.at for page in pages for line in page] == [AT + 5 * tick for tick in range(2, 800)]

    with_samples(database_url, scenario)


def test_thinning_while_somebody_reads_hides_and_repeats_nothing(database_url: str) -> None:
    async def scenario(samples: Samples) -> None:
        await samples.write([gpu(AT + 5 * tick, 1) for tick in range(1000)])
        seen = 0
        async for lines in samples.lines(0, 2**40):
            seen += sum(line.spread.n for line in lines)
            await samples.thin(AT + DAY_S)
        assert seen == 1000

    with_samples(database_url, scenario)


def test_patterns_choose_what_is_read(database_url: str) -> None:
    async def scenario(samples: Samples) -> None:
        queue = Sampled(at=AT, source="queue", kind="queue", values=(3, 1, 9.5, 2, None, None, None))
        await samples.write([gpu(AT, 97, 5), queue])
        assert {f"{line.source}.{line.name}" for line in await read(samples, 0, 2**40, "gpu.*")} == {
            "gpu.GPU-1.utilisation",
            "gpu.GPU-1.memory",
        }
        (line,) = await read(samples, 0, 2**40, "queue.oldest", "nothing.*")
        assert (line.source, line.name, line.spread.mean) == ("queue", "oldest", 9.5)
        assert await read(samples, 0, 2**40, "nothing.*") == []

    with_samples(database_url, scenario)


def test_snapshots_are_written_every_half_minute_and_when_somebody_reads(database_url: str) -> None:
    async def scenario(samples: Samples) -> None:
        recorder = Recorder(samples, keep_days=30)
        seen = snapshot()
        for _ in range(5):
            await recorder.take(seen)
            seen = later(seen, 5)
        # The first at once, then none for half a minute.
        assert len({line.at for line in await read(samples)}) == 1
        await recorder.flush()
        assert len({line.at for line in await read(samples)}) == 5
        for _ in range(3):
            await recorder.take(seen)
            seen = later(seen, 5)
        assert len({line.at for line in await read(samples)}) == 7

    with_samples(database_url, scenario)


def test_what_the_database_does_not_take_is_written_later(database_url: str) -> None:
    class Full(Samples):
        full = True

        async def write(self, batch: Any) -> None:
            if self.full:
                raise StorageError("the disk is full")
            await super().write(batch)

    async def scenario(samples: Samples) -> None:
        kept = Full(samples.database)
        recorder, seen = Recorder(kept, keep_days=30), snapshot()
        for number in range(20):
            kept.full = number < 10
            await recorder.take(seen)
            seen = later(seen, 10)
        await recorder.flush()
        assert len({line.at for line in await read(samples)}) == 20

    with_samples(database_url, scenario)
