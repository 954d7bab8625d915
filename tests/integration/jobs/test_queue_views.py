"""A user's queue and history: whose they are, in which order, how they are cut and deleted."""

import asyncio

import pytest

from gesso.errors import NotFound
from gesso.jobs.job import Job, State
from tests.queues import Bench, bench


def ids(jobs: list[Job]) -> list[str]:
    return [job.id for job in jobs]


async def end_some(b: Bench, owner: str, number: int) -> list[str]:
    done = []
    for _ in range(number):
        job = await b.submit(owner)
        b.clock.pass_s(1.0)
        await b.queue.finish(await b.claim(), State.SUCCEEDED)
        done.append(job.id)
    return done


def test_history_is_oldest_first_and_cut_as_comfyui_cuts_it(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            done = await end_some(b, "ada", 5)
            await end_some(b, "ben", 2)
            cuts = {
                (None, -1): done,
                (2, -1): done[3:],
                (10, -1): done,
                (2, 0): done[:2],
                (2, 3): done[3:],
                (None, 3): done[3:],
                (2, 9): [],
                (0, 0): done[:1],
                (0, -1): [],
            }
            for (limit, offset), expected in cuts.items():
                assert ids(await b.queue.finished("ada", limit, offset)) == expected, (limit, offset)

    asyncio.run(scenario())


def test_history_is_in_the_order_of_ending(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            first, second = await b.submit(), await b.submit()
            one, two = await b.claim(), await b.claim()
            await b.queue.finish(two, State.SUCCEEDED)
            b.clock.pass_s(1.0)
            await b.queue.finish(one, State.SUCCEEDED)
            assert ids(await b.queue.finished("ada")) == [second.id, first.id]

    asyncio.run(scenario())


def test_deleted_history_is_hidden_but_still_names_the_job(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            one, two = await end_some(b, "ada", 2)
            waiting = await b.submit()
            assert await b.queue.delete_finished("ben", [one]) == []
            assert await b.queue.delete_finished("ada", [one, waiting.id]) == [one]
            assert ids(await b.queue.finished("ada")) == [two]
            assert (await b.queue.get(one, "ada")).hidden
            assert await b.queue.delete_finished("ada") == [two]
            assert ids(await b.queue.queued("ada")) == [waiting.id]

    asyncio.run(scenario())


def test_nobody_sees_what_is_not_theirs(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            job = await b.submit("ada")
            with pytest.raises(NotFound):
                await b.queue.get(job.id, "ben")
            assert await b.queue.queued("ben") == []
            await b.claim()
            assert await b.queue.running("ben") == []
            assert ids(await b.queue.running("ada")) == [job.id]
            assert await b.queue.remaining("ben") == 0

    asyncio.run(scenario())


def test_counts_are_of_all_users(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            for owner in ("ada", "ben", "ben"):
                await b.submit(owner)
            await b.claim()
            counts = await b.queue.counts()
            assert (counts.queued, counts.running) == (2, 1)

    asyncio.run(scenario())
