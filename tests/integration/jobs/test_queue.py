"""Accepting, ending, giving back, cancelling and listing jobs, on both databases."""

import asyncio
import uuid

import pytest

from gesso.errors import Conflict, IdempotencyMismatch, NotFound, OverLimit
from gesso.jobs.job import Job, Limits, State
from gesso.jobs.queue import Queue
from tests.databases import opened
from tests.queues import bench


def ids(jobs: list[Job]) -> list[str]:
    return [job.id for job in jobs]


def test_an_accepted_job_is_there_after_opening_anew(database_url: str) -> None:
    async def accept() -> str:
        async with bench(database_url) as b:
            job = await b.submit(payload={"prompt": {"é": [1, None, 0.5]}}, needs=("b", "a"), client_id="c")
            return job.id

    async def look(job_id: str) -> None:
        async with opened(database_url) as database:
            job = await Queue(database).get(job_id)
            assert job.state is State.QUEUED
            assert job.payload == {"prompt": {"é": [1, None, 0.5]}}
            assert (job.needs, job.client_id, job.attempt) == (("a", "b"), "c", 0)

    asyncio.run(look(asyncio.run(accept())))


def test_an_id_the_client_chose_names_one_job_for_ever(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            first = await b.submit(id="mine", payload={"n": 1})
            assert await b.submit(id="mine", payload={"n": 1}) == first
            done = await b.queue.finish(await b.claim(), State.SUCCEEDED)
            assert await b.submit(id="mine", payload={"n": 1}) == done
            with pytest.raises(IdempotencyMismatch):
                await b.submit(id="mine", payload={"n": 2})

    asyncio.run(scenario())


def test_an_idempotency_key_names_one_job_per_user(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            first = await b.submit("ada", idempotency_key="k", payload={"n": 1})
            assert (await b.submit("ada", idempotency_key="k", payload={"n": 1})).id == first.id
            with pytest.raises(IdempotencyMismatch):
                await b.submit("ada", idempotency_key="k", payload={"n": 2})
            other = await b.submit("ben", idempotency_key="k", payload={"n": 2})
            assert other.id != first.id
            assert await b.queue.remaining("ada") == 1

    asyncio.run(scenario())


def test_the_same_request_sent_often_at_once_is_one_job(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            jobs = await asyncio.gather(*(b.submit(idempotency_key="k") for _ in range(20)))
            assert len({job.id for job in jobs}) == 1
            assert await b.queue.remaining("ada") == 1

    asyncio.run(scenario())


def test_another_users_id_is_a_conflict_that_tells_nothing_of_the_job(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            await b.submit("ada", id="hers", payload={"secret": "roses"})
            with pytest.raises(Conflict) as caught:
                await b.submit("ben", id="hers", payload={"secret": "roses"})
            assert "ada" not in str(caught.value)
            assert await b.queue.remaining("ben") == 0

    asyncio.run(scenario())


def test_an_id_and_a_key_of_two_different_jobs_are_a_mismatch(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            await b.submit(id="one", payload={"n": 1})
            await b.submit(idempotency_key="k", payload={"n": 1})
            with pytest.raises(IdempotencyMismatch):
                await b.submit(id="one", idempotency_key="k", payload={"n": 1})

    asyncio.run(scenario())


def test_what_makes_requests_equal_may_be_given(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            first = await b.submit(id="x", payload={"time": 1}, request_hash="h")
            assert (await b.submit(id="x", payload={"time": 2}, request_hash="h")).payload == first.payload

    asyncio.run(scenario())


def test_over_the_limit_nothing_is_left_behind(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url, Limits(max_queued=2)) as b:
            await b.submit()
            await b.submit()
            with pytest.raises(OverLimit) as caught:
                await b.submit(id="third")
            assert caught.value.retry_after_s > 0
            with pytest.raises(NotFound):
                await b.queue.get("third")
            await b.submit("ben")
            await b.queue.finish(await b.claim(), State.SUCCEEDED)
            await b.submit(id="third")

    asyncio.run(scenario())


def test_numbers_count_per_user_and_front_is_negative(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            numbers = [(await b.submit()).number for _ in range(3)]
            front = await b.submit(front=True)
            given = await b.submit(number=1.5)
            after = await b.submit()
            assert [*numbers, front.number, given.number, after.number] == [0, 1, 2, -3, 1.5, 4]
            assert (await b.submit("ben")).number == 0
            order = [job.number for job in await b.queue.queued("ada")]
            assert order == [-3, 0, 1, 1.5, 2, 4]
            assert (await b.claim()).job.id == front.id

    asyncio.run(scenario())


def test_a_claim_binds_engine_session_and_prompt_id(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            job = await b.submit()
            claim = await b.claim("gpu7")
            assert (claim.engine, claim.prompt_id, claim.attempt) == ("gpu7", job.id, 1)
            stored = await b.queue.get(job.id)
            assert (stored.state, stored.engine, stored.prompt_id) == (State.RUNNING, "gpu7", job.id)
            assert stored.session == b.session
            assert stored.started == b.clock.now
            assert await b.queue.claim("gpu7", b.session) == []

    asyncio.run(scenario())


def test_a_second_attempt_has_a_prompt_id_of_its_own(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            job = await b.submit()
            await b.queue.release(await b.claim(), error={"message": "gone"})
            second = await b.claim()
            assert second.attempt == 2
            assert second.prompt_id != job.id
            uuid.UUID(second.prompt_id)
            await b.queue.release(second)
            assert (await b.claim()).prompt_id not in (job.id, second.prompt_id)

    asyncio.run(scenario())


def test_a_job_taken_back_before_it_began_has_spent_no_attempt(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            job = await b.submit(max_attempts=1)
            for _ in range(3):
                claim = await b.claim()
                assert (claim.attempt, claim.prompt_id) == (1, job.id)
                back = await b.queue.release(claim, counts=False)
                assert back is not None and back.state is State.QUEUED

    asyncio.run(scenario())


def test_a_job_ends_once_and_the_late_are_told(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            await b.submit()
            claim = await b.claim()
            done = await b.queue.finish(claim, State.SUCCEEDED, outputs={"9": {"images": []}}, meta={"a": 1})
            assert done is not None
            assert (done.state, done.outputs, done.meta) == (State.SUCCEEDED, {"9": {"images": []}}, {"a": 1})
            assert done.finished == b.clock.now
            assert await b.queue.finish(claim, State.FAILED) is None
            assert await b.queue.release(claim) is None
            assert (await b.queue.get(done.id)).state is State.SUCCEEDED

    asyncio.run(scenario())


def test_the_result_of_an_earlier_attempt_is_dropped(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            await b.submit()
            zombie = await b.claim("gpu0")
            await b.queue.release(zombie)
            second = await b.claim("gpu1")
            assert await b.queue.finish(zombie, State.SUCCEEDED) is None
            assert await b.queue.finish(second, State.SUCCEEDED) is not None

    asyncio.run(scenario())


def test_retries_are_bounded_and_the_last_reason_is_kept(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            job = await b.submit(max_attempts=2)
            again = await b.queue.release(await b.claim(), error={"message": "it fell over"})
            assert again is not None and again.state is State.QUEUED
            lost = await b.queue.release(await b.claim(), error={"message": "and again"})
            assert lost is not None and lost.state is State.FAILED
            assert lost.error is not None and lost.error["code"] == "job_lost"
            assert "and again" in lost.error["message"]
            assert ids(await b.queue.finished("ada")) == [job.id]

    asyncio.run(scenario())


def test_a_job_given_back_waits_and_avoids_its_engine_for_a_while(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            await b.submit()
            await b.queue.release(await b.claim("gpu0"), delay_s=5.0, avoid_s=30.0)
            assert await b.queue.claim("gpu1", b.session) == []
            b.clock.pass_s(5.0)
            assert await b.queue.claim("gpu0", b.session) == []
            claims = await b.queue.claim("gpu1", b.session)
            assert len(claims) == 1
            await b.queue.release(claims[0], avoid_s=30.0)
            b.clock.pass_s(30.0)
            assert len(await b.queue.claim("gpu1", b.session)) == 1

    asyncio.run(scenario())


def test_a_queued_job_is_cancelled_at_once_and_not_in_history(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            job = await b.submit(client_id="c")
            (cancelled,) = await b.queue.cancel("ada", [job.id])
            assert (cancelled.id, cancelled.was_running, cancelled.client_id) == (job.id, False, "c")
            assert (await b.queue.get(job.id)).state is State.CANCELLED
            assert await b.queue.finished("ada") == []
            assert await b.queue.claim("gpu0", b.session) == []
            assert await b.queue.cancel("ada", [job.id]) == []

    asyncio.run(scenario())


def test_a_running_job_is_asked_to_stop_and_ends_as_cancelled(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            job = await b.submit()
            claim = await b.claim()
            assert not await b.queue.cancel_asked(claim)
            (asked,) = await b.queue.cancel("ada")
            assert (asked.id, asked.was_running) == (job.id, True)
            assert await b.queue.cancel_asked(claim)
            assert await b.queue.beat(b.session) == [job.id]
            ended = await b.queue.finish(claim, State.CANCELLED)
            assert ended is not None and ended.state is State.CANCELLED
            assert ids(await b.queue.finished("ada")) == [job.id]

    asyncio.run(scenario())


def test_a_job_to_be_cancelled_is_not_tried_again(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            await b.submit()
            claim = await b.claim()
            await b.queue.cancel("ada")
            after = await b.queue.release(claim, error={"message": "gone"})
            assert after is not None and after.state is State.CANCELLED

    asyncio.run(scenario())


def test_cancelling_reaches_only_the_owners_jobs_in_the_named_states(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            running = await b.submit("ada")
            await b.claim()
            queued = await b.submit("ada")
            hers = await b.submit("ben")
            assert await b.queue.cancel("ben", [running.id, queued.id]) == []
            assert [c.id for c in await b.queue.cancel("ada", states=(State.QUEUED,))] == [queued.id]
            assert [c.id for c in await b.queue.cancel("ada", [])] == []
            assert [c.id for c in await b.queue.cancel(None)] == [running.id, hers.id]

    asyncio.run(scenario())


def test_every_change_of_a_job_raises_its_revision(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            job = await b.submit()
            revisions = [job.rev]
            claim = await b.claim()
            revisions.append(claim.job.rev)
            await b.queue.cancel("ada")
            revisions.append((await b.queue.get(job.id)).rev)
            await b.queue.finish(claim, State.CANCELLED)
            revisions.append((await b.queue.get(job.id)).rev)
            assert revisions == sorted(set(revisions))

    asyncio.run(scenario())


def test_changed_returns_once_for_what_happened_before_or_while_waiting(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            await b.submit()
            async with asyncio.timeout(5):
                await b.queue.changed()
            waiting = asyncio.create_task(b.queue.changed())
            await asyncio.sleep(0)
            assert not waiting.done()
            await b.submit()
            async with asyncio.timeout(5):
                await waiting

    asyncio.run(scenario())
