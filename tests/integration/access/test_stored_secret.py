"""Secrets of the installation."""

import asyncio
from pathlib import Path

from gesso.access.stored_secret import BYTES, stored_secret
from gesso.database.database import open_database


def test_a_secret_is_made_once_for_each_name_and_outlives_a_restart(tmp_path: Path) -> None:
    async def secrets() -> list[bytes]:
        database = await open_database(f"sqlite:///{tmp_path / 'gesso.sqlite3'}")
        try:
            return [await database.tx(stored_secret, name) for name in ("links", "links", "others")]
        finally:
            await database.close()

    first, again, other = asyncio.run(secrets())
    assert first == again != other and len(first) == BYTES
    assert asyncio.run(secrets()) == [first, first, other]
