"""Log files that a process writes by itself: rotated under its hands, and read from the end."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

BLOCK = 64 * 1024
FOLLOW_S = 0.2


def rotate(path: Path, *, limit: int, keep: int) -> bool:
    """Copy a log larger than `limit` bytes to NAME.1 (older ones move up to NAME.keep), then empty it.

    The process keeps writing to the same file: what it writes between the copy and the emptying, some
    microseconds, is lost. It must have opened the file for appending.
    """
    try:
        if path.stat().st_size <= limit:
            return False
    except FileNotFoundError:
        return False
    for number in range(keep - 1, 0, -1):
        older = _numbered(path, number)
        if older.exists():
            older.replace(_numbered(path, number + 1))
    shutil.copyfile(path, _numbered(path, 1))
    os.truncate(path, 0)
    return True


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")


def tail(path: Path, lines: int) -> list[str]:
    """The last lines, without reading what stands before them; none where there is no file."""
    return _text(_end(path, lines, _size(path)), lines)


def _end(path: Path, lines: int, position: int) -> bytes:
    """What stands before `position`, from a place at least that many lines up."""
    found = b""
    try:
        with path.open("rb") as file:
            while position > 0 and found.count(b"\n") <= lines:
                step = min(BLOCK, position)
                position = file.seek(position - step)
                found = file.read(step) + found
    except FileNotFoundError:
        return b""
    return found


def _text(found: bytes, lines: int) -> list[str]:
    return found.decode("utf-8", "replace").splitlines()[-lines:] if lines else []


def silent_s(path: Path, now: float) -> float | None:
    """For how long nothing was written; `now` in seconds since the epoch. None where there is no file."""
    try:
        return max(0.0, now - path.stat().st_mtime)
    except OSError:
        return None


async def follow(path: Path, *, lines: int = 0, every_s: float = FOLLOW_S) -> AsyncIterator[str]:
    """The last lines, then each new one as it is completed, for ever; goes on when the log is rotated.

    A log that is rotated and outgrows its former size between two looks is followed from that size on.
    """
    position = _size(path)
    done, newline, rest = _end(path, lines + 1, position).rpartition(b"\n")
    for line in _text(done + newline, lines):
        yield line
    while True:
        size = _size(path)
        if size < position:
            position, rest = 0, b""
        if size > position:
            with path.open("rb") as file:
                file.seek(position)
                rest += file.read(size - position)
            position = size
            *completed, rest = rest.split(b"\n")
            for each in completed:
                yield each.decode("utf-8", "replace").removesuffix("\r")
        await asyncio.sleep(every_s)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
