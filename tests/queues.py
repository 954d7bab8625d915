"""A queue with a clock that a test moves by hand."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from gesso.database.database import Database
from gesso.jobs.job import Claim, Job, Limits, Spec
from gesso.jobs.queue import Queue
from tests.databases import opened


@dataclass(slots=True)
class Clock:
    """Seconds that pass only when a test says so."""

    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now

    def pass_s(self, seconds: float) -> None:
        self.now += seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A queue, its clock, its database, and a session to claim for."""

    queue: Queue
    clock: Clock
    database: Database
    session: str

    async def submit(self, owner: str = "ada", **more: Any) -> Job:
        payload = more.pop("payload", {"prompt": {"1": {"class_type": "SaveImage", "inputs": {}}}})
        return await self.queue.submit(Spec(owner=owner, payload=payload, **more))

    async def claim(self, engine: str = "gpu0") -> Claim:
        """The next job; there must be one."""
        (claim,) = await self.queue.claim(engine, self.session)
        return claim


@asynccontextmanager
async def bench(url: str, limits: Limits | None = None) -> AsyncIterator[Bench]:
    clock = Clock()
    async with opened(url) as database:
        queue = Queue(database, clock=clock, limits=limits)
        yield Bench(queue=queue, clock=clock, database=database, session=await queue.open_session())
        assert await queue.integrity() == []
