"""Keys on the database itself, for whoever has no key left, or whose gesso does not start."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from gesso.errors import ConfigError

if TYPE_CHECKING:
    from gesso.access.access import Access

T = TypeVar("T")


def keys(url: str, account: str | None) -> list[dict[str, Any]]:
    """The keys of the account of this name, or of all."""

    async def listed(access: "Access") -> list[dict[str, Any]]:
        owner = None if account is None else (await access.account(account)).id
        return [_plain(key) for key in await access.keys(owner)]

    return _with_access(url, listed)


def create_key(
    url: str,
    account: str,
    name: str,
    *,
    scopes: list[str] | None,
    expires_in_s: float | None,
    in_url: bool = False,
) -> dict[str, Any]:
    expires = None if expires_in_s is None else time.time() + expires_in_s

    async def created(access: "Access") -> dict[str, Any]:
        made = await access.create_key(account, name, scopes=scopes, expires=expires, in_url=in_url)
        return {"key": _plain(made.key), "token": made.token}

    return _with_access(url, created)


def revoke_key(url: str, key_id: str) -> dict[str, Any]:
    async def revoked(access: "Access") -> dict[str, Any]:
        return _plain(await access.revoke_key(key_id))

    return _with_access(url, revoked)


def database_url(path: Path | None, directory: Path | None) -> str:
    """Of the configuration at `path`, or of that with another storage directory; ConfigError for none."""
    from gesso.config.load import load, overridden

    config = load(path).config
    if directory is not None:
        config = overridden(config, {"storage": {"directory": directory.resolve()}})
    _must_exist(config.storage.database_url)
    return config.storage.database_url


def _with_access(url: str, work: Callable[["Access"], Awaitable[T]]) -> T:
    from gesso.access.access import Access
    from gesso.database.database import open_database

    async def run() -> T:
        database = await open_database(url)
        try:
            return await work(Access(database))
        finally:
            await database.close()

    return asyncio.run(run())


def _must_exist(url: str) -> None:
    """Opening a file that is not there would make it, and a key in a new database opens nothing."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite" and not Path(parts.path.removeprefix("/")).exists():
        raise ConfigError(
            f"There is no database {parts.path.removeprefix('/')!r}.",
            remedy="Name what gesso runs with: --config FILE, or --directory DIR.",
        )


def _plain(key: Any) -> dict[str, Any]:
    """A key in the shape of `/gesso/api/keys`."""
    names = ("id", "account", "name", "prefix", "scopes", "in_url", "created", "expires", "revoked", "used")
    plain = asdict(key)
    plain["scopes"] = None if plain["scopes"] is None else sorted(plain["scopes"])
    return {name: plain[name] for name in names}
