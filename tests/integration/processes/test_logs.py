"""Log files under the hands of the process that writes them."""

import asyncio
import time
from pathlib import Path

import pytest

from gesso.processes.logs import follow, rotate, silent_s, tail


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "engine.log"


def test_small_log_is_not_rotated(log: Path) -> None:
    log.write_text("few")
    assert not rotate(log, limit=3, keep=2)
    assert not rotate(log.with_name("absent"), limit=3, keep=2)
    assert log.read_text() == "few"


def test_writer_goes_on_in_the_emptied_log(log: Path) -> None:
    with log.open("ab", buffering=0) as writer:
        for number in range(4):
            writer.write(f"generation {number}\n".encode())
            assert rotate(log, limit=1, keep=2)
        writer.write(b"now\n")
    assert log.read_text() == "now\n"
    assert log.with_name("engine.log.1").read_text() == "generation 3\n"
    assert log.with_name("engine.log.2").read_text() == "generation 2\n"
    assert not log.with_name("engine.log.3").exists()


def test_tail_is_the_last_lines(log: Path) -> None:
    assert tail(log, 3) == []
    log.write_bytes(b"".join(f"line {number}\n".encode() for number in range(30_000)))
    assert tail(log, 3) == ["line 29997", "line 29998", "line 29999"]
    assert tail(log, 0) == []
    assert len(tail(log, 50_000)) == 30_000


def test_tail_takes_an_unfinished_line_and_bytes_that_are_no_text(log: Path) -> None:
    log.write_bytes(b"one\ntwo \xff\nhalf")
    assert tail(log, 2) == ["two \ufffd", "half"]


def test_follow_gives_each_line_once_complete_and_survives_rotation(log: Path) -> None:
    log.write_text("old\nlast\nunfi")

    async def main() -> list[str]:
        lines = follow(log, lines=1, every_s=0.01)
        async with asyncio.timeout(10):
            found = [await anext(lines)]
            with log.open("ab", buffering=0) as writer:
                writer.write(b"nished\nhal")
                found.append(await anext(lines))
                writer.write(b"f\n")
                found.append(await anext(lines))
                rotate(log, limit=1, keep=1)
                writer.write(b"after\n")
                found.append(await anext(lines))
        await lines.aclose()  # type: ignore[attr-defined]
        return found

    assert asyncio.run(main()) == ["last", "unfinished", "half", "after"]


def test_silence_is_counted_from_the_last_write(log: Path) -> None:
    assert silent_s(log, time.time()) is None
    log.write_text("x")
    written = log.stat().st_mtime
    assert silent_s(log, written + 5.0) == pytest.approx(5.0)
    assert silent_s(log, written - 5.0) == 0.0
