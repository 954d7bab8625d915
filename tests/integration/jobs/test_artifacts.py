"""The store: whole files or none, on disk when it says so, little memory, no trace of failures."""

import asyncio
import errno
import hashlib
import os
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from gesso.database.database import Database
from gesso.database.schema import artifact
from gesso.database.sqlite import sqlite_url
from gesso.errors import DiskFull, NotFound, StorageError
from gesso.jobs.artifacts import Artifacts, Condition
from tests.databases import opened

MEBIBYTE = 1 << 20


@asynccontextmanager
async def store(tmp_path: Path, directory: Path | None = None) -> AsyncIterator[tuple[Artifacts, Database]]:
    async with opened(sqlite_url(tmp_path / "gesso.sqlite3")) as database:
        async with Artifacts(directory or tmp_path / "artifacts", database) as artifacts:
            yield artifacts, database


def files_in(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file() and path.suffix != ".lock"]


async def rows(database: Database) -> dict[str, int]:
    def read(conn: Connection) -> dict[str, int]:
        return {row.sha256: row.size for row in conn.execute(select(artifact))}

    return await database.tx(read)


def test_a_file_is_found_by_its_content(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with store(tmp_path) as (artifacts, database):
            async with artifacts.writer() as writer:
                await writer.write(b"some ")
                await writer.write(b"bytes")
                kept = await writer.commit()
            assert kept.sha256 == hashlib.sha256(b"some bytes").hexdigest()
            assert artifacts.path(kept.sha256).read_bytes() == b"some bytes"
            assert await rows(database) == {kept.sha256: 10}
            assert await artifacts.verify(kept.sha256) is Condition.SOUND

    asyncio.run(scenario())


def test_an_empty_file_is_a_file(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with store(tmp_path) as (artifacts, _):
            kept = await artifacts.store(b"")
            assert (kept.size, artifacts.path(kept.sha256).read_bytes()) == (0, b"")

    asyncio.run(scenario())


def test_without_commit_nothing_stays(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with store(tmp_path) as (artifacts, database):
            async with artifacts.writer() as writer:
                await writer.write(b"x" * 3 * MEBIBYTE)
                assert len(files_in(tmp_path / "artifacts")) == 1
            with pytest.raises(ZeroDivisionError):
                async with artifacts.writer() as writer:
                    await writer.write(b"x" * 3 * MEBIBYTE)
                    raise ZeroDivisionError
            assert files_in(tmp_path / "artifacts") == []
            assert await rows(database) == {}

    asyncio.run(scenario())


def test_a_writer_that_is_cancelled_leaves_nothing(tmp_path: Path) -> None:
    async def write_for_ever(artifacts: Artifacts, begun: asyncio.Event) -> None:
        async with artifacts.writer() as writer:
            while True:
                await writer.write(b"x" * MEBIBYTE)
                begun.set()

    async def scenario() -> None:
        async with store(tmp_path) as (artifacts, _):
            begun = asyncio.Event()
            task = asyncio.create_task(write_for_ever(artifacts, begun))
            await begun.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert files_in(tmp_path / "artifacts") == []

    asyncio.run(scenario())


def test_parts_are_read_as_asked(tmp_path: Path) -> None:
    data = os.urandom(2 * MEBIBYTE + 500)

    async def scenario() -> None:
        async with store(tmp_path) as (artifacts, _):
            kept = await artifacts.store(data)
            for start, size in (
                (0, None),
                (100, None),
                (10, 20),
                (MEBIBYTE, MEBIBYTE + 7),
                (len(data), None),
            ):
                read = b"".join([block async for block in artifacts.read(kept.sha256, start, size)])
                assert read == (data[start:] if size is None else data[start : start + size])

    asyncio.run(scenario())


def test_what_is_not_there_is_not_found(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with store(tmp_path) as (artifacts, _):
            with pytest.raises(NotFound):
                [block async for block in artifacts.read("0" * 64)]
            for name in ("../../etc/passwd", "", "A" * 64, "0" * 63):
                with pytest.raises(NotFound):
                    artifacts.path(name)

    asyncio.run(scenario())


def test_damage_and_loss_are_told_apart(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with store(tmp_path) as (artifacts, _):
            kept = await artifacts.store(b"whole")
            artifacts.path(kept.sha256).write_bytes(b"hole")
            assert await artifacts.verify(kept.sha256) is Condition.DAMAGED
            artifacts.path(kept.sha256).unlink()
            assert await artifacts.verify(kept.sha256) is Condition.MISSING

    asyncio.run(scenario())


def test_storing_again_repairs_a_lost_file(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with store(tmp_path) as (artifacts, _):
            kept = await artifacts.store(b"whole")
            artifacts.path(kept.sha256).unlink()
            assert await artifacts.store(b"whole") == kept
            assert await artifacts.verify(kept.sha256) is Condition.SOUND

    asyncio.run(scenario())


def test_a_large_file_needs_little_memory(tmp_path: Path) -> None:
    chunk = os.urandom(64 * 1024)

    async def scenario() -> int:
        async with store(tmp_path) as (artifacts, _):
            tracemalloc.start()
            try:
                async with artifacts.writer() as writer:
                    for _ in range(1_600):
                        await writer.write(chunk)
                    kept = await writer.commit()
                async for _ in artifacts.read(kept.sha256):
                    pass
                assert kept.size == 1_600 * len(chunk)
                return tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()

    assert asyncio.run(scenario()) < 8 * MEBIBYTE


def test_the_disk_is_never_touched_on_the_event_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on: set[str] = set()
    really_sync = os.fsync

    def fsync(handle: int) -> None:
        on.add(threading.current_thread().name.rpartition("_")[0])
        really_sync(handle)

    async def scenario() -> None:
        async with store(tmp_path) as (artifacts, _):
            monkeypatch.setattr(os, "fsync", fsync)
            await artifacts.store(b"x" * 2 * MEBIBYTE)

    asyncio.run(scenario())
    # The content by the store's own thread; its folder within the transaction that records it.
    assert on == {"gesso-artifacts", "gesso-sqlite"}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two megabytes."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place], capture_output=True)
    if mounted.returncode:
        pytest.skip("only root may mount a small file system")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_full_disk_is_said_so_and_leaves_nothing(tmp_path: Path, small_disk: Path) -> None:
    async def scenario() -> None:
        async with store(tmp_path, small_disk) as (artifacts, database):
            kept = await artifacts.store(b"fits")
            with pytest.raises(DiskFull):
                async with artifacts.writer() as writer:
                    for _ in range(5):
                        await writer.write(b"x" * MEBIBYTE)
                    await writer.commit()
            assert files_in(small_disk) == [artifacts.path(kept.sha256)]
            assert await rows(database) == {kept.sha256: 4}
            # There is room again at once.
            assert (await artifacts.store(b"y" * MEBIBYTE)).size == MEBIBYTE

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("number", "expected"), [(errno.ENOSPC, DiskFull), (errno.EDQUOT, DiskFull), (errno.EIO, StorageError)]
)
def test_a_disk_that_fails_at_the_last_moment_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, expected: type[Exception]
) -> None:
    def fail(handle: int) -> None:
        raise OSError(number, os.strerror(number))

    async def scenario() -> None:
        async with store(tmp_path) as (artifacts, database):
            with monkeypatch.context() as patch:
                patch.setattr(os, "fsync", fail)
                with pytest.raises(expected) as caught:
                    await artifacts.store(b"data")
            assert type(caught.value) is expected
            assert files_in(tmp_path / "artifacts") == []
            assert await rows(database) == {}

    asyncio.run(scenario())


KILLED_WHILE_WRITING = """
import asyncio, os, signal, sys
from pathlib import Path
from gesso.database.database import open_database
from gesso.jobs.artifacts import Artifacts

async def main():
    database = await open_database(sys.argv[1])
    async with Artifacts(Path(sys.argv[2]), database) as artifacts:
        async with artifacts.writer() as writer:
            await writer.write(b"x" * 3_000_000)
            os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


def test_what_a_killed_process_left_half_written_is_removed_at_the_next_start(tmp_path: Path) -> None:
    url, directory = sqlite_url(tmp_path / "gesso.sqlite3"), tmp_path / "artifacts"
    done = subprocess.run([sys.executable, "-c", KILLED_WHILE_WRITING, url, str(directory)])
    assert done.returncode == -9
    assert len(files_in(directory)) == 1

    async def start() -> None:
        async with store(tmp_path):
            assert files_in(directory) == []

    asyncio.run(start())
    assert list((directory / ".incoming").iterdir()) == []


def test_another_living_process_keeps_what_it_is_writing(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with store(tmp_path) as (artifacts, database):
            async with artifacts.writer() as writer:
                await writer.write(b"x" * 2 * MEBIBYTE)
                async with Artifacts(tmp_path / "artifacts", database) as other:
                    await other.store(b"other")
                kept = await writer.commit()
            assert await artifacts.verify(kept.sha256) is Condition.SOUND

    asyncio.run(scenario())
