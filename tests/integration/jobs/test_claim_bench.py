"""The bench of the claim runs, and leaves a queue that is sound."""

import asyncio

from bench.claim import measure
from gesso.jobs.queue import Queue
from tests.databases import opened


def test_claims_are_measured_beside_a_long_history(database_url: str) -> None:
    figures = asyncio.run(measure(database_url, finished=3_000, queued=20, users=4))
    assert 0 < figures.claim_p50_ms <= figures.claim_p99_ms

    async def look() -> None:
        async with opened(database_url) as database:
            queue = Queue(database)
            assert await queue.integrity() == []
            assert len(await queue.finished("user-0")) == 3_000 / 100 + 20 / 4

    asyncio.run(look())
