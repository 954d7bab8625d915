"""Whose job an engine gets, what it costs, and who drives it after its gateway has died."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import ClauseElement, Connection, select

from gesso.database.schema import IN_HISTORY, flow, job, need
from gesso.database.sqlite import sqlite_url
from gesso.errors import Conflict
from gesso.jobs.claim import Offer
from gesso.jobs.claim_statements import CANDIDATE, DISTINCT_NEEDS
from gesso.jobs.job import Claim, Limits, State
from gesso.jobs.placement import PATIENCE_S, Seat
from tests.queues import Bench, bench


async def order(b: Bench, number: int) -> list[str]:
    return [(await b.claim()).job.owner for _ in range(number)]


def test_one_job_behind_a_hundred_of_another_is_next(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            for _ in range(100):
                await b.submit("many")
            await b.claim()
            await b.submit("one")
            assert await order(b, 1) == ["one"]

    asyncio.run(scenario())


def test_turns_follow_weight(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            await b.queue.set_limits("double", Limits(weight=2.0))
            for _ in range(12):
                await b.submit("single", cost_s=10.0)
                await b.submit("double", cost_s=10.0)
            owners = await order(b, 12)
            assert (owners.count("single"), owners.count("double")) == (4, 8)

    asyncio.run(scenario())


def test_nobody_runs_more_than_allowed_at_once(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url, Limits(max_running=2)) as b:
            for _ in range(5):
                await b.submit("ada")
            claims = await b.queue.claim("gpu0", b.session, limit=5)
            assert len(claims) == 2
            await b.queue.finish(claims[0], State.SUCCEEDED)
            assert len(await b.queue.claim("gpu0", b.session, limit=5)) == 1

    asyncio.run(scenario())


def test_a_wait_behind_anothers_job_at_the_engine_is_not_charged(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            await b.submit("ada", cost_s=10.0)
            held = await b.claim()
            b.clock.pass_s(30.0)
            await b.queue.finish(held, State.SUCCEEDED, seconds=5.0)
            await b.submit("ada", cost_s=10.0)
            held = await b.claim()
            b.clock.pass_s(30.0)
            await b.queue.finish(held, State.SUCCEEDED, seconds=1e9)
            vtime = select(flow.c.vtime).where(flow.c.owner == "ada")
            assert await b.database.tx(lambda conn: conn.execute(vtime).scalar_one()) == 5.0 + 30.0
            seconds = select(job.c.seconds).order_by(job.c.seq)
            assert await b.database.tx(lambda conn: list(conn.execute(seconds).scalars())) == [5.0, 30.0]

    asyncio.run(scenario())


def test_an_engine_gets_only_what_it_can_run(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            big = await b.submit(needs=("UNETLoader", "flux.safetensors"))
            small = await b.submit(needs=("KSampler",))

            def has_no_flux(needs: tuple[str, ...]) -> bool:
                return "flux.safetensors" not in needs

            claims = await b.queue.claim("gpu0", b.session, accepts=has_no_flux, limit=5)
            assert [claim.job.id for claim in claims] == [small.id]
            claims = await b.queue.claim("gpu1", b.session, limit=5)
            assert [claim.job.id for claim in claims] == [big.id]

    asyncio.run(scenario())


FLUX, SDXL = (f"file:CheckpointLoaderSimple.ckpt_name={name}.safetensors" for name in ("flux", "sdxl"))


def offer(engine: str, *loaded: str, idle: bool = True) -> Offer:
    seat = Seat(engine=engine, loaded=frozenset(loaded), idle=idle)
    return Offer(seat=seat, accepts=lambda needs: True)


def test_each_job_is_placed_where_its_models_are(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            jobs = [await b.submit(needs=(need,)) for need in (SDXL, FLUX, FLUX)]
            offers = [offer("gpu0", FLUX), offer("gpu1", SDXL)]
            claims = await b.queue.place(offers, b.session)
            assert [(claim.job.id, claim.engine) for claim in claims] == [
                (jobs[0].id, "gpu1"),
                (jobs[1].id, "gpu0"),
            ]
            assert await b.queue.place([], b.session) == []

    asyncio.run(scenario())


def test_job_is_overtaken_for_loaded_models_until_it_has_waited_long_enough(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            cold = await b.submit(needs=(SDXL,))
            warm = [await b.submit(needs=(FLUX,)) for _ in range(3)]
            for pass_s, expected in ((0.0, warm[0]), (PATIENCE_S - 1.0, warm[1]), (1.0, cold)):
                b.clock.pass_s(pass_s)
                (claim,) = await b.queue.place([offer("gpu0", FLUX)], b.session)
                assert claim.job.id == expected.id

    asyncio.run(scenario())


def test_engine_that_a_job_avoids_does_not_get_it_in_a_round_of_several(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            job = await b.submit(needs=(FLUX,))
            await b.queue.release(await b.claim("gpu0"), avoid_s=60.0)
            offers = [offer("gpu0", FLUX), offer("gpu1")]
            claims = await b.queue.place(offers, b.session)
            assert [(claim.job.id, claim.engine) for claim in claims] == [(job.id, "gpu1")]

    asyncio.run(scenario())


def test_claim_is_outrun_when_another_users_turn_would_come_first(database_url: str) -> None:
    def everything(needs: tuple[str, ...]) -> bool:
        return True

    async def scenario() -> None:
        async with bench(database_url) as b:
            for _ in range(3):
                await b.submit("ada", cost_s=10.0)
            await b.claim()
            second = await b.claim()
            assert not await b.queue.is_outrun(second, everything), "nobody else waits"
            await b.submit("ben", cost_s=10.0, needs=(FLUX,))
            assert await b.queue.is_outrun(second, everything)
            assert not await b.queue.is_outrun(second, lambda needs: FLUX not in needs)
            await b.queue.finish(second, State.SUCCEEDED)
            assert not await b.queue.is_outrun(second, everything)

    asyncio.run(scenario())


def test_priority_orders_ones_own_jobs_only(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            await b.submit("ada", cost_s=1.0)
            urgent = await b.submit("ada", priority=9, cost_s=1.0)
            for _ in range(3):
                await b.submit("ben", priority=100, cost_s=1.0)
            assert (await b.claim()).job.id == urgent.id
            assert await order(b, 3) == ["ben", "ada", "ben"]

    asyncio.run(scenario())


def test_the_charge_becomes_the_real_seconds_and_a_refund_none(database_url: str) -> None:
    def vtimes(conn: Connection) -> dict[str, float]:
        return {row.owner: row.vtime for row in conn.execute(select(flow.c.owner, flow.c.vtime))}

    async def scenario() -> None:
        async with bench(database_url) as b:
            await b.queue.set_limits("ada", Limits(weight=2.0))
            await b.submit("ada", cost_s=100.0)
            claim = await b.claim()
            assert await b.database.tx(vtimes) == {"ada": pytest.approx(50.0)}
            b.clock.pass_s(8.0)
            await b.queue.release(claim)
            assert await b.database.tx(vtimes) == {"ada": pytest.approx(0.0)}
            claim = await b.claim()
            b.clock.pass_s(8.0)
            await b.queue.finish(claim, State.SUCCEEDED)
            assert await b.database.tx(vtimes) == {"ada": pytest.approx(4.0)}

    asyncio.run(scenario())


def test_what_jobs_took_is_what_the_next_are_estimated_to_cost(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            for seconds in (40.0, 40.0, 20.0):
                await b.submit(needs=("flux",))
                claim = await b.claim()
                b.clock.pass_s(seconds)
                await b.queue.finish(claim, State.SUCCEEDED)
            await b.submit(needs=("flux",))
            await b.submit("ben", needs=("flux",))
            failing = await b.claim()
            b.clock.pass_s(1.0)
            await b.queue.finish(failing, State.FAILED)
            row = await b.database.tx(lambda conn: conn.execute(select(need)).one())
            assert (row.seconds, row.samples) == (pytest.approx(35.0), 3)

    asyncio.run(scenario())


def test_an_orphan_is_adopted_with_all_it_had_and_the_old_claim_is_void(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            await b.submit()
            old = await b.claim("gpu3")
            b.clock.pass_s(100.0)
            heir = await b.queue.open_session()
            assert [held.job.id for held in await b.queue.claims_held("gpu3")] == [old.job.id]
            assert await b.queue.claims_held("gpu4") == []
            new = await b.queue.adopt((await b.queue.claims_held())[0], heir)
            assert (new.engine, new.prompt_id, new.attempt) == (old.engine, old.prompt_id, old.attempt)
            assert new.session == heir
            with pytest.raises(Conflict):
                await b.queue.adopt(old, heir)
            assert await b.queue.finish(old, State.SUCCEEDED) is None
            assert await b.queue.finish(new, State.SUCCEEDED) is not None

    asyncio.run(scenario())


def test_only_sessions_without_a_heartbeat_lose_their_jobs(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            other = await b.queue.open_session("http://gesso-2:8700")
            mine, hers = await b.submit(), await b.submit()
            await b.claim()
            await b.queue.claim("gpu1", other)
            b.clock.pass_s(10.0)
            await b.queue.beat(b.session)
            b.clock.pass_s(10.0)
            reaped = await b.queue.reap(15.0)
            assert [claim.job.id for claim in reaped.orphaned] == [hers.id]
            assert (await b.queue.get(mine.id)).state is State.RUNNING
            # Whoever reaps may die too: the orphans stay orphans until adopted.
            assert [claim.job.id for claim in (await b.queue.reap(15.0)).orphaned] == [hers.id]
            await b.queue.adopt(reaped.orphaned[0], b.session)
            assert (await b.queue.reap(15.0)).orphaned == []
            with pytest.raises(Conflict, match="declared dead"):
                await b.queue.beat(other)

    asyncio.run(scenario())


def test_cancelled_while_its_gateway_was_dead_is_cancelled(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            job = await b.submit()
            claim: Claim = await b.claim()
            await b.queue.cancel("ada")
            b.clock.pass_s(20.0)
            reaped = await b.queue.reap(15.0)
            assert reaped.orphaned == []
            assert [c.prompt_id for c in reaped.cancelled] == [claim.prompt_id]
            assert reaped.cancelled[0].job.state is State.CANCELLED
            assert (await b.queue.get(job.id)).state is State.CANCELLED
            assert await b.queue.finish(claim, State.SUCCEEDED) is None

    asyncio.run(scenario())


def test_a_session_that_says_good_bye_leaves_its_jobs_at_once(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            await b.submit()
            await b.claim()
            await b.queue.close_session(b.session)
            assert len((await b.queue.reap(1_000.0)).orphaned) == 1

    asyncio.run(scenario())


def plan(conn: Connection, statement: ClauseElement) -> str:
    literal = {"literal_binds": True, "render_postcompile": True}
    text = str(statement.compile(conn.engine, compile_kwargs=literal))
    return "\n".join(str(row[-1]) for row in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}"))


def test_the_claim_reads_only_indexes_made_for_it(tmp_path: Path) -> None:
    asked = CANDIDATE.params(needs=[1, 2], engine="gpu0", now=0.0, busy=[])

    async def scenario() -> str:
        async with bench(sqlite_url(tmp_path / "gesso.sqlite3")) as b:
            return await b.database.tx(plan, asked)

    found = asyncio.run(scenario())
    assert "USING INDEX flow_ready" in found
    assert "USING INDEX job_ready (owner=?)" in found
    assert "TEMP B-TREE FOR ORDER BY" not in found


def test_looking_for_queued_needs_hops_through_an_index(tmp_path: Path) -> None:
    async def scenario() -> str:
        async with bench(sqlite_url(tmp_path / "gesso.sqlite3")) as b:
            return await b.database.tx(plan, DISTINCT_NEEDS)

    found = asyncio.run(scenario())
    assert "SEARCH job USING INDEX job_need (need_id>?)" in found
    assert "SCAN job" not in found


def test_a_page_of_history_reads_only_its_index(tmp_path: Path) -> None:
    wanted = select(job.c.id).where(IN_HISTORY, job.c.owner == "ada")
    wanted = wanted.order_by(job.c.finished, job.c.seq).limit(1)

    async def scenario() -> str:
        async with bench(sqlite_url(tmp_path / "gesso.sqlite3")) as b:
            return await b.database.tx(plan, wanted)

    found = asyncio.run(scenario())
    assert "job_history (owner=?" in found and "TEMP B-TREE" not in found
