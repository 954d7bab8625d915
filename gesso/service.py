"""Builds gesso's parts from the configuration and joins them: the start order is the reading order."""

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout
from starlette.types import ASGIApp

from gesso.access.access import Access
from gesso.access.audit import Audit
from gesso.config.schema import Config
from gesso.database.database import Database, open_database
from gesso.errors import ConfigError, StorageError
from gesso.events import Bus
from gesso.fleet.supervisor import Supervisor
from gesso.gateway.api import make_api
from gesso.gateway.api_alerts import alert_routes
from gesso.gateway.api_events import Events
from gesso.gateway.api_samples import sample_routes
from gesso.gateway.api_snapshot import snapshot_routes
from gesso.gateway.app import build_app
from gesso.gateway.comfyui.catalogue import Catalogue
from gesso.gateway.comfyui.merged import Merged
from gesso.gateway.comfyui.passthrough import Passthrough
from gesso.gateway.comfyui.pictures import Pictures
from gesso.gateway.comfyui.prompts import Prompts
from gesso.gateway.comfyui.settings import Settings
from gesso.gateway.comfyui.sockets import Sockets
from gesso.gateway.comfyui.table import ComfyUIParts
from gesso.gateway.comfyui.userdata import Userdata
from gesso.gateway.console import Console
from gesso.gateway.health import Health
from gesso.gateway.limits import limits_of
from gesso.gateway.login import Login
from gesso.gateway.metrics import Metrics
from gesso.gateway.oversight import Oversight
from gesso.gateway.server import Server, listening
from gesso.gpus.auto import open_reader
from gesso.jobs.artifacts import Artifacts
from gesso.jobs.dispatcher import Dispatcher
from gesso.jobs.files import Files
from gesso.jobs.hang_watch import HangWatch
from gesso.jobs.positions import Positions
from gesso.jobs.queue import Queue
from gesso.jobs.runner import Runner
from gesso.monitoring.addresses import make_addresses
from gesso.monitoring.alarms import Alarms
from gesso.monitoring.collect import Collector
from gesso.monitoring.notify import Notify
from gesso.monitoring.recorder import Recorder
from gesso.monitoring.samples import Samples

logger = logging.getLogger(__name__)

# How long running jobs may go on after gesso was told to stop. They are not lost after it: the next
# start asks their engines, and runs again what these do not know.
DRAIN_S = 10.0
SWEEP_EVERY_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """Told once, when requests are answered: where, and the administrator's key if it was just made."""

    url: str
    key: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """What monitoring has for the gateway to tell of."""

    collector: Collector
    recorder: Recorder
    alarms: Alarms


async def serve(config: Config, announce: Callable[[Listening], None]) -> None:
    """Run gesso until a signal stops it: no more requests, then the jobs, the engines, the database."""
    directory = config.storage.directory
    async with AsyncExitStack() as parts:
        parts.enter_context(_held(directory))
        host = config.gateway.host
        listener = parts.enter_context(listening(host, config.gateway.port))
        database = await open_database(config.storage.database_url)
        parts.push_async_callback(database.close)
        alarms = await _alarms(config, database)
        access = Access(database, limits=config.limits)
        admin = await access.ensure_admin()
        artifacts = await parts.enter_async_context(Artifacts(directory / "artifacts", database))
        bus = Bus()
        supervisor = await parts.enter_async_context(_supervisor(config, bus))
        files, queue = Files(database), Queue(database)
        # The configuration may have changed, or a change of somebody's limits been cut short.
        everybody = await access.accounts()
        await queue.sync_limits({each.id: limits_of(access.allowance(each)) for each in everybody})
        hangs = HangWatch(queue=queue, supervisor=supervisor, fleet=config.fleet)
        runner = Runner(
            queue=queue,
            artifacts=artifacts,
            files=files,
            bus=bus,
            hangs=hangs,
            report=supervisor.report_failure,
            unreachable_s=config.jobs.unreachable_s,
        )
        session = await queue.open_session()
        parts.push_async_callback(queue.close_session, session)
        dispatcher = Dispatcher(
            queue=queue,
            supervisor=supervisor,
            runner=runner,
            bus=bus,
            session=session,
            lease_s=config.jobs.lease_s,
        )
        recorder = Recorder(Samples(database), config.monitoring.keep_days)
        collector = _collector(config, database, supervisor, bus, recorder)
        collector.subscribe(alarms.take)
        parts.push_async_callback(recorder.flush)
        await parts.enter_async_context(
            _working(dispatcher.run(), hangs.run(), collector.run(), alarms.run(), _sweep(artifacts, config))
        )
        positions = Positions(
            queue=queue, supervisor=supervisor, waiting=dispatcher.waiting, begun_at=runner.begun_at
        )
        events = Events(bus=bus, queue=queue, positions=positions)
        watching = Watching(collector=collector, recorder=recorder, alarms=alarms)
        app = _gateway(
            config, database, access, artifacts, files, queue, bus, supervisor, dispatcher, events, watching
        )
        url = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"
        told = Listening(url=url, key=None if admin is None else admin.token)
        server = Server(app, on_started=lambda: announce(told), on_stopping=events.close)
        with _stopped_by_signals(server):
            await server.serve(sockets=[listener])
        await dispatcher.drain(DRAIN_S)


def _supervisor(config: Config, bus: Bus) -> Supervisor:
    return Supervisor(
        config.engines,
        config.storage.directory,
        bus,
        fleet=config.fleet,
        logs=config.logs,
        reader=open_reader(config.gpus.reader, config.gpus.simulate),
        gpus=config.gpus,
    )


def _gateway(
    config: Config,
    database: Database,
    access: Access,
    artifacts: Artifacts,
    files: Files,
    queue: Queue,
    bus: Bus,
    supervisor: Supervisor,
    dispatcher: Dispatcher,
    events: Events,
    watching: Watching,
) -> ASGIApp:
    audit = Audit(database)
    oversight = Oversight(audit=audit, access=access, queue=queue)
    catalogue = Catalogue(supervisor=supervisor, files=files, artifacts=artifacts, roles=config.limits)
    passthrough = Passthrough(supervisor, config.gateway.passthrough.users)
    comfyui = ComfyUIParts(
        prompts=Prompts(
            queue=queue,
            dispatcher=dispatcher,
            catalogue=catalogue,
            files=files,
            bus=bus,
            oversight=oversight,
            max_attempts=config.jobs.max_attempts,
        ),
        pictures=Pictures(artifacts=artifacts, files=files, oversight=oversight),
        catalogue=catalogue,
        userdata=Userdata(database),
        settings=Settings(database),
        passthrough=passthrough,
        merged=Merged(supervisor, passthrough),
        sockets=Sockets(bus=bus, queue=queue, upload_limit=config.gateway.upload_limit),
        oversight=oversight,
    )
    api = make_api(
        access=access,
        audit=audit,
        queue=queue,
        supervisor=supervisor,
        files=files,
        cancel=dispatcher.cancel,
        events=events,
        waiting=dispatcher.waiting,
        open_sockets=comfyui.sockets.open_of,
        more=(
            snapshot_routes(watching.collector),
            sample_routes(watching.recorder),
            alert_routes(watching.alarms, audit),
        ),
    )
    login = Login(access, audit, behind_proxy=config.gateway.behind_tls)
    metrics = Metrics(lambda: watching.collector.latest)
    own = (Health(database, supervisor), login, Console(), metrics)
    return build_app(config=config, access=access, comfyui=comfyui, own=own, api=api)


async def _alarms(config: Config, database: Database) -> Alarms:
    """Those of before are taken up; an address that cannot be used is refused, before any engine starts."""
    addresses = await asyncio.to_thread(make_addresses, config.alerts.notify, os.environ)
    notify = Notify(addresses, per_minute=config.alerts.messages_per_minute)
    alarms = Alarms(database=database, config=config.alerts, notify=notify)
    await alarms.load()
    return alarms


def _collector(
    config: Config, database: Database, supervisor: Supervisor, bus: Bus, recorder: Recorder
) -> Collector:
    return Collector(
        database=database,
        members=supervisor.members,
        machine=lambda: supervisor.cards.latest,
        bus=bus,
        directory=config.storage.directory,
        every_s=config.monitoring.every_s,
        record=recorder.take,
    )


@contextmanager
def _held(directory: Path) -> Iterator[None]:
    """The storage directory is ours alone: SQLite's jobs are adopted at start without asking for leases."""
    try:
        # Everybody's pictures are in it: no other account of this machine is let in.
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        (directory / "gesso.lock").touch()
    except OSError as error:
        raise StorageError(
            f"The storage directory {str(directory)!r} cannot be used: {error.strerror}."
        ) from error
    lock = FileLock(directory / "gesso.lock")
    try:
        with lock.acquire(timeout=0):
            yield
    except Timeout as error:
        raise ConfigError(
            f"Another gesso uses the storage directory {str(directory)!r}.",
            remedy="Stop it, or give this one a directory of its own: `gesso up --directory DIR`.",
        ) from error


@asynccontextmanager
async def _working(*work: "asyncio._CoroutineLike[None]") -> AsyncIterator[None]:
    """The work that goes on beside the requests; what fails in it stops gesso."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each) for each in work]
        yield
        for task in tasks:
            task.cancel()


async def _sweep(artifacts: Artifacts, config: Config) -> None:
    while True:
        with suppress(StorageError):
            swept = await artifacts.sweep(config.storage.keep_days, config.storage.keep_size)
            if swept:
                logger.info("removed %d files, %d artifacts by age or size", swept.files, swept.artifacts)
        await asyncio.sleep(SWEEP_EVERY_S)


@contextmanager
def _stopped_by_signals(server: Server) -> Iterator[None]:
    numbers = [signal.SIGINT, signal.SIGTERM]
    # The terminal was closed: engines would be left behind. Under nohup gesso is to go on.
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    for number in before:
        signal.signal(number, lambda *_: server.stop())
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
