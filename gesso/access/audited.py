"""Changes of accounts, keys and logins, each with its line in the audit in one transaction: none without.

`by` None is the operator. What changes nothing, such as revoking again, leaves no line.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from gesso.access import accounts, keys, logins, passwords, persons
from gesso.access.accounts import Account
from gesso.access.audit import record
from gesso.access.grants import Grant, granted
from gesso.access.identity import Identity, Via
from gesso.access.keys import Key, NewKey
from gesso.access.logins import NewLogin
from gesso.access.passwords import NOT_RIGHT
from gesso.access.scopes import OF_ROLE, Role
from gesso.errors import Unauthorized


def first_admin(conn: Connection, now: float) -> NewKey | None:
    if not accounts.is_empty(conn):
        return None
    admin = create_account(conn, "admin", Role.ADMIN, None, None, now)
    asked = Grant(scopes=None, expires=None)
    return create_key(conn, admin.id, "first start", asked, None, None, now)


def create_account(
    conn: Connection, name: str, role: Role, by: Identity | None, address: str | None, now: float
) -> Account:
    made = accounts.create(conn, name, role, now)
    record(conn, by, "user.create", made.name, address=address, detail={"role": role.value}, at=now)
    return made


def create_person(
    conn: Connection, service: Identity, person: str, address: str | None, now: float
) -> Account:
    """The person's account; made, with a line of its own, when the service names them for the first time."""
    made = persons.create(conn, service.name, person, now)
    if made is None:
        return accounts.find(conn, persons.account_name(service.name, person))
    record(conn, service, "user.create", made.name, address=address, detail={"role": made.role.value}, at=now)
    return made


def set_disabled(
    conn: Connection, name: str, disabled: bool, by: Identity | None, address: str | None, now: float
) -> Account:
    before = accounts.find(conn, name)
    after = accounts.set_disabled(conn, before.id, disabled)
    if before.disabled != after.disabled:
        action = "user.disable" if disabled else "user.enable"
        record(conn, by, action, after.name, address=address, at=now)
    return after


def set_limits(
    conn: Connection,
    name: str,
    change: Mapping[str, Any],
    by: Identity | None,
    address: str | None,
    now: float,
) -> Account:
    before = accounts.find(conn, name)
    after = accounts.set_limits(conn, before.id, change)
    if (before.limits, before.weight) != (after.limits, after.weight):
        record(conn, by, "user.limits", after.name, address=address, detail=change, at=now)
    return after


def create_key(
    conn: Connection,
    account: str,
    name: str,
    asked: Grant,
    by: Identity | None,
    address: str | None,
    now: float,
) -> NewKey:
    owner = accounts.find(conn, account)
    grant = asked if by is None else granted(asked, owner, by)
    made = keys.create(conn, owner.id, name, grant.scopes, grant.expires, now, grant.in_url)
    detail = {
        "account": owner.name,
        "name": name,
        "scopes": None if made.key.scopes is None else sorted(made.key.scopes),
        "expires": made.key.expires,
        "in_url": made.key.in_url,
    }
    record(conn, by, "key.create", made.key.id, address=address, detail=detail, at=now)
    return made


def revoke_key(
    conn: Connection,
    key_id: str,
    account_id: str | None,
    by: Identity | None,
    address: str | None,
    now: float,
) -> Key:
    before = keys.find(conn, key_id)
    after = keys.revoke(conn, key_id, account_id, now)
    if before.revoked is None:
        detail = {"account": after.account, "name": after.name}
        record(conn, by, "key.revoke", key_id, address=address, detail=detail, at=now)
    return after


def open_login(
    conn: Connection, identity: Identity, key_id: str, address: str | None, now: float, lasts_s: float
) -> NewLogin:
    opened = logins.create(conn, identity.account_id, key_id, now, lasts_s)
    record(conn, identity, "login.key", address=address, at=now)
    return opened


def sign_in(
    conn: Connection,
    account_id: str,
    checked: str,
    renewed: str | None,
    address: str | None,
    now: float,
    lasts_s: float,
) -> NewLogin:
    """A login with the password whose hash `checked` is; Unauthorized when it was changed meanwhile."""
    found = passwords.stored_of(conn, account_id)
    if found.account is None or found.account.disabled or found.hash != checked:
        raise Unauthorized(NOT_RIGHT)
    if renewed is not None:
        passwords.renew(conn, account_id, checked, renewed)
    opened = logins.create(conn, account_id, None, now, lasts_s)
    who = Identity(
        account_id=account_id,
        name=found.account.name,
        role=found.account.role,
        scopes=OF_ROLE[found.account.role],
        key_id=None,
        via=Via.COOKIE,
    )
    record(conn, who, "login.password", address=address, at=now)
    return opened


def set_password(
    conn: Connection,
    account_id: str,
    old: str | None,
    new: str | None,
    keep: str | None,
    by: Identity | None,
    address: str | None,
    now: float,
) -> Account:
    """Hash `new` in place of hash `old`; the logins end, but for the one with the digest `keep`."""
    after = passwords.replace(conn, account_id, old, new, keep)
    detail = {"removed": new is None}
    record(conn, by, "user.password", after.name, address=address, detail=detail, at=now)
    return after


def close_login(conn: Connection, sha256: str, by: Identity | None, address: str | None, now: float) -> None:
    # None: whose account is disabled, or whose key has ended, may end his login, but proved nothing.
    if logins.end(conn, sha256) and by is not None:
        record(conn, by, "logout", address=address, at=now)
