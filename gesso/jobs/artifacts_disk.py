"""The disk's part of the artifact store: plain blocking functions, run on the store's own thread."""

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock, Timeout

from gesso.errors import DiskFull, NotFound, StorageError

BLOCK = 1 << 20
_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def storage_errors() -> Iterator[None]:
    """What the operating system refuses, as gesso's errors."""
    try:
        yield
    except OSError as error:
        message = f"{error.filename or 'a file'}: {error.strerror or error}"
        if error.errno in _FULL:
            raise DiskFull(message) from error
        raise StorageError(message) from error


class Incoming:
    """The folder of files on their way in, one per process.

    Its lock, which the system lets go of when the process dies, tells a crash's leftovers from
    another process's work.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._parent = folder
        self.folder = folder / name
        self._lock = FileLock(self._lock_of(self.folder), thread_local=False)

    def enter(self) -> int:
        """Make it ours, and remove what dead processes left; returns how many files that were."""
        with storage_errors():
            self._parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
            self.folder.mkdir()
            return sum(self._remove(folder) for folder in self._parent.iterdir() if folder.is_dir())

    def leave(self) -> None:
        with storage_errors():
            shutil.rmtree(self.folder, ignore_errors=True)
            self._lock.release()
            self._lock_of(self.folder).unlink(missing_ok=True)

    def _remove(self, folder: Path) -> int:
        if folder == self.folder:
            return 0
        try:
            with FileLock(self._lock_of(folder), timeout=0):
                leftovers = sum(1 for _ in folder.iterdir())
                shutil.rmtree(folder)
        except Timeout:
            return 0
        self._lock_of(folder).unlink(missing_ok=True)
        return leftovers

    @staticmethod
    def _lock_of(folder: Path) -> Path:
        return folder.with_suffix(".lock")


class Draft:
    """A file being written: bytes go to disk and into the hash; nothing of it stays unless it is moved."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self._hash = hashlib.sha256()
        self._file: BinaryIO | None = None

    def write(self, data: bytes) -> None:
        """Add to the end; the first call makes the file."""
        with storage_errors():
            file = self._open()
            rest = memoryview(data)
            while rest:
                rest = rest[file.write(rest) :]
        self._hash.update(data)
        self.size += len(data)

    def seal(self, data: bytes) -> str:
        """Add the last part, and have the disk really hold it; returns the sha256."""
        self.write(data)
        with storage_errors():
            file = self._open()
            os.fsync(file.fileno())
            file.close()
        return self._hash.hexdigest()

    def discard(self) -> None:
        """Let go of the file, and remove it if it was not moved away."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
        with storage_errors():
            self.path.unlink(missing_ok=True)

    def _open(self) -> BinaryIO:
        if self._file is None:
            self._file = self.path.open("xb", buffering=0)
        return self._file


def move_into_place(source: Path, target: Path) -> None:
    """Rename, durably. May be repeated: the second time there is nothing left to do."""
    with storage_errors():
        if not target.parent.is_dir():
            target.parent.mkdir(parents=True, exist_ok=True)
            _sync_folder(target.parent.parent)
        try:
            source.replace(target)
        except FileNotFoundError:
            if not target.exists():
                raise
        _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    # Windows cannot open a folder, and needs no such thing.
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def open_at(path: Path, start: int) -> BufferedReader:
    try:
        with storage_errors():
            file = path.open("rb")
            file.seek(start)
            return file
    except StorageError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise NotFound(f"The artifact {path.name!r} is not in the store.") from error
        raise


def hash_file(path: Path) -> str:
    """The sha256 of what the file holds now. Raises NotFound."""
    with open_at(path, 0) as file, storage_errors():
        return hashlib.file_digest(file, "sha256").hexdigest()


def remove_file(path: Path) -> None:
    with storage_errors():
        path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stray:
    """A file found in the store."""

    sha256: str
    size: int
    modified: float


def list_shard(shard: Path) -> list[Stray]:
    """The files in one of the store's folders."""
    with storage_errors():
        if not shard.is_dir():
            return []
        entries = [(entry.name, entry.stat()) for entry in os.scandir(shard)]
    return [Stray(sha256=name, size=stat.st_size, modified=stat.st_mtime) for name, stat in entries]
