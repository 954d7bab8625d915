"""The persons for whom a service asks, one that has users of its own: an account for each.

"ada@example.org" of the service "webui" is the account "webui~ada@example.org". Nothing else can have such a
name, and nobody but that service's keys leads to it: a service speaks for its own users, never for the other
accounts here, whatever its users call themselves.
"""

import hashlib
import re
import uuid

from sqlalchemy import Connection, func, select

from gesso.access import accounts
from gesso.access.accounts import Account
from gesso.access.scopes import Role
from gesso.database.locks import upsert
from gesso.database.schema import account
from gesso.errors import Forbidden, NotFound

# No account that somebody names has it.
BEHIND = "~"
# Small letters only: names of accounts are alike whatever the case.
PLAIN = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
FOREIGN = re.compile(r"[^a-z0-9._@-]+")
# A service that names each request's user anew shall not fill the disk.
MOST_PERSONS = 10_000


def account_name(service: str, person: str) -> str:
    """Of the account. What is no plain name is told apart by its hash."""
    if BEHIND in service:
        raise Forbidden(f"{service!r} is the account of a person, and acts for no others.")
    if PLAIN.fullmatch(person):
        return f"{service}{BEHIND}{person}"
    readable = FOREIGN.sub("-", person[:100].lower()).strip("-.")[:40]
    digest = hashlib.sha256(person.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{service}{BEHIND}{readable}{BEHIND}{digest}"


def find(conn: Connection, service: str, person: str) -> Account | None:
    try:
        return accounts.find(conn, account_name(service, person))
    except NotFound:
        return None


def create(conn: Connection, service: str, person: str, now: float) -> Account | None:
    """None where another request has just made it. Forbidden where the service has named too many already."""
    behind = account.c.name.startswith(service + BEHIND, autoescape=True)
    if conn.execute(select(func.count()).where(behind)).scalar_one() >= MOST_PERSONS:
        raise Forbidden(f"{service!r} acts for {MOST_PERSONS} persons already.")
    name = account_name(service, person)
    values = {"id": uuid.uuid4().hex, "name": name, "role": Role.USER.value, "created": now}
    made = conn.execute(upsert(conn, account).on_conflict_do_nothing().returning(account.c.id), values)
    return accounts.find(conn, name) if made.scalar() else None
