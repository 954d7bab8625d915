"""What a change answers of the owner's other jobs is what counting them would answer."""

import asyncio

from gesso.jobs.job import State
from tests.queues import bench


def test_each_change_tells_how_many_jobs_remain(database_url: str) -> None:
    async def main() -> None:
        async with bench(database_url) as queue:
            await queue.submit("bob")
            told = [(await queue.submit()).remaining for _ in range(3)]
            assert told == [1, 2, 3]
            claims = [await queue.claim() for _ in range(4)]
            (bobs,) = (claim for claim in claims if claim.job.owner == "bob")
            first, second, third = (claim for claim in claims if claim.job.owner == "ada")
            assert (await queue.queue.finish(first, State.SUCCEEDED)).remaining == 2
            assert (await queue.queue.release(second)).remaining == 2
            assert (await queue.queue.finish(third, State.FAILED)).remaining == 1
            assert (await queue.queue.finish(bobs, State.SUCCEEDED)).remaining == 0
            assert await queue.queue.remaining("ada") == 1

    asyncio.run(main())


def test_the_same_request_again_tells_nothing_of_it(database_url: str) -> None:
    """It changed nothing, and what remained when it was accepted says nothing of now."""

    async def main() -> None:
        async with bench(database_url) as queue:
            first = await queue.submit(id="twice")
            again = await queue.submit(id="twice")
            assert (again, first.remaining, again.remaining) == (first, 1, None)

    asyncio.run(main())
