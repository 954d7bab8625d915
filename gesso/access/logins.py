"""Logins of browsers: a cookie stands for the key it was opened with, or for a password, and ends with it."""

from dataclasses import dataclass, field

from sqlalchemy import Connection, delete, insert, select

from gesso.access import tokens
from gesso.database.schema import login

LASTS_S = 14 * 24 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLogin:
    """A login just opened; `token` is what the cookie carries."""

    token: str = field(repr=False)
    expires: float
    lasts_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLogin:
    """A stored login; `key_id` None: it was opened with the account's password."""

    sha256: str = field(repr=False)
    expires: float
    account_id: str
    key_id: str | None


def create(conn: Connection, account_id: str, key_id: str | None, now: float, lasts_s: float) -> NewLogin:
    """A new login; those that have ended are cleared away on the occasion."""
    conn.execute(delete(login).where(login.c.expires <= now))
    token = tokens.new_cookie()
    expires = now + lasts_s
    conn.execute(
        insert(login).values(
            sha256=tokens.digest(token), account_id=account_id, key_id=key_id, created=now, expires=expires
        )
    )
    return NewLogin(token=token, expires=expires, lasts_s=lasts_s)


def by_digest(conn: Connection, sha256: str) -> OpenLogin | None:
    row = conn.execute(select(login).where(login.c.sha256 == sha256)).first()
    if row is None:
        return None
    return OpenLogin(sha256=row.sha256, expires=row.expires, account_id=row.account_id, key_id=row.key_id)


def end(conn: Connection, sha256: str) -> bool:
    """Whether there was such a login."""
    return conn.execute(delete(login).where(login.c.sha256 == sha256)).rowcount > 0


def end_all(conn: Connection, account_id: str, keep: str | None) -> None:
    """End every login of the account, but for the one with the digest `keep`."""
    of_account = login.c.account_id == account_id
    conn.execute(delete(login).where(of_account if keep is None else of_account & (login.c.sha256 != keep)))
