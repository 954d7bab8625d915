"""What the jobs that wait, wait for: on both databases."""

import asyncio

from gesso.jobs.job import Limits, Spec
from gesso.jobs.rouse import Wait
from tests.queues import bench


def test_kinds_of_jobs_are_told_with_their_longest_wait(database_url: str):
    async def scenario() -> None:
        async with bench(database_url) as stage:
            assert await stage.queue.waits() == []
            await stage.submit("ada", needs=("class:A",))
            stage.clock.pass_s(5)
            await stage.submit("ben", needs=("class:A",))
            await stage.submit("ben", needs=("class:B",))
            stage.clock.pass_s(2)
            assert await stage.queue.waits() == [
                Wait(needs=("class:A",), longest_s=7.0),
                Wait(needs=("class:B",), longest_s=2.0),
            ]

    asyncio.run(scenario())


def test_who_may_not_run_more_waits_for_no_engine(database_url: str):
    async def scenario() -> None:
        async with bench(database_url) as stage:
            one = Limits(max_running=1)
            for _ in range(2):
                spec = Spec(owner="ada", payload={"prompt": {}}, needs=("class:A",))
                await stage.queue.submit(spec, one)
            assert len(await stage.queue.waits()) == 1
            await stage.claim()
            assert await stage.queue.waits() == []

    asyncio.run(scenario())


def test_a_job_that_is_to_be_tried_later_waits_for_no_engine_yet(database_url: str):
    async def scenario() -> None:
        async with bench(database_url) as stage:
            await stage.submit("ada", needs=("class:A",))
            await stage.queue.release(await stage.claim(), error={}, delay_s=30.0)
            assert await stage.queue.waits() == []
            stage.clock.pass_s(30)
            assert [wait.needs for wait in await stage.queue.waits()] == [("class:A",)]

    asyncio.run(scenario())
