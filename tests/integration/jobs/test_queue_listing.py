"""Pages of jobs for people: their order, where the next page begins, whose they are."""

import asyncio

import pytest

from gesso.errors import NotFound
from gesso.jobs.job import State
from gesso.jobs.queue_listing import Listed
from tests.queues import Bench, bench

ENDED = (State.SUCCEEDED, State.FAILED, State.CANCELLED)


def ids(jobs: list[Listed]) -> list[str]:
    return [job.id for job in jobs]


async def ended(b: Bench, owner: str, state: State = State.SUCCEEDED) -> str:
    job = await b.submit(owner)
    await b.queue.finish(await b.claim(), state, outputs={"1": {"images": []}})
    return job.id


def test_what_runs_then_what_waits_then_what_ended_latest_first(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            done = []
            for _ in range(3):
                done.append(await ended(b, "ada"))
                b.clock.pass_s(1.0)
            running, low = await b.submit("ada", needs=("class:A",)), await b.submit("ada", priority=-1)
            waiting = await b.submit("ada")
            await b.claim()
            found = await b.queue.page("ada", limit=100)
            assert ids(found) == [running.id, waiting.id, low.id, *reversed(done)]
            assert found[0].needs == ("class:A",) and found[0].engine == "gpu0"
            assert found[3].outputs == {"1": {"images": []}}
            assert ids(await b.queue.page("ada", limit=2)) == [running.id, waiting.id]
            assert ids(await b.queue.page("ada", {State.QUEUED}, limit=1)) == [waiting.id]
            assert ids(await b.queue.page("ada", {State.FAILED}, limit=9)) == []
            await b.queue.cancel(None)

    asyncio.run(scenario())


def test_pages_follow_each_other_without_gap_or_repetition_also_of_one_moment(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            done = [await ended(b, "ada") for _ in range(7)]
            seen: list[str] = []
            while page := await b.queue.page("ada", ENDED, limit=3, after=seen[-1] if seen else None):
                seen += ids(page)
                await ended(b, "ada")  # what ends meanwhile moves nothing
            assert seen == done[::-1]

    asyncio.run(scenario())


def test_a_page_may_hold_one_kind_only(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            await ended(b, "ada")
            drawn = await b.submit("ada", kind="openai")
            await b.queue.finish(await b.claim(), State.SUCCEEDED)
            await ended(b, "ada")
            waiting = await b.submit("ada", kind="openai")
            assert ids(await b.queue.page("ada", limit=9, kind="openai")) == [waiting.id, drawn.id]
            assert ids(await b.queue.page("ada", limit=9, after=drawn.id, kind="openai")) == []

    asyncio.run(scenario())


def test_a_page_holds_the_owners_jobs_only_and_begins_at_none_of_anothers(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            mine, theirs = await ended(b, "ada"), await ended(b, "ben", State.FAILED)
            assert ids(await b.queue.page("ada", limit=9)) == [mine]
            assert ids(await b.queue.page(None, limit=9)) == [theirs, mine]
            waiting = await b.submit("ada")
            for wrong in (theirs, waiting.id, "nobody's"):
                with pytest.raises(NotFound):
                    await b.queue.page("ada", limit=9, after=wrong)
            assert await b.queue.payloads([mine, "nobody's"]) == {mine: (await b.queue.get(mine)).payload}
            await b.queue.delete_finished("ada", [mine])
            assert ids(await b.queue.page("ada", ENDED, limit=9)) == []

    asyncio.run(scenario())
