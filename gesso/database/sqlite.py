"""SQLite: one file; one connection and one named thread for all writing, and one of each for reading."""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import StaticPool

from gesso.database.lines import Line, SharedLine
from gesso.database.migrations import prepare
from gesso.errors import StorageError

T = TypeVar("T")

# How long to wait for another process (a backup, the sqlite3 shell) that holds the file.
BUSY_TIMEOUT_S = 10
_SWITCH_AGAIN_S = 0.02


def sqlite_url(path: Path) -> str:
    """The address of a database file, e.g. "sqlite:////srv/gesso/gesso.sqlite3"."""
    return f"sqlite:///{path.absolute()}"


class Sqlite:
    """A `Database` in one SQLite file. Who reads does not wait until the disk has what others write."""

    def __init__(self, writing: Line, reading: Line) -> None:
        self._writing = writing
        self._reading = reading

    async def tx(self, fn: Callable[..., T], /, *args: object) -> T:
        return await self._writing.run(fn, args)

    async def read(self, fn: Callable[..., T], /, *args: object) -> T:
        return await self._reading.run(fn, args)

    async def close(self) -> None:
        # The last one to close brings the log into the file, and a reader may not.
        if self._reading is not self._writing:
            await self._reading.close()
        await self._writing.close()


async def open_sqlite(url: str) -> Sqlite:
    """Open the file that `url` names; its folder is made where it is missing."""
    writing: Line = SharedLine(make_engine(url), "gesso-sqlite")
    # A database in memory is its connection's own.
    reading = Line(make_engine(url, reading=True), "gesso-sqlite-read") if _path(url) else writing
    database = Sqlite(writing, reading)
    try:
        await asyncio.to_thread(_make_folder, url)
        await database.tx(prepare)
    except BaseException:
        await database.close()
        raise
    return database


def make_engine(url: str, *, reading: bool = False) -> Engine:
    """An engine whose transactions are alone in the file from their first statement on, and durable.

    `reading`: whose transactions see the file as it was when they began, and can change nothing.
    """
    engine = create_engine(url, poolclass=StaticPool, connect_args={"check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _configure(raw: Any, _record: object) -> None:
        # Our own BEGIN, below: the driver's would begin late, and deferred.
        raw.isolation_level = None
        raw.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_S * 1000}").close()
        _keep_write_ahead_log(raw)
        raw.execute("PRAGMA synchronous = FULL").close()
        raw.execute("PRAGMA foreign_keys = ON").close()
        if reading:
            raw.execute("PRAGMA query_only = ON").close()

    @event.listens_for(engine, "begin")
    def _begin(conn: Connection) -> None:
        conn.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def _keep_write_ahead_log(raw: Any) -> None:
    """Switch the file to WAL; SQLite's busy timeout does not cover two that do so to a new file at once."""
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            raw.execute("PRAGMA journal_mode = WAL").close()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_SWITCH_AGAIN_S)
        else:
            return


def _path(url: str) -> str | None:
    """The file that `url` names; None: it is in memory."""
    path = url.removeprefix("sqlite:///").partition("?")[0]
    return path if url != path and path and path != ":memory:" else None


def _make_folder(url: str) -> None:
    path = _path(url)
    if path is not None:
        folder = Path(path).parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"The folder {str(folder)!r} could not be made: {error.strerror}") from error
