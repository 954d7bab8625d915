"""Files by their content: written whole or not at all, named by sha256, kept once."""

import asyncio
import logging
import re
import time
import uuid
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Self, TypeVar

from sqlalchemy import Connection

from gesso.database.database import Database
from gesso.database.locks import upsert_of
from gesso.database.schema import artifact
from gesso.errors import NotFound
from gesso.jobs.artifacts_disk import BLOCK, Draft, Incoming, hash_file, list_shard, move_into_place, open_at
from gesso.jobs.retention import Swept, record_strays, sweep_nameless, sweep_names

logger = logging.getLogger(__name__)

T = TypeVar("T")

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A stored file: the name of its content, and its size in bytes."""

    sha256: str
    size: int


Also = Callable[[Connection, Artifact], T]
"""What is done together with keeping a file: giving it a name, for example. May run more than once."""


class Condition(StrEnum):
    """What reading an artifact again has shown."""

    SOUND = "sound"
    DAMAGED = "damaged"
    MISSING = "missing"


class Artifacts:
    """The store in one directory: `ab/ab12…` is the file with that sha256.

    To be entered (`async with`) before anything is written: that also removes what a crash left
    half written. One named thread does all its disk work.
    """

    def __init__(
        self, directory: Path, database: Database, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._directory = directory
        self._database = database
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="gesso-artifacts")
        self._incoming = Incoming(directory / ".incoming", str(uuid.uuid4()))

    async def __aenter__(self) -> Self:
        leftovers = await self.on_disk(self._incoming.enter)
        if leftovers:
            logger.info("removed %d files that were not written to their end", leftovers)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.on_disk(self._incoming.leave)
        await asyncio.to_thread(self._thread.shutdown)

    @asynccontextmanager
    async def writer(self) -> AsyncIterator["Writer"]:
        """A new file. Left without `commit`, or with an error, nothing of it stays.

        Raises DiskFull, at any write or at commit, when there is no room.
        """
        draft = Draft(self._incoming.folder / str(uuid.uuid4()))
        writer = Writer(self, draft)
        try:
            yield writer
        finally:
            if not writer.committed:
                await asyncio.shield(self.on_disk(draft.discard))

    async def store(self, data: bytes) -> Artifact:
        """Keep `data`, where it is whole in memory anyhow."""
        async with self.writer() as writer:
            await writer.write(data)
            return await writer.commit()

    def path(self, sha256: str) -> Path:
        """Where the file is, if it is stored. Raises NotFound for what cannot be a sha256."""
        if not _SHA256.fullmatch(sha256):
            raise NotFound(f"There is no artifact {sha256!r}.")
        return self._directory / sha256[:2] / sha256

    async def read(self, sha256: str, start: int = 0, size: int | None = None) -> AsyncIterator[bytes]:
        """The content, or `size` bytes of it from `start` on, in blocks. Raises NotFound."""
        file = await self.on_disk(open_at, self.path(sha256), start)
        try:
            left = size
            while block := await self.on_disk(file.read, BLOCK if left is None else min(BLOCK, left)):
                yield block
                left = None if left is None else left - len(block)
        finally:
            file.close()

    async def verify(self, sha256: str) -> Condition:
        """Read the whole file again and compare it with its name."""
        try:
            found = await self.on_disk(hash_file, self.path(sha256))
        except NotFound:
            return Condition.MISSING
        return Condition.SOUND if found == sha256 else Condition.DAMAGED

    async def sweep(self, keep_days: float | None = None, keep_bytes: int | None = None) -> Swept:
        """Remove what finished jobs left, where it is too old or too much, and what no name leads to.

        In batches, so that others get their turn at the database in between.
        """
        now = self._clock()
        for shard in (f"{number:02x}" for number in range(256)):
            found = await self.on_disk(list_shard, self._directory / shard)
            if found:
                await self._database.tx(record_strays, found)
        swept = await self._repeat(sweep_names, self.path, keep_days, keep_bytes, now)
        return swept + await self._repeat(sweep_nameless, self.path, now)

    async def _repeat(self, step: Callable[..., Swept], *args: object) -> Swept:
        total = Swept()
        while batch := await self._database.tx(step, *args):
            total += batch
        return total

    async def on_disk(self, fn: Callable[..., T], /, *args: object) -> T:
        """Run a blocking function on the store's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, fn, *args)

    async def keep(self, draft: Draft, last: bytes, also: Also[T]) -> T:
        """Make a file, written but for its last part, an artifact, for ever under its content's name."""
        sha256 = await self.on_disk(draft.seal, last)
        kept = Artifact(sha256=sha256, size=draft.size)
        return await self._database.tx(_record, kept, self._clock(), draft.path, self.path(sha256), also)


class Writer:
    """A file being written; made by `Artifacts.writer`."""

    def __init__(self, artifacts: Artifacts, draft: Draft) -> None:
        self.committed = False
        self._artifacts = artifacts
        self._draft = draft
        self._gathered = bytearray()

    async def write(self, chunk: bytes) -> None:
        """Add to the end. Small chunks are gathered: one megabyte is in memory at most."""
        self._gathered += chunk
        if len(self._gathered) >= BLOCK:
            await self._artifacts.on_disk(self._draft.write, self._taken())

    async def commit(self) -> Artifact:
        """Keep it: when this returns, the file survives any crash."""
        return await self.commit_with(lambda conn, kept: kept)

    async def commit_with(self, also: Also[T]) -> T:
        """Keep it, and do in the same transaction what `also` does; returns its answer."""
        answer = await self._artifacts.keep(self._draft, self._taken(), also)
        self.committed = True
        return answer

    def _taken(self) -> bytes:
        taken, self._gathered = bytes(self._gathered), bytearray()
        return taken


def _record(conn: Connection, kept: Artifact, now: float, source: Path, target: Path, also: Also[T]) -> T:
    # The row first: its lock keeps a sweep from removing the file between our rename and our commit.
    conn.execute(_put(conn.dialect.name), {"sha256": kept.sha256, "size": kept.size, "created": now})
    answer = also(conn, kept)
    move_into_place(source, target)
    return answer


@cache
def _put(dialect: str) -> Any:
    row = upsert_of(dialect, artifact)
    return row.on_conflict_do_update(index_elements=["sha256"], set_={"created": row.excluded.created})
