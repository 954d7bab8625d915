"""A database of another version is migrated whole, or refused and left alone."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Connection, inspect, select, text, update

from gesso.database.database import open_database
from gesso.database.migrations import prepare
from gesso.database.schema import SCHEMA_VERSION, meta, metadata
from gesso.database.sqlite import make_engine, sqlite_url
from gesso.errors import StorageError
from tests.databases import opened


def version(conn: Connection) -> int:
    return int(conn.execute(select(meta.c.version)).scalar_one())


def set_version(conn: Connection, number: int) -> None:
    conn.execute(update(meta).values(version=number))


def test_a_new_database_has_every_table_and_this_version(database_url: str) -> None:
    async def scenario() -> tuple[set[str], int]:
        async with opened(database_url) as database:
            tables = await database.tx(lambda conn: set(inspect(conn).get_table_names()))
            return tables, await database.tx(version)

    tables, found = asyncio.run(scenario())
    assert tables == set(metadata.tables)
    assert found == SCHEMA_VERSION


def test_a_newer_database_is_refused(database_url: str) -> None:
    async def scenario() -> None:
        async with opened(database_url) as database:
            await database.tx(set_version, SCHEMA_VERSION + 1)
        with pytest.raises(StorageError, match="knows"):
            await open_database(database_url)

    asyncio.run(scenario())


def test_an_older_database_without_a_way_forward_is_refused(database_url: str) -> None:
    async def scenario() -> None:
        async with opened(database_url) as database:
            await database.tx(set_version, -1)
        with pytest.raises(StorageError, match="no way"):
            await open_database(database_url)

    asyncio.run(scenario())


def test_steps_are_taken_in_order_to_the_wanted_version(database_url: str) -> None:
    taken = []
    steps = {SCHEMA_VERSION + n: lambda conn, n=n: taken.append(n) for n in range(3)}

    async def scenario() -> int:
        async with opened(database_url) as database:
            await database.tx(prepare, steps, SCHEMA_VERSION + 3)
            return await database.tx(version)

    assert asyncio.run(scenario()) == SCHEMA_VERSION + 3
    assert taken == [0, 1, 2]


def test_a_failing_step_leaves_the_database_as_it_was(database_url: str) -> None:
    def change(conn: Connection) -> None:
        conn.execute(text("CREATE TABLE half_done (id INTEGER)"))

    def fail(conn: Connection) -> None:
        raise StorageError("this step failed")

    async def scenario() -> tuple[bool, int]:
        async with opened(database_url) as database:
            steps = {SCHEMA_VERSION: change, SCHEMA_VERSION + 1: fail}
            with pytest.raises(StorageError, match="this step failed"):
                await database.tx(prepare, steps, SCHEMA_VERSION + 2)
            there = await database.tx(lambda conn: inspect(conn).has_table("half_done"))
            return there, await database.tx(version)

    assert asyncio.run(scenario()) == (False, SCHEMA_VERSION)


def test_somebody_elses_database_is_refused_and_left_alone(database_url: str) -> None:
    async def scenario() -> None:
        async with opened(database_url) as database:
            await database.tx(lambda conn: conn.execute(text("DROP TABLE meta")))
        with pytest.raises(StorageError, match="not made by gesso"):
            await open_database(database_url)

    asyncio.run(scenario())


def test_many_may_make_the_same_new_file_at_once(tmp_path: Path) -> None:
    """Switching a new file to WAL fails at once where another does the same; one round in ten met that."""

    def make(url: str) -> None:
        engine = make_engine(url)
        with engine.begin():
            pass
        engine.dispose()

    with ThreadPoolExecutor(4) as threads:
        for number in range(40):
            list(threads.map(make, [sqlite_url(tmp_path / f"{number}.sqlite3")] * 4))


def test_two_that_open_a_new_database_at_once_both_succeed(database_url: str) -> None:
    async def scenario() -> None:
        first, second = await asyncio.gather(open_database(database_url), open_database(database_url))
        await first.close()
        await second.close()

    asyncio.run(scenario())
