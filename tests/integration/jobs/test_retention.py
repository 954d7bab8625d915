"""What is removed and what never is: by age, by size, in batches, with the content that nothing names."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from gesso.jobs import retention
from gesso.jobs.artifacts import Artifact, Artifacts
from gesso.jobs.files import Files
from gesso.jobs.job import State
from gesso.jobs.retention import DAY_S, GRACE_S
from gesso.protocol.files import FileRef
from tests.queues import Bench, bench


class Store:
    """A queue with its store and files, all on one clock."""

    def __init__(self, b: Bench, artifacts: Artifacts) -> None:
        self.b = b
        self.artifacts = artifacts
        self.files = Files(b.database, clock=b.clock)

    async def output(
        self, name: str, content: bytes, *, ended: bool = True, type: str = "output"
    ) -> Artifact:
        """A job's output; the job has ended, or runs on."""
        job = await self.b.submit()
        claim = await self.b.claim()
        kept = await self.artifacts.store(content)
        await self.files.put("ada", FileRef(filename=name, type=type), kept, job_id=job.id)
        if ended:
            await self.b.queue.finish(claim, State.SUCCEEDED)
        return kept

    async def names(self) -> list[str]:
        return [file.ref.filename for file in await self.files.list("ada")]

    def is_stored(self, artifact: Artifact) -> bool:
        return self.artifacts.path(artifact.sha256).exists()


def run(url: str, tmp_path: Path, scenario: Callable[[Store], Awaitable[None]]) -> None:
    async def main() -> None:
        async with bench(url) as b, Artifacts(tmp_path / "artifacts", b.database, clock=b.clock) as artifacts:
            await scenario(Store(b, artifacts))

    asyncio.run(main())


def test_only_old_files_of_ended_jobs_go(database_url: str, tmp_path: Path) -> None:
    async def scenario(s: Store) -> None:
        old = await s.output("old.png", b"old")
        temp = await s.output("temp.png", b"temp", type="temp")
        running = await s.output("running.png", b"running", ended=False)
        upload = await s.artifacts.store(b"upload")
        await s.files.put("ada", FileRef(filename="upload.png"), upload)
        s.b.clock.pass_s(8 * DAY_S)
        young = await s.output("young.png", b"young")
        swept = await s.artifacts.sweep(keep_days=7)
        assert (swept.files, swept.artifacts, swept.size) == (2, 2, 7)
        assert sorted(await s.names()) == ["running.png", "upload.png", "young.png"]
        assert [s.is_stored(one) for one in (old, temp, running, upload, young)] == [
            False,
            False,
            True,
            True,
            True,
        ]

    run(database_url, tmp_path, scenario)


def test_without_limits_nothing_that_has_a_name_goes(database_url: str, tmp_path: Path) -> None:
    async def scenario(s: Store) -> None:
        kept = await s.output("a.png", b"a")
        s.b.clock.pass_s(10_000 * DAY_S)
        assert not await s.artifacts.sweep()
        assert s.is_stored(kept)

    run(database_url, tmp_path, scenario)


def test_too_much_loses_the_oldest_until_it_fits(database_url: str, tmp_path: Path) -> None:
    async def scenario(s: Store) -> None:
        for number in range(10):
            s.b.clock.pass_s(2 * GRACE_S)
            await s.output(f"{number}.png", os.urandom(1000))
        s.b.clock.pass_s(2 * GRACE_S)
        await s.artifacts.sweep(keep_bytes=3_500)
        assert await s.names() == ["7.png", "8.png", "9.png"]
        assert not await s.artifacts.sweep(keep_bytes=3_500)

    run(database_url, tmp_path, scenario)


def test_too_much_of_what_must_stay_stays(database_url: str, tmp_path: Path) -> None:
    async def scenario(s: Store) -> None:
        await s.output("running.png", b"x" * 1000, ended=False)
        await s.files.put("ada", FileRef(filename="up.png"), await s.artifacts.store(b"y" * 1000))
        s.b.clock.pass_s(DAY_S)
        assert not await s.artifacts.sweep(keep_bytes=10)
        assert sorted(await s.names()) == ["running.png", "up.png"]

    run(database_url, tmp_path, scenario)


def test_content_that_another_name_needs_stays(database_url: str, tmp_path: Path) -> None:
    async def scenario(s: Store) -> None:
        kept = await s.output("a.png", b"same")
        await s.files.put("ben", FileRef(filename="copy.png"), kept)
        s.b.clock.pass_s(DAY_S)
        swept = await s.artifacts.sweep(keep_bytes=0)
        assert (swept.files, swept.artifacts) == (1, 0)
        assert s.is_stored(kept)

    run(database_url, tmp_path, scenario)


def test_what_a_waiting_job_will_read_stays_until_it_has_ended(database_url: str, tmp_path: Path) -> None:
    async def scenario(s: Store) -> None:
        pinned = await s.artifacts.store(b"input")
        ref = FileRef(filename="in.png")
        await s.files.put("ada", ref, pinned)
        await s.b.submit("ada", inputs=[{"node": "1", "input": "image", "sha256": pinned.sha256}])
        await s.files.delete("ada", ref)
        s.b.clock.pass_s(DAY_S)
        assert not await s.artifacts.sweep()
        claim = await s.b.claim()
        s.b.clock.pass_s(DAY_S)
        assert not await s.artifacts.sweep()
        await s.b.queue.release(claim)
        assert not await s.artifacts.sweep()
        await s.b.queue.finish(await s.b.claim(), State.SUCCEEDED)
        assert (await s.artifacts.sweep()).artifacts == 1
        assert not s.is_stored(pinned)

    run(database_url, tmp_path, scenario)


def test_content_without_a_name_goes_after_its_writer_had_time_to_name_it(
    database_url: str, tmp_path: Path
) -> None:
    async def scenario(s: Store) -> None:
        kept = await s.artifacts.store(b"nameless")
        s.b.clock.pass_s(GRACE_S - 1)
        assert not await s.artifacts.sweep()
        assert await s.artifacts.store(b"nameless") == kept
        s.b.clock.pass_s(GRACE_S - 1)
        assert not await s.artifacts.sweep()
        s.b.clock.pass_s(2)
        swept = await s.artifacts.sweep()
        assert (swept.artifacts, swept.size) == (1, 8)
        assert not s.is_stored(kept)

    run(database_url, tmp_path, scenario)


def test_a_file_whose_row_was_never_committed_goes_too(database_url: str, tmp_path: Path) -> None:
    async def scenario(s: Store) -> None:
        stray = Artifact(sha256="ab" + "0" * 62, size=5)
        path = s.artifacts.path(stray.sha256)
        path.parent.mkdir()
        path.write_bytes(b"stray")
        os.utime(path, (s.b.clock.now, s.b.clock.now))
        assert not await s.artifacts.sweep()
        s.b.clock.pass_s(2 * GRACE_S)
        assert (await s.artifacts.sweep()).artifacts == 1
        assert not path.exists()

    run(database_url, tmp_path, scenario)


def test_more_than_a_batch_goes_in_one_sweep(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 3)

    async def scenario(s: Store) -> None:
        for number in range(8):
            await s.output(f"{number}.png", str(number).encode())
            await s.artifacts.store(f"nameless {number}".encode())
        s.b.clock.pass_s(8 * DAY_S)
        swept = await s.artifacts.sweep(keep_days=7)
        assert (swept.files, swept.artifacts) == (8, 16)
        assert not list((tmp_path / "artifacts").glob("??/*"))

    run(database_url, tmp_path, scenario)


def test_content_stored_again_while_a_sweep_runs_survives(database_url: str, tmp_path: Path) -> None:
    async def scenario(s: Store) -> None:
        contents = [f"content {number}".encode() for number in range(40)]
        for content in contents:
            await s.artifacts.store(content)
        s.b.clock.pass_s(2 * GRACE_S)
        sweep = asyncio.create_task(s.artifacts.sweep())
        again = await asyncio.gather(*(s.artifacts.store(content) for content in contents))
        await sweep
        assert all(s.is_stored(artifact) for artifact in again)

    run(database_url, tmp_path, scenario)
