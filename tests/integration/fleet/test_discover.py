"""`discover` on real processes: it finds engines, names what else is there, and bothers nobody else."""

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web

from gesso.engines.transport import open_session
from gesso.fleet.discover import USUAL_PORTS, Found, Kind, discover
from gesso.gpus.reader import Card, GpuProcess, Machine
from gesso.processes.process import Process
from tests.running import free_port, running_sketch, stop, wait_for

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def machine(*pids: int) -> Machine:
    held = tuple(GpuProcess(pid=pid, memory=8 << 30) for pid in pids)
    card = Card(uuid="GPU-1", name="RTX 3090", nvml_index=0, pci=None, processes=held)
    return Machine(reader="recorded", at=0.0, cards=(card,))


async def look(*holders: int) -> dict[str | int, Found]:
    async with open_session() as session:
        found = await discover(machine(*holders), session)
    return {each.url or each.program.pid: each for each in found}


async def listening(handler: Handler, port: int = 0) -> tuple[web.AppRunner, int]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    return runner, site._server.sockets[0].getsockname()[1]


def usual_port() -> int:
    """One of the usual ports that nobody has now."""
    for port in sorted(USUAL_PORTS):
        try:
            return asyncio.run(_taken(port))
        except OSError:
            continue
    pytest.skip("every usual port is taken")


async def _taken(port: int) -> int:
    runner, found = await listening(_nothing, port)
    await runner.cleanup()
    return found


async def _nothing(request: web.Request) -> web.StreamResponse:
    return web.Response()


def test_a_sketch_that_somebody_started_is_found_with_its_process(tmp_path: Path):
    with running_sketch(tmp_path) as sketch:
        found = asyncio.run(look())
        mine = found[sketch.url]
        assert (mine.kind, mine.ours, mine.exposed) == (Kind.SKETCH, False, False)
        assert mine.program is not None
        assert "gesso.sketch" in mine.program.argv


def test_what_gesso_started_is_known_as_gesso_s(tmp_path: Path):
    port = free_port()
    argv = [sys.executable, "-m", "gesso.sketch", "--port", str(port), "--directory", str(tmp_path)]
    process = Process.start(argv, env={}, cwd=tmp_path, log=tmp_path / "log")
    try:
        ours = wait_for(lambda: asyncio.run(look()).get(f"http://127.0.0.1:{port}"), 30)
        assert ours.ours
    finally:
        asyncio.run(process.stop(5))


def test_forge_is_known_by_its_api_and_a_login_for_what_it_is():
    async def forge(request: web.Request) -> web.StreamResponse:
        if request.path != "/sdapi/v1/progress":
            raise web.HTTPNotFound
        return web.json_response({"progress": 0.0, "eta_relative": 0.0, "state": {}, "current_image": None})

    async def locked(request: web.Request) -> web.StreamResponse:
        raise web.HTTPUnauthorized

    async def scenario() -> tuple[Found, Found]:
        runners = [await listening(forge, first), await listening(locked, second)]
        try:
            found = await look()
        finally:
            for runner, _ in runners:
                await runner.cleanup()
        return found[f"http://127.0.0.1:{first}"], found[f"http://127.0.0.1:{second}"]

    first = usual_port()
    second = next(port for port in sorted(USUAL_PORTS) if port > first and _is_free(port))
    sdwebui, login = asyncio.run(scenario())
    assert sdwebui.kind is Kind.FORGE
    assert login.kind is Kind.LOCKED
    assert "401" in login.evidence


def _is_free(port: int) -> bool:
    try:
        asyncio.run(_taken(port))
    except OSError:
        return False
    return True


def test_whoever_holds_memory_of_a_card_is_named_though_it_listens_nowhere():
    idle = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        stranger = asyncio.run(look(idle.pid))[idle.pid]
        assert (stranger.kind, stranger.url) == (Kind.UNKNOWN, None)
        assert [card.memory for card in stranger.cards] == [8 << 30]
        assert stranger.program is not None
        assert stranger.program.argv[1:] == ("-c", "input()")
    finally:
        stop(idle)
        idle.stdin.close()


BYSTANDER = """
import http.server, sys
class Quiet(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        print(self.path, flush=True)
        self.send_response(200); self.end_headers()
    def log_message(self, *_): pass
server = http.server.HTTPServer(("127.0.0.1", 0), Quiet)
print(server.server_port, flush=True)
server.serve_forever()
"""


def test_a_server_that_is_none_of_our_business_is_not_asked(tmp_path: Path):
    log = tmp_path / "log"
    with log.open("wb") as output:
        bystander = subprocess.Popen([sys.executable, "-c", BYSTANDER], stdout=output)
    try:
        port = wait_for(lambda: log.read_text().strip(), 20)
        assert f"http://127.0.0.1:{port}" not in asyncio.run(look())
        # It is asked when it uses a card.
        assert f"http://127.0.0.1:{port}" in asyncio.run(look(bystander.pid))
        assert log.read_text().splitlines()[1:] == [
            "/system_stats",
            "/sdapi/v1/progress?skip_current_image=true",
        ]
        assert bystander.poll() is None
    finally:
        stop(bystander)
