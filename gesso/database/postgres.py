"""PostgreSQL: a small pool of connections, one named thread for each."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from gesso.database.failures import translate
from gesso.database.migrations import prepare
from gesso.errors import ConfigError

T = TypeVar("T")

CONNECTIONS = 8
# Every transaction here takes milliseconds: whoever waits longer waits for something broken.
LOCK_TIMEOUT_S = 5
# Serialization failure, deadlock detected: undone by the server, and meant to be tried again.
_AGAIN = ("40001", "40P01")
ATTEMPTS = 5


class Postgres:
    """A `Database` on a PostgreSQL server."""

    def __init__(self, engine: Engine, threads: ThreadPoolExecutor) -> None:
        self._engine = engine
        self._reading = engine.execution_options(postgresql_readonly=True)
        self._threads = threads

    async def tx(self, fn: Callable[..., T], /, *args: object) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._run, self._engine, fn, args)

    async def read(self, fn: Callable[..., T], /, *args: object) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._run, self._reading, fn, args)

    def _run(self, engine: Engine, fn: Callable[..., T], args: tuple[object, ...]) -> T:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with engine.begin() as conn:
                    return fn(conn, *args)
            except SQLAlchemyError as error:
                again = isinstance(error, DBAPIError) and (
                    error.connection_invalidated or getattr(error.orig, "sqlstate", None) in _AGAIN
                )
                if not again or attempt == ATTEMPTS:
                    raise translate(error) from error
        raise AssertionError("unreachable")

    async def close(self) -> None:
        await asyncio.to_thread(self._threads.shutdown)
        await asyncio.to_thread(self._engine.dispose)


async def open_postgres(url: str) -> Postgres:
    """Connect to the database that `url` names; its tables are made where they are missing."""
    try:
        engine = make_engine(url)
    except ModuleNotFoundError as error:
        raise ConfigError(
            "The database is PostgreSQL, but its driver is not installed.",
            remedy="Install it: `pip install gesso[server,postgres]`.",
        ) from error
    threads = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="gesso-postgres")
    database = Postgres(engine, threads)
    try:
        await database.tx(prepare)
    except BaseException:
        await database.close()
        raise
    return database


def make_engine(url: str) -> Engine:
    """An engine in which no transaction waits for ever."""
    address = make_url(url).set(drivername="postgresql+psycopg")
    limit_ms = LOCK_TIMEOUT_S * 1000
    options = f"-c lock_timeout={limit_ms} -c idle_in_transaction_session_timeout={limit_ms} -c timezone=UTC"
    return create_engine(
        address,
        pool_size=CONNECTIONS,
        max_overflow=0,
        pool_pre_ping=True,
        isolation_level="READ COMMITTED",
        connect_args={"options": options},
    )
