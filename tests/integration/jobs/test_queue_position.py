"""Places and estimates from the database: they agree with the claims that follow; long queues stay cheap."""

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, insert, update
from sqlalchemy.sql import ClauseElement

from gesso.database.schema import flow, job
from gesso.database.sqlite import sqlite_url
from gesso.errors import NotFound
from gesso.events import Bus
from gesso.fleet.supervisor import Supervisor
from gesso.jobs.forecast import place_beyond
from gesso.jobs.job import State
from gesso.jobs.positions import Moment, Positions, Sight, moment_of
from gesso.jobs.queue_position import ALL_QUEUED, FIRST_OF, HEADS, PACE, shares
from tests.queues import Bench, bench


async def moment(b: Bench, *engines: str) -> Moment:
    """What is expected now of these engines, each of which can run everything."""
    backlog = await b.queue.backlog(engines, ())
    sight = Sight(
        engines={name: lambda needs: True for name in engines}, waiting=(), spent_s=lambda job_id: None
    )
    return moment_of(backlog, sight, backlog.paces, b.clock())


async def ran(b: Bench, seconds: float, engine: str = "gpu0", **more: Any) -> None:
    """A job that took so long."""
    await b.submit("zoe", **more)
    claim = await b.claim(engine)
    b.clock.pass_s(seconds)
    await b.queue.finish(claim, State.SUCCEEDED)


@pytest.mark.parametrize("seed", range(3))
def test_jobs_are_claimed_in_the_order_of_their_places(database_url: str, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311

    async def scenario() -> None:
        async with bench(database_url) as b:
            for _ in range(25):
                owner, cost_s = chance.choice(["ada", "bob", "eve"]), chance.choice([1.0, 4.0, 20.0])
                await b.submit(owner, cost_s=cost_s, priority=chance.choice([0, 0, 1]))
            expected = sorted(
                ((outlook.place, job_id) for job_id, outlook in (await moment(b, "gpu0")).outlooks.items())
            )
            assert [place for place, _ in expected] == list(range(1, 26))
            claimed = []
            for _ in range(25):
                claim = await b.claim()
                claimed.append(claim.job.id)
                b.clock.pass_s(await cost_of(b, claim.job.id))
                await b.queue.finish(claim, State.SUCCEEDED)
            assert claimed == [job_id for _, job_id in expected]

    asyncio.run(scenario())


async def cost_of(b: Bench, job_id: str) -> float:
    def read(conn: Connection) -> float:
        return float(conn.execute(job.select().where(job.c.id == job_id)).one().cost)

    return await b.database.read(read)


def test_an_estimate_comes_from_runs_of_the_same_workflow_on_the_same_engine(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            for seconds in (8.0, 10.0, 12.0):
                await ran(b, seconds, "gpu0", shape="s", needs=("class:A",))
                await ran(b, 3 * seconds, "gpu1", shape="s", needs=("class:A",))
                await ran(b, 200.0, "gpu0", shape="other", needs=("class:A",))
            first, second = (
                await b.submit("ada", shape="s", needs=("class:A",)),
                await b.submit("bob", shape="s", needs=("class:A",)),
            )
            slow = (await moment(b, "gpu1")).outlooks[first.id]
            assert slow.takes is not None and (slow.takes.low_s, slow.takes.high_s) == (24.0, 36.0)
            await b.claim("gpu0")
            b.clock.pass_s(4.0)
            found = (await moment(b, "gpu0")).outlooks
            assert found[first.id].place == 0 and found[first.id].takes is not None
            waits = found[second.id]
            assert waits.place == 1 and waits.starts is not None
            assert (waits.starts.low_s, waits.starts.likely_s, waits.starts.high_s) == (4.0, 6.0, 8.0)
            # Never run before: the average of jobs with the same needs, and wide.
            unseen = await b.submit("eve", shape="unseen", needs=("class:A",))
            nothing = await b.submit("eve", shape="new", needs=("class:B",))
            found = (await moment(b, "gpu0")).outlooks
            takes = found[unseen.id].takes
            assert takes is not None and takes.low_s * 9 == pytest.approx(takes.high_s)
            assert found[nothing.id].takes is None and found[nothing.id].place == 3
            await b.queue.cancel(None)

    asyncio.run(scenario())


def test_failed_runs_say_nothing_of_how_long_a_workflow_takes(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            await b.submit(shape="s")
            b.clock.pass_s(1.0)
            await b.queue.finish(await b.claim(), State.FAILED)
            waiting = await b.submit(shape="s")
            assert (await moment(b, "gpu0")).outlooks[waiting.id].takes is None
            await b.queue.cancel(None)

    asyncio.run(scenario())


def test_of_users_with_few_jobs_all_are_looked_at() -> None:
    assert shares({"a": 5, "b": 1000, "c": 900}, 105) == {"a": 5, "c": 50, "b": 50}
    assert shares({"a": 5, "b": 7}, 100) == {"a": 5, "b": 7}
    assert sum(shares({str(n): n for n in range(300)}, 100).values()) <= 100


async def crowd(b: Bench, users: dict[str, int]) -> None:
    """So many waiting jobs of each."""
    rows = []
    for owner, count in users.items():
        model = await b.submit(owner, shape=f"of {owner}")
        same = {"payload": {}, "inputs": [], "kind": "comfyui", "state": "queued", "priority": 0}
        same |= {"need_id": 1, "request_hash": "", "attempt": 0, "max_attempts": 3, "not_before": 0.0}
        same |= {"charge": 0.0, "cancel_asked": False, "hidden": False, "rev": 1, "created": 0.0}
        rows += [
            {**same, "id": f"{owner}-{n}", "owner": owner, "number": float(n), "shape": f"of {owner}"}
            for n in range(1, count)
        ]
        assert model.number == 0

    def fill(conn: Connection) -> None:
        conn.execute(insert(job), rows)
        for owner, count in users.items():
            conn.execute(update(flow).where(flow.c.owner == owner).values(queued=count))

    await b.database.tx(fill)


def test_ten_thousand_waiting_jobs_are_not_all_read(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            await crowd(b, {"ada": 6000, "bob": 3995, "eve": 5})
            backlog = await b.queue.backlog(["gpu0"], ())
            assert sum(len(waiter.jobs) for waiter in backlog.waiters.values()) <= HEADS
            found = await moment(b, "gpu0")
            assert len(found.mine["eve"]) == 5
            assert found.outlooks["eve-4"].place <= 15
            # Only the first places are certain; of the others about the place is known.
            assert "ada-5999" not in found.outlooks and found.scene is not None
            assert await b.queue.own_place("ada-5999") == ("ada", 5999)
            assert place_beyond(found.scene, "ada", 5999) == 10_000
            with pytest.raises(NotFound):
                await b.queue.own_place("nobody's")
            await b.queue.cancel(None)

    asyncio.run(scenario())


def test_own_places_follow_priority_then_number(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            await b.submit("bob", priority=9)
            last, middle = await b.submit(), await b.submit(priority=1)
            first = await b.submit(priority=1, front=True)
            for place, each in enumerate((first, middle, last)):
                assert await b.queue.own_place(each.id) == ("ada", place)
            await b.queue.cancel(None)

    asyncio.run(scenario())


def plan(conn: Connection, statement: ClauseElement) -> str:
    literal = {"literal_binds": True, "render_postcompile": True}
    text = str(statement.compile(conn.engine, compile_kwargs=literal))
    return "\n".join(str(row[-1]) for row in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}"))


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (ALL_QUEUED, "job_ready"),
        (FIRST_OF.params(wanted="ada", most=50), "job_ready (owner=?"),
        (PACE.params(shape="s", engine="gpu0"), "job_pace (shape=? AND engine=?"),
    ],
)
def test_what_is_read_lies_in_the_order_of_an_index(
    tmp_path: Path, statement: ClauseElement, index: str
) -> None:
    async def scenario() -> str:
        async with bench(sqlite_url(tmp_path / "gesso.sqlite3")) as b:
            await crowd(b, {"ada": 6000, "bob": 4000})
            await b.database.tx(lambda conn: conn.exec_driver_sql("ANALYZE"))
            found = await b.database.tx(plan, statement)
            await b.queue.cancel(None)
            return found

    found = asyncio.run(scenario())
    assert f"USING INDEX {index}" in found and "TEMP B-TREE" not in found


def test_a_hundred_who_ask_at_once_are_answered_by_one_look(tmp_path: Path) -> None:
    async def scenario() -> None:
        looks = 0
        async with bench(sqlite_url(tmp_path / "gesso.sqlite3")) as b, nobody(tmp_path) as supervisor:
            jobs = [await b.submit() for _ in range(3)]
            read = b.queue.backlog

            async def counted(*asked: Any) -> Any:
                nonlocal looks
                looks += 1
                return await read(*asked)

            b.queue.backlog = counted  # type: ignore[method-assign,assignment]
            positions = Positions(queue=b.queue, supervisor=supervisor, clock=b.clock, timer=b.clock)
            moments = await asyncio.gather(*(positions.now() for _ in range(100)))
            assert looks == 1 and all(moment is moments[0] for moment in moments)
            found = await asyncio.gather(*(positions.of(job) for job in jobs))
            assert [outlook.place for outlook in found if outlook] == [1, 2, 3]
            assert all(outlook and outlook.starts is None for outlook in found)
            assert looks == 1
            # One that came later is looked for at once.
            b.clock.pass_s(0.01)
            late = await positions.of(await b.submit())
            assert late is not None and late.place == 4
            assert looks == 2
            await b.queue.cancel(None)
            assert await positions.of(await b.queue.get(jobs[0].id)) is None

    asyncio.run(scenario())


def test_jobs_far_back_are_asked_about_one_by_one_and_lists_pass_over_them(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(sqlite_url(tmp_path / "gesso.sqlite3")) as b, nobody(tmp_path) as supervisor:
            await crowd(b, {"ada": 3000, "bob": 2000})
            b.clock.pass_s(1.0)
            positions = Positions(queue=b.queue, supervisor=supervisor, clock=b.clock, timer=b.clock)
            listed = await b.queue.page("ada", limit=3000)
            found = await positions.of_listed(listed)
            assert len(found) == 3000
            first, last = found[listed[0].id], found[listed[-1].id]
            assert first is not None and first.place <= 2 and last is None
            about = await positions.of(await b.queue.get(listed[-1].id))
            assert about is not None and about.place == 5000 and about.starts is None
            await b.queue.cancel(None)

    asyncio.run(scenario())


def nobody(directory: Path) -> Supervisor:
    """A fleet without engines."""
    return Supervisor((), directory, Bus())
