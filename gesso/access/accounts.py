"""Accounts: who there is. Plain functions on a connection, one transaction each."""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from gesso.access.limits import changed, checked_weight
from gesso.access.scopes import Role
from gesso.database.schema import account
from gesso.errors import Conflict, NotFound, RequestError

# Names go into log lines, addresses and file names.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
# In the audit, what gesso itself and its operator do.
RESERVED = "gesso"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One user or administrator. A disabled account keeps its jobs and files, but its keys open nothing."""

    id: str
    name: str
    role: Role
    disabled: bool
    created: float
    limits: Mapping[str, Any] = field(default_factory=dict)
    """What differs from its role's limits."""
    weight: float = 1.0
    has_password: bool = False


def create(conn: Connection, name: str, role: Role, now: float) -> Account:
    """A new account. Conflict when the name is taken; "Ada" and "ada" are the same name."""
    if NAME.fullmatch(name) is None or name.lower() == RESERVED:
        raise RequestError(
            f"{name!r} cannot be an account's name.",
            remedy="Use up to 64 letters, digits and `. _ @ -`, with a letter or digit first.",
        )
    if _by_name(conn, name) is not None:
        raise Conflict(f"There is an account {name!r} already.")
    made = Account(id=uuid.uuid4().hex, name=name, role=role, disabled=False, created=now)
    conn.execute(insert(account).values(id=made.id, name=name, role=role.value, created=now))
    return made


def every(conn: Connection) -> list[Account]:
    return [
        _account(row) for row in conn.execute(select(account).order_by(account.c.created, account.c.name))
    ]


def find(conn: Connection, name: str) -> Account:
    """The account of this name or id; NotFound if there is none."""
    row = _by_name(conn, name) or conn.execute(select(account).where(account.c.id == name)).first()
    if row is None:
        raise NotFound(f"There is no account {name!r}.")
    return _account(row)


def by_id(conn: Connection, account_id: str) -> Account:
    """The account of this id, whatever the others are named."""
    row = conn.execute(select(account).where(account.c.id == account_id)).first()
    if row is None:
        raise NotFound("There is no such account any more.")
    return _account(row)


def is_empty(conn: Connection) -> bool:
    return conn.execute(select(account.c.id).limit(1)).first() is None


def set_disabled(conn: Connection, name: str, disabled: bool) -> Account:
    """Disable or enable an account; again is fine. Conflict for the last administrator."""
    found = find(conn, name)
    others = select(func.count()).where(
        account.c.role == Role.ADMIN.value, ~account.c.disabled, account.c.id != found.id
    )
    if disabled and found.role is Role.ADMIN and conn.execute(others).scalar_one() == 0:
        raise Conflict(f"{found.name!r} is the last administrator.")
    conn.execute(update(account).where(account.c.id == found.id).values(disabled=disabled))
    return find(conn, found.id)


def set_limits(conn: Connection, name: str, change: Mapping[str, Any]) -> Account:
    """Change the account's own limits and its weight; what the change does not name stays as it is."""
    found = find(conn, name)
    row = conn.execute(select(account).where(account.c.id == found.id).with_for_update()).one()
    own = changed(row.limits, {key: value for key, value in change.items() if key != "weight"})
    weight = checked_weight(change["weight"]) if "weight" in change else row.weight
    conn.execute(update(account).where(account.c.id == found.id).values(limits=own or None, weight=weight))
    return find(conn, found.id)


def _by_name(conn: Connection, name: str) -> Any:
    return conn.execute(select(account).where(func.lower(account.c.name) == name.lower())).first()


def _account(row: Any) -> Account:
    return Account(
        id=row.id,
        name=row.name,
        role=Role(row.role),
        disabled=bool(row.disabled),
        created=row.created,
        limits=row.limits or {},
        weight=row.weight,
        has_password=row.password_hash is not None,
    )
