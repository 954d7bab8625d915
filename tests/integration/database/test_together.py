"""Transactions that wait at the same time share one commit, and nothing else."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, insert, select
from sqlalchemy.exc import OperationalError

from gesso.database.database import Database
from gesso.database.schema import account
from gesso.database.sqlite import sqlite_url
from gesso.errors import Conflict, NotFound, StorageError
from tests.databases import opened


def add(conn: Connection, name: str) -> str:
    conn.execute(insert(account).values(id=name, name=name, role="user", created=0.0))
    return name


def names(conn: Connection) -> list[str]:
    return list(conn.execute(select(account.c.name).order_by(account.c.name)).scalars())


@asynccontextmanager
async def busy(directory: Path) -> AsyncIterator[tuple[Database, Callable[[], None]]]:
    """A database at work, and what ends that work: whatever is asked before then waits together."""
    free, began = threading.Event(), threading.Event()

    def work(_: Connection) -> None:
        began.set()
        assert free.wait(30)

    async with opened(sqlite_url(directory / "a.sqlite3")) as database:
        working = asyncio.create_task(database.tx(work))
        await asyncio.to_thread(began.wait, 30)
        try:
            yield database, free.set
        finally:
            free.set()
            await working


async def answers(free: Callable[[], None], *asked: Awaitable[Any]) -> list[Any]:
    tasks = [asyncio.ensure_future(each) for each in asked]
    await asyncio.sleep(0)
    free()
    return await asyncio.gather(*tasks, return_exceptions=True)


def test_many_that_wait_are_committed_at_once(tmp_path: Path) -> None:
    commits = []

    def note(_: Connection) -> None:
        commits.append(1)

    async def scenario() -> None:
        async with busy(tmp_path) as (database, free):
            event.listen(Engine, "commit", note)
            try:
                asked = [database.tx(add, f"{number:02}") for number in range(20)]
                assert await answers(free, *asked) == [f"{number:02}" for number in range(20)]
            finally:
                event.remove(Engine, "commit", note)
            assert len(commits) == 2, "one for what it was at work on, one for all others"
            assert len(await database.read(names)) == 20

    asyncio.run(scenario())


def test_one_that_fails_takes_nothing_from_its_neighbours(tmp_path: Path) -> None:
    def add_and_fail(conn: Connection) -> None:
        add(conn, "undone")
        raise NotFound("nothing here")

    async def scenario() -> None:
        async with busy(tmp_path) as (database, free):
            first, failed, second, refused, seen = await answers(
                free,
                database.tx(add, "a"),
                database.tx(add_and_fail),
                database.tx(add, "b"),
                database.tx(add, "a"),
                database.tx(names),
            )
            assert (first, second, seen) == ("a", "b", ["a", "b"])
            assert isinstance(failed, NotFound)
            assert isinstance(refused, Conflict)
            assert await database.read(names) == ["a", "b"]

    asyncio.run(scenario())


def test_when_the_database_fails_under_one_the_others_are_done_alone(tmp_path: Path) -> None:
    def break_off(conn: Connection) -> None:
        add(conn, "undone")
        # As SQLite does where the disk is full: the whole transaction is gone, not only this statement.
        conn.exec_driver_sql("ROLLBACK")
        raise OperationalError("INSERT", {}, Exception("disk I/O error"))

    async def scenario() -> None:
        async with busy(tmp_path) as (database, free):
            first, failed, second = await answers(
                free, database.tx(add, "a"), database.tx(break_off), database.tx(add, "b")
            )
            assert (first, second) == ("a", "b")
            assert isinstance(failed, StorageError)
            assert await database.read(names) == ["a", "b"]

    asyncio.run(scenario())


def test_one_whose_caller_has_gone_before_it_began_does_not_happen(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with busy(tmp_path) as (database, free):
            gone = asyncio.create_task(database.tx(add, "gone"))
            await asyncio.sleep(0)
            gone.cancel()
            with pytest.raises(asyncio.CancelledError):
                await gone
            assert await answers(free, database.tx(add, "a")) == ["a"]
            assert await database.read(names) == ["a"]

    asyncio.run(scenario())
