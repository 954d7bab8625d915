"""Keys: made, listed, revoked, looked up. Plain functions on a connection; stored are hashes only."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, insert, or_, select, update

from gesso.access import tokens
from gesso.database.schema import account, key
from gesso.errors import NotFound, RequestError

USED_EVERY_S = 60.0
"""`used` is written at most this often, so that reading with a key is not a write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What may be shown of a key. `scopes` None: all that its account's role has."""

    id: str
    account_id: str
    account: str
    name: str
    prefix: str
    scopes: frozenset[str] | None
    in_url: bool
    """Whether it may be sent in an address, too."""
    created: float
    expires: float | None
    revoked: float | None
    used: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key just made, with the token: the only time that it can be seen."""

    key: Key
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A stored key, with what its token is compared with."""

    key: Key
    sha256: str = field(repr=False)


def create(
    conn: Connection,
    account_id: str,
    name: str,
    scopes: Iterable[str] | None,
    expires: float | None,
    now: float,
    in_url: bool = False,
) -> NewKey:
    if not name or len(name) > 100 or not name.isprintable():
        raise RequestError("A key's name is 1 to 100 printable characters.")
    if expires is not None and expires <= now:
        raise RequestError("A key must expire later than now.")
    token = tokens.new_key()
    key_id = secrets.token_hex(6)
    conn.execute(
        insert(key).values(
            id=key_id,
            account_id=account_id,
            name=name,
            prefix=token[: tokens.SHOWN],
            sha256=tokens.digest(token),
            scopes=None if scopes is None else sorted(scopes),
            in_url=in_url,
            created=now,
            expires=expires,
        )
    )
    return NewKey(key=find(conn, key_id), token=token)


def every(conn: Connection, account_id: str | None) -> list[Key]:
    """The keys of one account, or all; revoked ones too, newest last."""
    query = _with_name().order_by(key.c.created, key.c.id)
    if account_id is not None:
        query = query.where(key.c.account_id == account_id)
    return [_key(row) for row in conn.execute(query)]


def find(conn: Connection, key_id: str) -> Key:
    row = conn.execute(_with_name().where(key.c.id == key_id)).first()
    if row is None:
        raise NotFound(f"There is no key {key_id!r}.")
    return _key(row)


def revoke(conn: Connection, key_id: str, account_id: str | None, now: float) -> Key:
    """Revoke a key, of this account if one is named; again is fine and keeps the first time."""
    found = find(conn, key_id)
    if account_id is not None and found.account_id != account_id:
        raise NotFound(f"There is no key {key_id!r}.")
    conn.execute(update(key).where(key.c.id == key_id, key.c.revoked.is_(None)).values(revoked=now))
    return find(conn, key_id)


def by_digest(conn: Connection, sha256: str) -> Held | None:
    row = conn.execute(_with_name().where(key.c.sha256 == sha256)).first()
    return None if row is None else Held(key=_key(row), sha256=row.sha256)


def touch(conn: Connection, key_id: str, now: float) -> None:
    """Note that the key was used, unless that was noted within the last minute."""
    stale = or_(key.c.used.is_(None), key.c.used <= now - USED_EVERY_S)
    conn.execute(update(key).where(key.c.id == key_id, stale).values(used=now))


def _with_name() -> Any:
    return select(key, account.c.name.label("account_name")).join(account, account.c.id == key.c.account_id)


def _key(row: Any) -> Key:
    return Key(
        id=row.id,
        account_id=row.account_id,
        account=row.account_name,
        name=row.name,
        prefix=row.prefix,
        scopes=None if row.scopes is None else frozenset(row.scopes),
        in_url=bool(row.in_url),
        created=row.created,
        expires=row.expires,
        revoked=row.revoked,
        used=row.used,
    )
