"""What `Database.tx` promises, kept by SQLite and by PostgreSQL."""

import asyncio
import threading
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, select, text

from gesso.database.database import open_database
from gesso.database.schema import account, setting
from gesso.database.sqlite import sqlite_url
from gesso.errors import ConfigError, Conflict, DiskFull, NotFound, StorageError
from tests.databases import opened


def add(conn: Connection, name: str) -> None:
    conn.execute(insert(account).values(id=name, name=name, role="user", created=0.0))


def names(conn: Connection) -> list[str]:
    return list(conn.execute(select(account.c.name).order_by(account.c.name)).scalars())


def test_what_returned_is_there_after_opening_anew(database_url: str) -> None:
    async def write() -> None:
        async with opened(database_url) as database:
            await database.tx(add, "ada")

    async def read() -> list[str]:
        async with opened(database_url) as database:
            return await database.tx(names)

    asyncio.run(write())
    assert asyncio.run(read()) == ["ada"]


def test_reading_sees_what_was_written_and_changes_nothing(database_url: str) -> None:
    async def scenario() -> list[str]:
        async with opened(database_url) as database:
            assert await database.read(names) == []
            await database.tx(add, "ada")
            assert await database.read(names) == ["ada"]
            with pytest.raises(StorageError):
                await database.read(add, "ben")
            await database.tx(add, "cem")
            return await database.read(names)

    assert asyncio.run(scenario()) == ["ada", "cem"]


def test_reading_waits_for_nobody_who_writes(database_url: str) -> None:
    written, seen = threading.Event(), threading.Event()

    def add_and_wait(conn: Connection) -> None:
        add(conn, "ada")
        written.set()
        assert seen.wait(30)

    async def scenario() -> list[str]:
        async with opened(database_url) as database:
            writing = asyncio.create_task(database.tx(add_and_wait))
            try:
                await asyncio.to_thread(written.wait, 30)
                assert await database.read(names) == []
            finally:
                seen.set()
            await writing
            return await database.read(names)

    assert asyncio.run(scenario()) == ["ada"]


def test_an_error_undoes_the_whole_transaction_and_passes_through(database_url: str) -> None:
    def add_and_fail(conn: Connection) -> None:
        add(conn, "ada")
        raise NotFound("nothing here")

    async def scenario() -> list[str]:
        async with opened(database_url) as database:
            with pytest.raises(NotFound, match="nothing here"):
                await database.tx(add_and_fail)
            return await database.tx(names)

    assert asyncio.run(scenario()) == []


def test_a_broken_rule_is_a_conflict(database_url: str) -> None:
    async def scenario() -> None:
        async with opened(database_url) as database:
            await database.tx(add, "ada")
            with pytest.raises(Conflict):
                await database.tx(add, "ada")

    asyncio.run(scenario())


def test_what_the_database_refuses_is_a_storage_error(database_url: str) -> None:
    async def scenario() -> None:
        async with opened(database_url) as database:
            with pytest.raises(StorageError):
                await database.tx(lambda conn: conn.execute(text("SELECT * FROM nowhere")))

    asyncio.run(scenario())


def test_the_event_loop_runs_on_while_a_transaction_works(database_url: str) -> None:
    async def scenario() -> None:
        async with opened(database_url) as database:
            released = threading.Event()
            waiting = asyncio.create_task(database.tx(lambda conn: released.wait(10)))
            await asyncio.sleep(0)
            released.set()  # never reached if the transaction held the loop
            assert await waiting

    asyncio.run(scenario())


def test_cancelling_the_caller_does_not_tear_a_transaction(database_url: str) -> None:
    async def scenario() -> list[str]:
        async with opened(database_url) as database:
            begun, go_on = threading.Event(), threading.Event()

            def add_two(conn: Connection) -> None:
                add(conn, "ada")
                begun.set()
                go_on.wait(10)
                add(conn, "ben")

            task = asyncio.create_task(database.tx(add_two))
            await asyncio.to_thread(begun.wait, 10)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            go_on.set()
        async with opened(database_url) as database:
            return await database.tx(names)

    assert asyncio.run(scenario()) == ["ada", "ben"]


def test_json_of_any_kind_comes_back_unchanged(database_url: str) -> None:
    value = {"text": "é \x00 \ud800 \U0001f3a8", "numbers": [1, -0.5, 1e300, float("inf")], "none": None}

    async def scenario() -> object:
        async with opened(database_url) as database:
            await database.tx(
                lambda conn: conn.execute(insert(setting).values(account_id="a", name="n", value=value))
            )
            return await database.tx(lambda conn: conn.execute(select(setting.c.value)).scalar_one())

    assert asyncio.run(scenario()) == value


def test_an_accepted_transaction_is_on_the_disk(tmp_path: Path) -> None:
    def pragmas(conn: Connection) -> list[object]:
        wanted = ("synchronous", "journal_mode", "foreign_keys")
        return [conn.exec_driver_sql(f"PRAGMA {name}").scalar() for name in wanted]

    async def scenario() -> list[object]:
        async with opened(sqlite_url(tmp_path / "gesso.sqlite3")) as database:
            return await database.tx(pragmas)

    full = 2
    assert asyncio.run(scenario()) == [full, "wal", 1]


def test_a_database_in_a_new_folder_is_made(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with opened(sqlite_url(tmp_path / "new" / "folder" / "gesso.sqlite3")):
            pass

    asyncio.run(scenario())
    assert (tmp_path / "new" / "folder" / "gesso.sqlite3").is_file()


def test_an_unknown_kind_of_database_is_refused_with_a_remedy() -> None:
    with pytest.raises(ConfigError, match="'mysql'") as caught:
        asyncio.run(open_database("mysql://somewhere/gesso"))
    assert "sqlite:////" in caught.value.remedy


@pytest.mark.parametrize("content", [b"this is not a database, only text" * 100])
def test_a_file_that_is_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "gesso.sqlite3").write_bytes(content)
    with pytest.raises(StorageError):
        asyncio.run(open_database(sqlite_url(tmp_path / "gesso.sqlite3")))
    assert (tmp_path / "gesso.sqlite3").read_bytes() == content


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError):
        asyncio.run(open_database(sqlite_url(tmp_path / "file" / "gesso.sqlite3")))


def test_a_server_that_is_not_there_is_a_storage_error() -> None:
    pytest.importorskip("psycopg", reason="needs the extra gesso[postgres]")
    with pytest.raises(StorageError):
        asyncio.run(open_database("postgresql://gesso@/gesso?host=/nowhere"))


def test_a_full_disk_is_told_apart_and_undoes_the_transaction(tmp_path: Path) -> None:
    def fill(conn: Connection) -> None:
        add(conn, "ada")
        add(conn, "b" * 100_000)

    async def scenario() -> list[str]:
        async with opened(sqlite_url(tmp_path / "gesso.sqlite3")) as database:
            # The file may not grow: to SQLite that is a full disk.
            await database.tx(lambda conn: conn.exec_driver_sql("PRAGMA max_page_count = 1").close())
            with pytest.raises(DiskFull):
                await database.tx(fill)
            return await database.tx(names)

    assert asyncio.run(scenario()) == []
