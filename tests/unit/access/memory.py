"""The real tables in memory, on the caller's thread: no file, no waiting, and it can be told to fail."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from gesso.access.access import Access
from gesso.access.identity import Identity
from gesso.database.migrations import prepare
from gesso.database.sqlite import make_engine
from gesso.errors import StorageError
from tests.unit.access.quick import quick

T = TypeVar("T")


class Memory:
    """A `Database` that notes its transactions, refuses those in `broken`, holds back those in `held`."""

    def __init__(self) -> None:
        self._engine = make_engine("sqlite://")
        self.calls: list[str] = []
        self.broken: set[str] = set()
        self.held: set[str] = set()
        self.holding = asyncio.Event()
        self.released = asyncio.Event()
        with self._engine.begin() as conn:
            prepare(conn)

    async def tx(self, fn: Callable[..., T], /, *args: object) -> T:
        self.calls.append(fn.__name__)
        if fn.__name__ in self.broken or "*" in self.broken:
            raise StorageError("the disk is gone")
        with self._engine.begin() as conn:
            answer = fn(conn, *args)
        if fn.__name__ in self.held:
            self.holding.set()
            await self.released.wait()
        return answer

    read = tx

    async def close(self) -> None:
        self._engine.dispose()


class Clock:
    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Stage:
    """An Access on an empty store, with an administrator and a user, and clocks that are set by hand."""

    def __init__(self) -> None:
        self.db = Memory()
        self.clock = Clock()
        self.timer = Clock(0.0)
        self.access = Access(self.db, self.clock, self.timer, passwords=quick())

    async def __aenter__(self) -> "Stage":
        admin = await self.access.ensure_admin()
        assert admin is not None
        self.admin = admin.token
        await self.access.create_account("ada")
        self.ada = (await self.access.create_key("ada", "laptop")).token
        self.db.calls.clear()
        return self

    async def __aexit__(self, *ignored: object) -> None:
        await self.db.close()

    async def who(self, token: str) -> Identity:
        return await self.access.identify_key(token)
