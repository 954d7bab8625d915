"""A job is taken back from its engine while its runner asks for it: neither lost, nor an attempt."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import web

from gesso.config.engine import EngineConfig
from gesso.config.fleet import FleetConfig
from gesso.database.sqlite import sqlite_url
from gesso.events import Bus
from gesso.fleet.state import State as EngineState
from gesso.jobs import runner as runners
from gesso.jobs.artifacts import Artifacts
from gesso.jobs.dispatcher import Dispatcher
from gesso.jobs.files import Files
from gesso.jobs.hang_watch import HangWatch
from gesso.jobs.job import State
from gesso.jobs.runner import Runner, kinds_of
from tests.fleet import lasting
from tests.integration.engines.servers import serving
from tests.integration.fleet.stage import LIMIT_S, Stage, until
from tests.queues import bench

NODES = {"A": {"input": {"required": {}}, "output": ["IMAGE"]}}


class Engine:
    """Runs its first prompt for ever. What waits behind it, it drops when told, but answers only later."""

    def __init__(self) -> None:
        self.prompts: list[str] = []
        self.dropped = asyncio.Event()
        self.may_answer = asyncio.Event()
        # Since then: whose history was asked for.
        self.asked: list[str] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        match request.method, request.path.split("/")[1:]:
            case "GET", ["ws"]:
                socket = web.WebSocketResponse()
                await socket.prepare(request)
                await socket.send_json({"type": "status", "data": {}})
                async for _ in socket:
                    pass
                return socket
            case "GET", ["system_stats"]:
                return web.json_response({"system": {"comfyui_version": "0.3.64"}, "devices": []})
            case "GET", ["object_info"]:
                return web.json_response(NODES)
            case "GET", ["queue"]:
                items = [[number, each, {}, {}, []] for number, each in enumerate(self.prompts)]
                return web.json_response({"queue_running": items[:1], "queue_pending": items[1:]})
            case "GET", ["history", prompt_id]:
                if self.dropped.is_set():
                    self.asked.append(prompt_id)
                return web.json_response({})
            case "POST", ["prompt"]:
                self.prompts.append((await request.json())["prompt_id"])
                return web.json_response({"prompt_id": self.prompts[-1], "number": 1, "node_errors": {}})
            case "POST", ["queue"]:
                gone = (await request.json())["delete"]
                self.prompts = [each for each in self.prompts if each not in gone]
                self.dropped.set()
                await self.may_answer.wait()
                return web.Response()
        return web.Response(status=404)


def test_a_job_that_its_runner_misses_while_it_is_taken_back_waits_as_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runners, "SILENCE_S", 0.05)
    engine = Engine()

    async def main() -> None:
        stage = Stage(storage=tmp_path / "data")
        async with (
            serving(engine.answer) as url,
            bench(sqlite_url(tmp_path / "gesso.sqlite3")) as b,
            Artifacts(tmp_path / "artifacts", b.database) as artifacts,
            stage.supervisor(EngineConfig(name="gpu0", kind="comfyui", url=url)) as supervisor,
            asyncio.TaskGroup() as tasks,
        ):
            bus = Bus()
            runner = Runner(
                queue=b.queue,
                artifacts=artifacts,
                files=Files(b.database),
                bus=bus,
                hangs=HangWatch(queue=b.queue, supervisor=supervisor, fleet=FleetConfig()),
                report=supervisor.report_failure,
            )
            dispatcher = Dispatcher(
                queue=b.queue, supervisor=supervisor, runner=runner, bus=bus, session=b.session, lease_s=60.0
            )
            await supervisor.wait_for("gpu0", EngineState.READY, timeout_s=LIMIT_S)
            payload = {"prompt": lasting(1.0, 1), "extra_data": {}, "targets": None}
            first = await b.submit(payload=payload)
            # Known to take as long as makes it worth to hand over the next one meanwhile.
            runner.pace.learn(kinds_of(first), 0.1)
            second = await b.submit(payload=payload)

            async def runs(job_id: str) -> bool:
                return (await b.queue.get(job_id)).state is State.RUNNING

            dispatching = tasks.create_task(dispatcher.run())
            await until(lambda: len(engine.prompts) == 2)
            assert dispatcher.waiting() == {second.id}

            await supervisor.drain("gpu0")
            await asyncio.wait_for(engine.dropped.wait(), LIMIT_S)
            # Its runner has asked, was told that it is nowhere, and asks again: or has given it up.
            async with asyncio.timeout(LIMIT_S):
                while engine.asked.count(second.id) < 2 and await runs(second.id):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            engine.may_answer.set()
            await until(lambda: not runner.recalled)

            after = await b.queue.get(second.id)
            assert (after.state, after.attempt, after.error) == (State.QUEUED, 0, None)
            assert await runs(first.id)
            dispatching.cancel()

    asyncio.run(main())
