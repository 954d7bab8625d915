"""An owner's limits in the queue: what is refused, until when, and that a change counts at once."""

import asyncio

import pytest
from sqlalchemy import Connection

from gesso.database.locks import upsert
from gesso.database.schema import artifact as artifact_table
from gesso.errors import NotFound, OverLimit
from gesso.jobs.artifacts import Artifact
from gesso.jobs.files import Files
from gesso.jobs.job import Job, Limits, Spec, State
from gesso.protocol.files import FileRef
from tests.queues import Bench, bench

DAY_S = 86_400.0


async def done(b: Bench, seconds: float, owner: str = "ada") -> None:
    """One more job of the owner's has ended, after so many seconds of an engine."""
    await b.submit(owner)
    claim = await b.claim()
    b.clock.pass_s(seconds)
    await b.queue.finish(claim, State.SUCCEEDED, seconds=seconds)


async def submit(b: Bench, limits: Limits, owner: str = "ada", id: str | None = None) -> Job:
    return await b.queue.submit(Spec(owner=owner, payload={"prompt": {}}, id=id), limits)


def test_who_has_used_up_his_seconds_waits_until_enough_is_a_day_old(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            limits = Limits(gpu_seconds=100.0)
            waiting = await submit(b, limits, id="first")
            await b.queue.finish(await b.claim(), State.SUCCEEDED, seconds=0.0)
            begun = b.clock.now
            for seconds in (30.0, 50.0, 40.0):
                await done(b, seconds)
            # 120 s are used: when the first 30 s are a day old, 90 s are left.
            with pytest.raises(OverLimit, match="120 s .* 100 s") as caught:
                await submit(b, limits, id="refused")
            assert caught.value.retry_after_s == pytest.approx(begun + 30.0 + DAY_S - b.clock.now)
            with pytest.raises(NotFound):
                await b.queue.get("refused")
            assert (await submit(b, limits, id="first")).id == waiting.id
            await submit(b, limits, owner="ben")
            b.clock.pass_s(caught.value.retry_after_s - 1.0)
            with pytest.raises(OverLimit) as again:
                await submit(b, limits)
            assert again.value.retry_after_s == pytest.approx(1.0)
            b.clock.pass_s(1.1)
            await submit(b, limits)

    asyncio.run(scenario())


def test_what_waits_still_runs_when_the_seconds_are_used_up(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            limits = Limits(gpu_seconds=10.0)
            for _ in range(2):
                await submit(b, limits)
            first = await b.claim()
            b.clock.pass_s(60.0)
            await b.queue.finish(first, State.SUCCEEDED)
            with pytest.raises(OverLimit):
                await submit(b, limits)
            await b.queue.finish(await b.claim(), State.SUCCEEDED)

    asyncio.run(scenario())


def test_whose_files_weigh_too_much_can_submit_no_more(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            files, limits = Files(b.database, clock=b.clock), Limits(storage=1000)
            await store(b, files, "a", 1000)
            await submit(b, limits)
            await store(b, files, "b", 1)
            with pytest.raises(OverLimit, match="1001 B|1 KB"):
                await submit(b, limits)
            await submit(b, Limits())
            await submit(b, limits, owner="ben")
            await files.delete("ada", FileRef(filename="b.png", subfolder="", type="output"))
            await submit(b, limits)

    asyncio.run(scenario())


def test_an_upload_that_does_not_fit_is_refused_and_its_name_stays_free(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            files = Files(b.database, clock=b.clock)
            await store(b, files, "a", 600, limit=1000)
            with pytest.raises(
                OverLimit, match="600 B, and this would add 500 B; your limit is 1 KB"
            ) as caught:
                await store(b, files, "b", 500, limit=1000)
            assert "Delete" in caught.value.remedy
            with pytest.raises(NotFound):
                await files.find("ada", FileRef(filename="b.png", subfolder="", type="output"))
            await store(b, files, "b", 400, limit=1000)
            # What the account has already is no growth, even where the limit is lower by now.
            await store(b, files, "b", 400, limit=10)
            with pytest.raises(OverLimit):
                await store(b, files, "c", 1, limit=10)
            await store(b, files, "d", 5000)

    asyncio.run(scenario())


async def store(b: Bench, files: Files, name: str, size: int, *, limit: int | None = None) -> None:
    artifact = Artifact(sha256=name * 64, size=size)

    def known(conn: Connection) -> None:
        row = upsert(conn, artifact_table).values(sha256=artifact.sha256, size=size, created=b.clock.now)
        conn.execute(row.on_conflict_do_nothing())

    await b.database.tx(known)
    ref = FileRef(filename=f"{name}.png", subfolder="", type="output")
    await files.put("ada", ref, artifact, storage=limit)


def test_a_changed_limit_counts_for_jobs_that_wait_already(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url, Limits(max_running=1)) as b:
            for _ in range(4):
                await b.submit()
            assert len(await b.queue.claim("gpu0", b.session, limit=4)) == 1
            await b.queue.set_limits("ada", Limits(max_running=3, max_queued=4))
            assert len(await b.queue.claim("gpu1", b.session, limit=4)) == 2
            with pytest.raises(OverLimit, match="4 unfinished"):
                await b.submit()
            await b.queue.set_limits("ada", Limits(max_queued=5))
            await b.submit()

    asyncio.run(scenario())


def test_limits_are_brought_up_to_date_for_those_they_changed_for(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url, Limits(max_running=1)) as b:
            for owner in ("ada", "ben"):
                for _ in range(3):
                    await b.submit(owner)
            # "cem" has never submitted anything: his limits come with his first job.
            await b.queue.sync_limits({owner: Limits(max_running=2) for owner in ("ada", "cem")})
            claimed = await b.queue.claim("gpu0", b.session, limit=9)
            assert sorted(claim.job.owner for claim in claimed) == ["ada", "ada", "ben"]

    asyncio.run(scenario())
