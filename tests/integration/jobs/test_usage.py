"""Usage on both databases: the sums, their limits in time, and that they are read from an index alone."""

import asyncio
import re
from typing import Any

from sqlalchemy import Connection

from gesso.database.schema import artifact, file, metadata, userdata
from gesso.database.sqlite import make_engine
from gesso.jobs.job import State
from gesso.jobs.usage import DAY_S, FREED, SECONDS, STORED, By, Used, _jobs, _storage
from tests.queues import Bench, bench

MIDNIGHT = 11_575 * DAY_S


async def ended(
    b: Bench, owner: str, engine: str, seconds: float, state: State = State.SUCCEEDED, at: float = 0.0
) -> str:
    b.clock.now = MIDNIGHT + at - seconds
    job = await b.submit(owner)
    (claim,) = await b.queue.claim(engine, b.session)
    b.clock.now = MIDNIGHT + at
    await b.queue.finish(claim, state, seconds=seconds)
    return job.id


def keep(conn: Connection, account: str, name: str, size: int, at: float, job_id: str | None = None) -> None:
    conn.execute(artifact.insert().values(sha256=name, size=size, created=at))
    place = {"account_id": account, "type": "output", "subfolder": "", "name": name}
    conn.execute(file.insert().values(**place, sha256=name, size=size, job_id=job_id, created=at))


def save(conn: Connection, account: str, size: int) -> None:
    more = {"content": b"x", "created": 0.0, "modified": 0.0}
    conn.execute(userdata.insert().values(account_id=account, path="a.json", size=size, **more))


async def some_days(b: Bench) -> None:
    first = await ended(b, "ada", "gpu0", 30.0, at=100.0)
    await ended(b, "ada", "gpu1", 5.5, State.FAILED, at=200.0)
    await ended(b, "ada", "gpu0", 1.0, at=DAY_S - 0.5)
    await ended(b, "ben", "gpu0", 10.0, at=DAY_S + 1.0)
    # One that was cancelled before any engine had it, and one that still waits.
    await b.queue.cancel("ben", [(await b.submit("ben")).id])
    await b.submit("ada")
    await b.database.tx(keep, "ada", "p" * 64, 700, MIDNIGHT + 100.0, first)
    await b.database.tx(keep, "ada", "q" * 64, 50, MIDNIGHT + DAY_S, None)
    await b.database.tx(save, "ada", 7)
    await b.database.tx(save, "cem", 9)


def test_usage_adds_up_by_user_day_and_engine(database_url: str) -> None:
    async def rows(b: Bench, by: By, owner: str | None = None, **until: float) -> list[Used]:
        return await b.queue.usage(by, MIDNIGHT, until.get("until", MIDNIGHT + 2 * DAY_S), owner)

    async def scenario() -> None:
        async with bench(database_url) as b:
            await some_days(b)
            assert await rows(b, By.USER) == [
                Used(key="ada", jobs=3, succeeded=2, failed=1, gpu_seconds=36.5, storage=757),
                Used(key="ben", jobs=2, succeeded=1, cancelled=1, gpu_seconds=10.0),
                Used(key="cem", storage=9),
            ]
            assert await rows(b, By.DAY) == [
                Used(key="2001-09-10", jobs=3, succeeded=2, failed=1, gpu_seconds=36.5, storage=700),
                Used(key="2001-09-11", jobs=2, succeeded=1, cancelled=1, gpu_seconds=10.0, storage=50),
            ]
            assert await rows(b, By.ENGINE, "ada") == [
                Used(key="gpu0", jobs=2, succeeded=2, gpu_seconds=31.0, storage=700),
                Used(key="gpu1", jobs=1, failed=1, gpu_seconds=5.5),
            ]
            assert await rows(b, By.ENGINE, "ben") == [
                Used(key="", jobs=1, cancelled=1),
                Used(key="gpu0", jobs=1, succeeded=1, gpu_seconds=10.0),
            ]
            (only,) = await rows(b, By.USER, "ada", until=MIDNIGHT + 200.0)
            assert (only.jobs, only.gpu_seconds) == (1, 30.0)
            assert await rows(b, By.DAY, "dan") == []

    asyncio.run(scenario())


def test_deleting_history_does_not_lessen_what_was_used(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            await some_days(b)
            before = await b.queue.standing("ada")
            assert (before.unfinished, before.running) == (1, 0)
            assert (before.gpu_seconds, before.storage) == (36.5, 757)
            assert await b.queue.delete_finished("ada")
            assert await b.queue.standing("ada") == before
            b.clock.now = MIDNIGHT + DAY_S + 150.0
            assert (await b.queue.standing("ada")).gpu_seconds == 6.5
            nobody = await b.queue.standing("nobody")
            assert (nobody.unfinished, nobody.gpu_seconds, nobody.storage) == (0, 0.0, 0)

    asyncio.run(scenario())


def test_sums_are_read_from_indices_alone() -> None:
    """So that they stay cheap: rows of jobs hold workflows, which may weigh megabytes each."""
    sums = [SECONDS, STORED, FREED]
    for owner in ("ada", None):
        sums += [_jobs(by, 0.0, 1.0, owner) for by in By]
        sums.append(_storage(By.USER, 0.0, 1.0, owner))
    engine = make_engine("sqlite://")
    with engine.begin() as conn:
        metadata.create_all(conn)
        for statement in sums:
            plan = _plan(conn, statement)
            read = [step for step in plan if re.match(r"(SEARCH|SCAN) (job|file|userdata)\b", step)]
            assert read and all("COVERING INDEX" in step for step in read), plan
    engine.dispose()


def _plan(conn: Connection, statement: Any) -> list[str]:
    compiled = statement.compile(conn)
    values = compiled.construct_params({"owner": "ada", "since": 0.0, "excess": 1.0})
    explained = conn.exec_driver_sql(
        f"EXPLAIN QUERY PLAN {compiled}", tuple(values[name] for name in compiled.positiontup)
    )
    return [row.detail for row in explained]
