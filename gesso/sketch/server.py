"""Joins sketch's parts into one server, and runs it until it is told to stop."""

import asyncio
import logging
import signal
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from gesso.sketch.executor import Executor
from gesso.sketch.faults import Faults
from gesso.sketch.faults_answer import end_later, wrong_answers
from gesso.sketch.faults_job import JobFaults
from gesso.sketch.folders import Folders
from gesso.sketch.frontend import frontend_root
from gesso.sketch.logs import Recent
from gesso.sketch.memory import Memory
from gesso.sketch.middleware import cache_headers, failures, same_origin
from gesso.sketch.model import Networks, available
from gesso.sketch.routes.faults import FaultRoutes
from gesso.sketch.routes.information import Information
from gesso.sketch.routes.internal import Internal
from gesso.sketch.routes.loads import Loads
from gesso.sketch.routes.models import Models
from gesso.sketch.routes.prompts import Prompts
from gesso.sketch.routes.uploads import Uploads
from gesso.sketch.routes.users import UserRoutes
from gesso.sketch.routes.views import Views
from gesso.sketch.routes.weights import Weights
from gesso.sketch.socket import Hub
from gesso.sketch.worker import Worker

logger = logging.getLogger(__name__)

_STOP_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a sketch is started."""

    hosts: tuple[str, ...]
    port: int
    directory: Path
    upload_limit: int
    load_s: float = 0.0
    """What loading a pretended model takes."""
    threads: int = 1
    """How many processors a network may use at once."""
    aliases: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By folder, for which files sketch's own model stands in."""
    faults: Faults = field(default_factory=Faults)


class Server:
    """A sketch: its folders, its worker and its routes. `start`, then `stop`."""

    def __init__(self, options: Options, recent: Recent) -> None:
        self._options = options
        self._folders = Folders(options.directory)
        self._folders.clear_temp()
        self._folders.aliases = options.aliases
        self._memory = Memory(options.load_s, Networks(options.threads))
        faults = options.faults
        self._folders.without_models = lambda: faults.get("models-missing") is not None
        self._worker = Worker(Executor(self._folders, memory=self._memory), JobFaults(faults, self._folders))
        features = {"supports_preview_metadata": True, "max_upload_size": options.upload_limit}
        self._hub = Hub(features, self._worker.greeting)
        self._runner = web.AppRunner(
            self._application(recent), access_log=None, shutdown_timeout=_STOP_S, handle_signals=False
        )

    async def start(self) -> None:
        """Listens; once this returns, /system_stats answers."""
        self._hub.bind(asyncio.get_running_loop())
        self._worker.start(self._hub)
        await self._runner.setup()
        if not available():
            logger.warning(
                "onnxruntime is not installed: the nodes that draw (CheckpointLoaderSimple, KSampler and "
                "others) are left out. `pip install 'gesso[sketch]'` brings it."
            )
        logger.info("Starting server\n")
        for host in self._options.hosts:
            site = web.TCPSite(self._runner, host, self._options.port)
            await site.start()
            logger.info("sketch listens on %s, its files are in %s", site.name, self._folders.directory)
            logger.info("To see the GUI go to: %s", site.name)
        if fault := self._options.faults.get("exit"):
            end_later(fault)

    async def stop(self) -> None:
        """Takes no more connections, ends the sockets, and then what is running.

        In this order, so that nobody is told "interrupted" of a prompt that died with its engine: who waits
        for it should ask another engine for it, as after the end of a ComfyUI.
        """
        logger.info("sketch is stopping")
        for site in tuple(self._runner.sites):
            await site.stop()
        await self._hub.close()
        await asyncio.to_thread(self._worker.stop, _STOP_S)
        await self._runner.cleanup()
        self._folders.clear_temp()

    def _application(self, recent: Recent) -> web.Application:
        frontend = frontend_root()
        limit = self._options.upload_limit
        app = web.Application(
            client_max_size=limit,
            middlewares=[wrong_answers(self._options.faults), cache_headers, same_origin, failures],
        )
        public = [
            *Information(self._folders, self._hub, frontend).routes(),
            *Prompts(self._worker, self._folders).routes(),
            *Uploads(self._folders, limit).routes(),
            *Views(self._folders).routes(),
            *UserRoutes(self._folders.user, limit).routes(),
            *Models(self._folders).routes(),
        ]
        app.add_routes(_under_api(public))
        app.add_routes(public)
        app.add_routes(Loads(self._memory).routes())
        app.add_routes(Weights(self._memory.networks, self._folders).routes())
        app.add_routes(FaultRoutes(self._options.faults).routes())
        app.add_routes(Internal(self._folders, self._hub, recent).routes())
        if frontend is not None:
            app.add_routes([web.static("/", frontend)])
        return app


def _under_api(routes: Iterable[web.RouteDef]) -> list[web.RouteDef]:
    return [web.RouteDef(route.method, f"/api{route.path}", route.handler, route.kwargs) for route in routes]


async def serve(options: Options, recent: Recent) -> None:
    """Runs a sketch until SIGTERM or SIGINT."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, stopped.set)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stopped.set))
    server = Server(options, recent)
    await server.start()
    try:
        await stopped.wait()
    finally:
        await server.stop()
