"""A file that is named in the transaction that stores it: both, or neither."""

import asyncio
from pathlib import Path

import pytest

from gesso.errors import Conflict, NotFound
from gesso.jobs.artifacts import Artifacts
from gesso.jobs.files import Files
from gesso.protocol.files import FileRef
from tests.databases import opened

PICTURE = FileRef(filename="a_00001_.png", subfolder="", type="output")


def stored_in(directory: Path) -> list[str]:
    return [path.name for path in directory.rglob("*") if path.is_file() and path.suffix != ".lock"]


def test_a_file_is_stored_and_named_at_once(tmp_path: Path, database_url: str) -> None:
    async def main() -> None:
        async with opened(database_url) as database, Artifacts(tmp_path / "artifacts", database) as artifacts:
            files = Files(database)
            naming = files.naming("ada", PICTURE, content_type="image/png", job_id="j")
            async with artifacts.writer() as writer:
                await writer.write(b"content")
                assert await writer.commit_with(naming) == PICTURE
            found = await files.find("ada", PICTURE)
            assert (found.job_id, found.content_type) == ("j", "image/png")
            assert artifacts.path(found.sha256).read_bytes() == b"content"
            assert stored_in(tmp_path / "artifacts") == [found.sha256]

    asyncio.run(main())


def test_a_file_that_may_not_have_its_name_leaves_nothing(tmp_path: Path, database_url: str) -> None:
    async def main() -> None:
        async with opened(database_url) as database, Artifacts(tmp_path / "artifacts", database) as artifacts:
            files = Files(database)
            first = await artifacts.store(b"first")
            await files.put("ada", PICTURE, first)
            with pytest.raises(Conflict):
                async with artifacts.writer() as writer:
                    await writer.write(b"second")
                    await writer.commit_with(files.naming("ada", PICTURE, on_conflict="same"))
            assert stored_in(tmp_path / "artifacts") == [first.sha256]
            with pytest.raises(NotFound):
                await files.find("ada", FileRef(filename="a_00002_.png", subfolder="", type="output"))

    asyncio.run(main())
