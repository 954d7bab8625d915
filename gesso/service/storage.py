"""The storage directory: held by one gesso at a time, and swept of what is too old or too much."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from gesso.config.schema import StorageConfig
from gesso.errors import ConfigError, StorageError
from gesso.jobs.artifacts import Artifacts

logger = logging.getLogger(__name__)

SWEEP_EVERY_S = 3600.0


@contextmanager
def held(directory: Path) -> Iterator[None]:
    """The storage directory is ours alone: SQLite's jobs are adopted at start without asking for leases."""
    try:
        # Everybody's pictures are in it: no other account of this machine is let in.
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        (directory / "gesso.lock").touch()
    except OSError as error:
        raise StorageError(
            f"The storage directory {str(directory)!r} cannot be used: {error.strerror}."
        ) from error
    lock = FileLock(directory / "gesso.lock")
    try:
        with lock.acquire(timeout=0):
            yield
    except Timeout as error:
        raise ConfigError(
            f"Another gesso uses the storage directory {str(directory)!r}.",
            remedy="Stop it, or give this one a directory of its own: `gesso up --directory DIR`.",
        ) from error


async def sweep(artifacts: Artifacts, config: StorageConfig) -> None:
    while True:
        with suppress(StorageError):
            swept = await artifacts.sweep(config.keep_days, config.keep_size)
            if swept:
                logger.info("removed %d files, %d artifacts by age or size", swept.files, swept.artifacts)
        await asyncio.sleep(SWEEP_EVERY_S)
