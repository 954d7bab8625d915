"""How long runs of a workflow were silent is kept with them, per engine, and only of the latest."""

import asyncio

from gesso.jobs.job import State
from gesso.jobs.queue_position import SILENCES
from tests.queues import Bench, bench


async def ran(
    b: Bench, silence: float | None, *, engine: str = "gpu0", shape: str = "s", state: State = State.SUCCEEDED
) -> None:
    await b.submit("zoe", shape=shape)
    claim = await b.claim(engine)
    b.clock.pass_s(1.0)
    await b.queue.finish(claim, state, silence=silence)


def test_silences_are_those_of_the_workflow_by_engine_the_latest_first(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            for silence in (1.0, None, 2.0):
                await ran(b, silence)
            await ran(b, 30.0, engine="gpu1")
            await ran(b, 99.0, shape="other")
            found = await b.queue.silences("s", ["gpu0", "gpu1", "gpu2"])
            assert found == {"gpu0": [2.0, 1.0], "gpu1": [30.0], "gpu2": []}

    asyncio.run(scenario())


def test_long_silence_is_forgotten_after_many_runs_and_not_before(database_url: str) -> None:
    async def scenario() -> None:
        async with bench(database_url) as b:
            await ran(b, 500.0)
            for _ in range(SILENCES - 1):
                await ran(b, 0.0)
            assert max((await b.queue.silences("s", ["gpu0"]))["gpu0"]) == 500.0
            await ran(b, 0.0)
            assert await b.queue.silences("s", ["gpu0"]) == {"gpu0": [0.0] * SILENCES}

    asyncio.run(scenario())
