"""What the store says of a token: whose it is, what it may, and until when."""

from dataclasses import dataclass

from sqlalchemy import Connection

from gesso.access import accounts, keys, logins, tokens
from gesso.access.accounts import Account
from gesso.access.identity import Identity, Via
from gesso.access.keys import Key
from gesso.access.limits import allowance
from gesso.access.scopes import effective
from gesso.config.limits import RolesConfig
from gesso.errors import Unauthorized


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Who is let in by a token; `ends`: when the token ends by itself; `key`: None after a password."""

    identity: Identity
    ends: float | None
    key: Key | None


def look_up(conn: Connection, digest: str, via: Via, limits: RolesConfig) -> Found:
    """Whoever the token of this digest lets in; Unauthorized where it lets nobody in."""
    if via is Via.COOKIE:
        login = logins.by_digest(conn, digest)
        if login is None or not tokens.same(login.sha256, digest):
            raise Unauthorized("This login has ended.")
        if login.key_id is None:
            return _admitted(accounts.by_id(conn, login.account_id), None, via, login.expires, limits)
        key = keys.find(conn, login.key_id)
        return _admitted(accounts.by_id(conn, key.account_id), key, via, login.expires, limits)
    held = keys.by_digest(conn, digest)
    if held is None or not tokens.same(held.sha256, digest):
        raise Unauthorized("This key is not known here.")
    if via is Via.URL and not held.key.in_url:
        raise Unauthorized("This key was not made for addresses.")
    return _admitted(accounts.by_id(conn, held.key.account_id), held.key, via, None, limits)


def _admitted(account: Account, key: Key | None, via: Via, ends: float | None, limits: RolesConfig) -> Found:
    if key is not None and key.revoked is not None:
        raise Unauthorized("This key was revoked.")
    if account.disabled:
        raise Unauthorized(f"The account {account.name!r} is disabled.")
    expires = None if key is None else key.expires
    identity = Identity(
        account_id=account.id,
        name=account.name,
        role=account.role,
        scopes=effective(account.role, None if key is None else key.scopes),
        key_id=None if key is None else key.id,
        via=via,
        expires=expires,
        allowance=allowance(limits, account.role, account.limits, account.weight),
        has_password=account.has_password,
    )
    moments = [moment for moment in (ends, expires) if moment is not None]
    return Found(identity=identity, ends=min(moments, default=None), key=key)
