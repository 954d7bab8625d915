"""Names of files: each account's own, numbered as ComfyUI numbers, the same content under the same name."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gesso.errors import Conflict, NotFound
from gesso.jobs.artifacts import Artifacts
from gesso.jobs.files import Files
from gesso.protocol.files import FileRef
from tests.databases import opened
from tests.queues import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Files and the store behind them."""

    files: Files
    artifacts: Artifacts
    clock: Clock

    async def put(self, account: str, name: str, content: bytes, type: str = "input", **more: Any) -> str:
        ref = FileRef(filename=name, type=type)
        return (await self.files.put(account, ref, await self.artifacts.store(content), **more)).filename

    async def read(self, account: str, name: str, type: str = "input") -> bytes:
        found = await self.files.find(account, FileRef(filename=name, type=type))
        return self.artifacts.path(found.sha256).read_bytes()


@asynccontextmanager
async def shelf(url: str, directory: Path) -> AsyncIterator[Shelf]:
    clock = Clock()
    async with opened(url) as database, Artifacts(directory, database, clock=clock) as artifacts:
        yield Shelf(files=Files(database, clock=clock), artifacts=artifacts, clock=clock)


def test_each_account_has_its_own_names(database_url: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with shelf(database_url, tmp_path / "artifacts") as s:
            assert await s.put("ada", "a.png", b"hers") == "a.png"
            assert await s.put("ben", "a.png", b"his") == "a.png"
            assert await s.read("ada", "a.png") == b"hers"
            assert await s.read("ben", "a.png") == b"his"
            with pytest.raises(NotFound):
                await s.read("cleo", "a.png")
            with pytest.raises(NotFound):
                await s.read("ada", "a.png", type="output")

    asyncio.run(scenario())


def test_uploads_of_one_name_are_numbered_and_the_same_content_keeps_its_name(
    database_url: str, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with shelf(database_url, tmp_path / "artifacts") as s:
            names = [await s.put("ada", "red.png", content) for content in (b"1", b"2", b"3", b"2", b"1")]
            assert names == ["red.png", "red (1).png", "red (2).png", "red (1).png", "red.png"]
            assert await s.read("ada", "red (1).png") == b"2"

    asyncio.run(scenario())


def test_outputs_of_jobs_continue_the_counter(database_url: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with shelf(database_url, tmp_path / "artifacts") as s:
            names = []
            for number in range(12):
                content = str(number).encode()
                names.append(
                    await s.put("ada", "plain_00001_.png", content, "output", job_id=f"job-{number}")
                )
            assert names == [f"plain_{number:05}_.png" for number in range(1, 13)]

    asyncio.run(scenario())


@pytest.mark.parametrize("ours", ["job", None])
def test_file_that_is_brought_again_keeps_the_name_it_got(
    ours: str | None, database_url: str, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with shelf(database_url, tmp_path / "artifacts") as s:

            async def put(number: int) -> str:
                job_id = ours and f"job-{number}"
                return await s.put("ada", "x_00001_.png", str(number).encode(), "output", job_id=job_id)

            names = [await put(number) for number in range(12)]
            assert [await put(number) for number in range(12)] == names

    asyncio.run(scenario())


def test_names_with_wildcards_of_sql_are_only_names(database_url: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with shelf(database_url, tmp_path / "artifacts") as s:
            assert await s.put("ada", "100%_.png", b"1") == "100%_.png"
            assert await s.put("ada", "100%_.png", b"2") == "100%_ (1).png"
            assert await s.put("ada", "100ab.png", b"3") == "100ab.png"
            assert await s.put("ada", "100AB.png", b"4") == "100AB.png"

    asyncio.run(scenario())


def test_overwriting_gives_the_name_the_new_content(database_url: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with shelf(database_url, tmp_path / "artifacts") as s:
            await s.put("ada", "a.png", b"old", content_type="image/png")
            assert await s.put("ada", "a.png", b"new!", on_conflict="overwrite") == "a.png"
            assert await s.read("ada", "a.png") == b"new!"
            (found,) = await s.files.list("ada", "input")
            assert (found.size, found.content_type) == (4, None)

    asyncio.run(scenario())


def test_refusing_another_content_names_the_file(database_url: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with shelf(database_url, tmp_path / "artifacts") as s:
            await s.put("ada", "a.png", b"1", on_conflict="same")
            assert await s.put("ada", "a.png", b"1", on_conflict="same") == "a.png"
            with pytest.raises(Conflict, match=r"a\.png"):
                await s.put("ada", "a.png", b"2", on_conflict="same")
            assert await s.read("ada", "a.png") == b"1"

    asyncio.run(scenario())


def test_the_same_content_is_stored_once_whoever_names_it(database_url: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with shelf(database_url, tmp_path / "artifacts") as s:
            await s.put("ada", "a.png", b"same")
            await s.put("ben", "b.png", b"same")
            stored = [path for path in (tmp_path / "artifacts").glob("??/*")]
            assert [path.read_bytes() for path in stored] == [b"same"]

    asyncio.run(scenario())


def test_many_that_put_the_same_name_at_once_get_different_names(database_url: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with shelf(database_url, tmp_path / "artifacts") as s:
            puts = (s.put("ada", "x_00001_.png", bytes([n]), "output", job_id="j") for n in range(12))
            names = await asyncio.gather(*puts)
            assert sorted(names) == [f"x_{number:05}_.png" for number in range(1, 13)]

    asyncio.run(scenario())


def test_files_know_their_origin_and_are_listed_by_name(database_url: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with shelf(database_url, tmp_path / "artifacts") as s:
            await s.put("ada", "b.png", b"1", "output", job_id="j", node_id="9", content_type="image/png")
            await s.put("ada", "a.png", b"2")
            assert [(f.ref.type, f.ref.filename) for f in await s.files.list("ada")] == [
                ("input", "a.png"),
                ("output", "b.png"),
            ]
            (output,) = await s.files.list("ada", "output")
            assert (output.job_id, output.node_id, output.content_type) == ("j", "9", "image/png")
            assert output.created == s.clock.now

    asyncio.run(scenario())


def test_a_forgotten_name_is_gone(database_url: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with shelf(database_url, tmp_path / "artifacts") as s:
            await s.put("ada", "a.png", b"1")
            with pytest.raises(NotFound):
                await s.files.delete("ben", FileRef(filename="a.png"))
            await s.files.delete("ada", FileRef(filename="a.png"))
            with pytest.raises(NotFound):
                await s.read("ada", "a.png")

    asyncio.run(scenario())
