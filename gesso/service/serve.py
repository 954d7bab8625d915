"""Runs gesso: builds the parts from the configuration; the start order is the reading order."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass

from gesso.access.access import Access
from gesso.access.stored_secret import stored_secret
from gesso.config.schema import Config
from gesso.database.database import open_database
from gesso.events import Bus
from gesso.fleet.supervisor import Supervisor
from gesso.gateway.api_events import Events
from gesso.gateway.limits import limits_of
from gesso.gateway.openai.waiting import Waiting
from gesso.gateway.server import Server, listening
from gesso.gpus.auto import open_reader
from gesso.jobs.artifacts import Artifacts
from gesso.jobs.files import Files
from gesso.jobs.queue import Queue
from gesso.service.front import front
from gesso.service.storage import held, sweep
from gesso.service.watching import make_alarms, watching
from gesso.service.working import working

# How long running jobs may go on after gesso was told to stop. They are not lost after it: the next
# start asks their engines, and runs again what these do not know.
DRAIN_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """Told once, when requests are answered: where, and the administrator's key if it was just made."""

    url: str
    key: str | None


async def serve(config: Config, announce: Callable[[Listening], None]) -> None:
    """Run gesso until a signal stops it: no more requests, then the jobs, the engines, the database."""
    directory, host = config.storage.directory, config.gateway.host
    async with AsyncExitStack() as parts:
        parts.enter_context(held(directory))
        listener = parts.enter_context(listening(host, config.gateway.port))
        database = await open_database(config.storage.database_url)
        parts.push_async_callback(database.close)
        alarms = await make_alarms(config, database)
        access = Access(database, limits=config.limits)
        admin = await access.ensure_admin()
        artifacts = await parts.enter_async_context(Artifacts(directory / "artifacts", database))
        bus = Bus()
        supervisor = await parts.enter_async_context(_supervisor(config, bus))
        queue = Queue(database)
        # The configuration may have changed, or a change of somebody's limits been cut short.
        everybody = await access.accounts()
        await queue.sync_limits({each.id: limits_of(access.allowance(each)) for each in everybody})
        session = await queue.open_session()
        parts.push_async_callback(queue.close_session, session)
        work = working(
            config,
            queue=queue,
            files=Files(database),
            artifacts=artifacts,
            supervisor=supervisor,
            bus=bus,
            session=session,
        )
        watch = watching(config, database, supervisor, bus, alarms)
        parts.push_async_callback(watch.recorder.flush)
        working_on = (work.dispatcher.run(), work.hangs.run(), sweep(artifacts, config.storage))
        watched_by = (watch.collector.run(), watch.alarms.run(), watch.certificate.run())
        await parts.enter_async_context(_beside(*working_on, *watched_by))
        events = Events(bus=bus, queue=queue, positions=work.positions)
        waiting = Waiting(bus=bus, queue=queue, cancel=work.dispatcher.cancel)
        app = front(
            config,
            database=database,
            access=access,
            bus=bus,
            supervisor=supervisor,
            working=work,
            watching=watch,
            events=events,
            waiting=waiting,
            link_secret=await database.tx(stored_secret, "links"),
        )
        url = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"
        told = Listening(url=url, key=None if admin is None else admin.token)
        server = Server(app, on_started=lambda: announce(told), on_stopping=[events.close, waiting.close])
        with _stopped_by_signals(server):
            await server.serve(sockets=[listener])
        await work.dispatcher.drain(DRAIN_S)


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


@asynccontextmanager
async def _beside(*work: "asyncio._CoroutineLike[None]") -> AsyncIterator[None]:
    """The work that goes on beside the requests; what fails in it stops gesso."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each) for each in work]
        yield
        for task in tasks:
            task.cancel()


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
