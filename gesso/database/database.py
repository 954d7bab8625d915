"""What a database is to the rest of gesso, and how one is opened."""

from collections.abc import Callable
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

from gesso.errors import ConfigError

T = TypeVar("T")


class Database(Protocol):
    """One transaction at a time is one plain function, run beside the event loop."""

    async def tx(self, fn: Callable[..., T], /, *args: object) -> T:
        """Run `fn(conn, *args)` in one transaction and return its answer.

        `fn` takes a `sqlalchemy.Connection` and must not await. Returning commits, durably, before
        this returns; raising rolls back. It may run more than once (PostgreSQL, after a deadlock),
        so it has no other effects. A GessoError passes through; a broken rule of the schema is
        Conflict, a full disk DiskFull, anything else the database says StorageError. Cancelling the
        caller never tears a transaction: it happens whole, or not at all.
        """
        ...

    async def read(self, fn: Callable[..., T], /, *args: object) -> T:
        """Like `tx`, for what only looks: waits for nobody's commit, and to change anything is StorageError.

        It sees all that `tx` has returned from before; what is under way beside it, wholly or not at all.
        """
        ...

    async def close(self) -> None:
        """Finish what runs and let go of files and connections. Later calls of `tx` and `read` fail."""
        ...


async def open_database(url: str) -> Database:
    """Open, and where it is new make, the database at `url`.

    Examples: "sqlite:////srv/gesso/gesso.sqlite3", "sqlite://" (in memory),
    "postgresql://gesso@db.example/gesso".
    """
    scheme = urlsplit(url).scheme
    if scheme == "sqlite":
        from gesso.database.sqlite import open_sqlite

        return await open_sqlite(url)
    if scheme in ("postgresql", "postgres"):
        from gesso.database.postgres import open_postgres

        return await open_postgres(url)
    raise ConfigError(
        f"The database address begins with {scheme!r}, which gesso does not know.",
        remedy='Use "sqlite:////path/gesso.sqlite3" or "postgresql://user@host/name".',
    )
