"""The audit on both databases: lines are added and read, and nothing takes them away."""

import asyncio

import pytest
from sqlalchemy import Connection, text

from gesso.access.access import Access
from gesso.access.audit import Audit, Wanted, entries, record
from gesso.errors import Conflict
from tests.databases import opened


def three(conn: Connection) -> None:
    for number, action in enumerate(("key.create", "engine.stop", "engine.start")):
        record(
            conn, None, action, f"thing {number}", address="10.0.0.7", detail={"n": number}, at=100.0 + number
        )


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'somebody else'",
        "UPDATE audit SET at = at WHERE seq = 1",
        "DELETE FROM audit",
        "DELETE FROM audit WHERE seq = 1",
        "INSERT INTO audit (seq, at, actor, action) VALUES (1, 0, 'x', 'x.y') "
        "ON CONFLICT (seq) DO UPDATE SET actor = 'x'",
    ],
)
def test_the_database_refuses_to_change_or_remove_a_line(database_url: str, statement: str) -> None:
    _refused(database_url, statement)


def test_neither_replacing_nor_truncating_gets_round_it(database_url: str) -> None:
    _refused(
        database_url,
        "INSERT OR REPLACE INTO audit (seq, at, actor, action) VALUES (1, 0, 'x', 'x.y')"
        if database_url.startswith("sqlite")
        else "TRUNCATE audit",
    )


def _refused(database_url: str, statement: str) -> None:
    async def scenario() -> None:
        async with opened(database_url) as db:
            await db.tx(three)
            before = await db.tx(entries, Wanted())
            with pytest.raises(Conflict, match="append-only"):
                await db.tx(lambda conn: conn.execute(text(statement)))
            assert await db.tx(entries, Wanted()) == before and len(before) == 3

    asyncio.run(scenario())


def test_lines_are_read_the_latest_first_page_by_page_and_by_what_is_wanted(database_url: str) -> None:
    async def scenario() -> None:
        async with opened(database_url) as db:
            await db.tx(three)
            audit = Audit(db)
            everything = await audit.entries(Wanted())
            assert [line.action for line in everything] == ["engine.start", "engine.stop", "key.create"]
            assert everything[0].detail == {"n": 2} and everything[0].address == "10.0.0.7"
            first = await audit.entries(Wanted(limit=2))
            rest = await audit.entries(Wanted(limit=2, before=first[-1].seq))
            assert first + rest == everything
            for wanted, numbers in (
                (Wanted(action="engine"), [2, 1]),
                (Wanted(action="engine.stop"), [1]),
                (Wanted(action="engi"), []),
                (Wanted(target="thing 0"), [0]),
                (Wanted(since=101.0), [2, 1]),
                (Wanted(actor="gesso"), [2, 1, 0]),
                (Wanted(actor="ada"), []),
            ):
                assert [(line.detail or {})["n"] for line in await audit.entries(wanted)] == numbers, wanted

    asyncio.run(scenario())


def test_a_change_that_fails_leaves_no_line(database_url: str) -> None:
    async def scenario() -> None:
        async with opened(database_url) as db:
            access = Access(db)
            await access.ensure_admin()
            before = await db.tx(entries, Wanted())
            with pytest.raises(Conflict):
                await access.create_account("ADMIN")
            with pytest.raises(Conflict):
                await access.set_disabled("admin", True)
            assert await db.tx(entries, Wanted()) == before

    asyncio.run(scenario())
