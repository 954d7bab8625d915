"""Engines that somebody else runs: watched, told apart, never signalled."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from gesso.config.engine import CredentialConfig, EngineConfig
from gesso.fleet.state import State
from gesso.processes.process import Alive, Process
from tests.integration.fleet.stage import LIMIT_S, Stage, until
from tests.running import free_port, running_sketch

STATS = {"system": {"comfyui_version": "0.3.64"}, "devices": []}
NODES = {"A": {"input": {"required": {}}, "output": ["IMAGE"]}}


class Engine:
    """A server whose answers the test changes; `login` is how it refuses who shows no token."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {"/system_stats": STATS, "/object_info": NODES}
        self.login: web.Response | None = None
        self.port = free_port()
        self.sockets: set[web.WebSocketResponse] = set()

    @property
    def config(self) -> EngineConfig:
        return EngineConfig(name="remote", kind="comfyui", url=f"http://127.0.0.1:{self.port}")

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if self.login is not None and request.headers.get("Authorization") != "Bearer token-of-the-engine":
            return web.Response(status=self.login.status, headers=self.login.headers, body=self.login.body)
        if request.path == "/ws":
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            self.sockets.add(socket)
            async for _ in socket:
                pass
            self.sockets.discard(socket)
            return socket
        answer = self.answers[request.path]
        return answer() if callable(answer) else web.json_response(answer)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", self.port).start()
            yield
        finally:
            for socket in set(self.sockets):
                await socket.close()
            await runner.cleanup()


def html() -> web.Response:
    return web.Response(text="<html>Bad Gateway</html>", content_type="text/html")


def truncated() -> web.Response:
    return web.Response(text='{"system": {', content_type="application/json")


LOGINS = {
    "401": web.Response(status=401),
    "403": web.Response(status=403),
    "302": web.Response(status=302, headers={"Location": "/login"}),
}


@pytest.mark.parametrize("kind", LOGINS)
def test_engine_behind_a_login_is_alive_until_we_can_prove_who_we_are(
    stage: Stage, tmp_path: Path, kind: str
) -> None:
    token = tmp_path / "token"
    token.write_text("token-of-the-engine\n$2b$12$rest-of-the-file\n")

    async def main() -> None:
        engine = Engine()
        engine.login = LOGINS[kind]
        known = engine.config.model_copy(
            update={"name": "known", "credential": CredentialConfig(bearer_file=token)}
        )
        async with engine.serving(), stage.supervisor(engine.config, known) as supervisor:
            stranger = await supervisor.wait_for("remote", State.ALIVE, timeout_s=LIMIT_S)
            assert kind in stranger.reason
            friend = await supervisor.wait_for("known", State.READY, timeout_s=LIMIT_S)
            assert friend.ready
            assert friend.socket.connected
            assert not stranger.ready

    asyncio.run(main())


def test_credential_that_was_changed_is_read_again(stage: Stage, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("the-old-token")

    async def main() -> None:
        engine = Engine()
        engine.login = LOGINS["401"]
        config = engine.config.model_copy(update={"credential": CredentialConfig(bearer_file=token)})
        async with engine.serving(), stage.supervisor(config) as supervisor:
            await supervisor.wait_for("remote", State.ALIVE, timeout_s=LIMIT_S)
            token.write_text("token-of-the-engine")
            await supervisor.wait_for("remote", State.READY, timeout_s=LIMIT_S)

    asyncio.run(main())


@pytest.mark.parametrize(("answer", "words"), [(html, "HTML"), (truncated, "truncated")])
def test_engine_that_answers_nonsense_is_failing(stage: Stage, answer: Any, words: str) -> None:
    async def main() -> None:
        engine = Engine()
        engine.answers["/system_stats"] = answer
        async with engine.serving(), stage.supervisor(engine.config) as supervisor:
            member = await supervisor.wait_for("remote", State.FAILING, timeout_s=LIMIT_S)
            assert words in member.reason
            engine.answers["/system_stats"] = STATS
            await supervisor.wait_for("remote", State.READY, timeout_s=LIMIT_S)

    asyncio.run(main())


def test_healthy_engine_whose_nodes_cannot_be_loaded_is_not_ready(stage: Stage) -> None:
    async def main() -> None:
        engine = Engine()
        engine.answers["/object_info"] = html
        async with engine.serving(), stage.supervisor(engine.config) as supervisor:
            member = await supervisor.wait_for("remote", State.ALIVE, timeout_s=LIMIT_S)
            await until(lambda: "object_info" in member.reason)
            assert not member.ready
            engine.answers["/object_info"] = NODES
            await supervisor.wait_for("remote", State.READY, timeout_s=LIMIT_S)

    asyncio.run(main())


def test_engine_that_comes_back_with_other_nodes_is_learnt_anew(stage: Stage) -> None:
    async def main() -> None:
        engine = Engine()
        async with stage.supervisor(engine.config) as supervisor:
            member = await supervisor.wait_for("remote", State.FAILING, timeout_s=LIMIT_S)
            assert "connection refused" in member.reason
            async with engine.serving():
                await supervisor.wait_for("remote", State.READY, timeout_s=LIMIT_S)
                assert member.catalog is not None
                assert set(member.catalog.catalog.raw) == {"A"}
                member.uploaded.add("a.png")
            await supervisor.wait_for("remote", State.FAILING, timeout_s=LIMIT_S)
            engine.answers["/object_info"] = {**NODES, "B": NODES["A"]}
            async with engine.serving():
                await supervisor.wait_for("remote", State.READY, timeout_s=LIMIT_S)
                assert set(member.catalog.catalog.raw) == {"A", "B"}
                assert not member.uploaded

    asyncio.run(main())


def test_engine_restarted_between_two_probes_is_learnt_anew(stage: Stage) -> None:
    async def main() -> None:
        engine = Engine()
        async with engine.serving(), stage.supervisor(engine.config) as supervisor:
            member = await supervisor.wait_for("remote", State.READY, timeout_s=LIMIT_S)
            before = member.catalog
            engine.answers["/object_info"] = {**NODES, "B": NODES["A"]}
            for socket in await until(lambda: set(engine.sockets)):
                await socket.close()
            catalog = await until(lambda: member.catalog is not before and member.catalog)
            assert set(catalog.catalog.raw) == {"A", "B"}

    asyncio.run(main())


def test_engine_that_is_not_ours_is_never_signalled(stage: Stage, tmp_path: Path) -> None:
    async def main(url: str) -> None:
        external = EngineConfig(name="remote", kind="sketch", url=url)
        async with stage.supervisor(external) as supervisor:
            await supervisor.wait_for("remote", State.READY, timeout_s=LIMIT_S)
            supervisor.report_stuck("remote", "no progress for 300 s")
            member = await supervisor.wait_for("remote", State.WEDGED, timeout_s=LIMIT_S)
            assert member.pid is None

    with running_sketch(tmp_path / "engine") as sketch:
        asyncio.run(main(sketch.url))
        assert sketch.process.poll() is None
    assert not (stage.storage / "engines" / "remote.json").exists()


def test_two_engines_fail_apart(stage: Stage) -> None:
    """One that never answers keeps nobody else waiting."""

    async def main() -> None:
        engine = Engine()
        dead = EngineConfig(name="dead", kind="comfyui", url=f"http://127.0.0.1:{free_port()}")
        async with engine.serving(), stage.supervisor(dead, engine.config) as supervisor:
            await supervisor.wait_for("remote", State.READY, timeout_s=LIMIT_S)
            await supervisor.wait_for("dead", State.FAILING, timeout_s=LIMIT_S)

    asyncio.run(main())


def test_an_error_in_the_body_leaves_the_supervisor_as_it_is(stage: Stage) -> None:
    async def main() -> None:
        sketch = EngineConfig(name="sketch", kind="sketch")
        async with stage.supervisor(sketch) as supervisor:
            await supervisor.wait_for("sketch", State.READY, timeout_s=LIMIT_S)
            process.append(supervisor.member("sketch").process)
            raise KeyError("mine")

    process: list[Process | None] = []
    with pytest.raises(KeyError, match="mine"):
        asyncio.run(main())
    assert process[0] is not None
    assert process[0].poll() != Alive()
