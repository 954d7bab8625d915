"""The lock that lets one claim happen at a time, and the insert both databases can do twice."""

from typing import Any

from sqlalchemy import Connection, Table, func, select
from sqlalchemy.dialects import postgresql, sqlite

# "gesso" in ASCII: a number no other program is likely to use in the same database.
_LOCK = 0x676573736F


def serialise(conn: Connection) -> None:
    """Let no other transaction that calls this run until ours has ended.

    On SQLite every transaction already is alone (BEGIN IMMEDIATE).
    """
    if conn.dialect.name == "postgresql":
        conn.execute(select(func.pg_advisory_xact_lock(_LOCK)))


def upsert(conn: Connection, table: Table) -> Any:
    """An INSERT that has `on_conflict_do_nothing` and `on_conflict_do_update`."""
    return upsert_of(conn.dialect.name, table)


def upsert_of(dialect: str, table: Table) -> Any:
    """`upsert` for "sqlite" or "postgresql", for statements that are built once."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
