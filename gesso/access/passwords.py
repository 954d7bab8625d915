"""Passwords: hashed with argon2 in threads, two at a time, and as slowly for a name that does not exist."""

import asyncio
import secrets
import unicodedata
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import ColumnElement, Connection, func, select, update

from gesso.access import accounts, logins
from gesso.access.accounts import Account
from gesso.database.schema import account
from gesso.errors import Conflict, OverLimit, RequestError

T = TypeVar("T")

SHORTEST = 10  # characters
LONGEST_BYTES = 1024
# A hash takes 64 MiB and a good part of a second: more than these would take the machine from the jobs.
AT_ONCE = 2
WAITING = 64
RETRY_AFTER_S = 5.0
NOT_RIGHT = "Wrong name or password."


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """An account as somebody signing in finds it: no account, and one without a password, look alike."""

    account: Account | None
    hash: str | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """Whether the password was right; `renewed`: its hash with today's parameters, where those have grown."""

    right: bool
    renewed: str | None = field(default=None, repr=False)


class Passwords:
    """Makes and checks hashes off the event loop. More than WAITING at a time are OverLimit."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="passwords")
        self._waiting = 0
        self._nobodys = _hash_of_nothing(self._hasher)

    async def hash(self, password: str) -> str:
        """What is stored of a new password; RequestError when it is too short or too long."""
        return await self._run(self._hasher.hash, acceptable(password))

    async def check(self, stored: str | None, password: str) -> Checked:
        """Whether `password` is the one that was stored; None takes as long, and is never right."""
        text = _bytes(password)
        if len(text) > LONGEST_BYTES:
            return Checked(right=False)
        return await self._run(self._check, stored, text)

    def _check(self, stored: str | None, text: bytes) -> Checked:
        try:
            self._hasher.verify(stored or self._nobodys, text)
        except (VerificationError, InvalidHashError):
            return Checked(right=False)
        if stored is None:
            return Checked(right=False)
        grown = self._hasher.check_needs_rehash(stored)
        return Checked(right=True, renewed=self._hasher.hash(text) if grown else None)

    async def _run(self, fn: Callable[..., T], *args: object) -> T:
        if self._waiting >= WAITING:
            raise OverLimit("Too many people sign in at this moment.", retry_after_s=RETRY_AFTER_S)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, fn, *args)
        finally:
            self._waiting -= 1


def acceptable(password: str) -> bytes:
    """What is hashed of a new password; RequestError when it is too short or too long: no other rule."""
    text = _bytes(password)
    if len(unicodedata.normalize("NFC", password)) < SHORTEST:
        raise RequestError(
            f"A password has at least {SHORTEST} characters.", remedy="Take a longer one: four words do well."
        )
    if len(text) > LONGEST_BYTES:
        raise RequestError(f"A password has at most {LONGEST_BYTES} bytes.", remedy="Take a shorter one.")
    return text


def stored(conn: Connection, name: str) -> Stored:
    """What is stored under an account's name; ids are not names here."""
    return _stored(conn, func.lower(account.c.name) == name.lower())


def stored_of(conn: Connection, account_id: str) -> Stored:
    return _stored(conn, account.c.id == account_id)


def replace(conn: Connection, account_id: str, old: str | None, new: str | None, keep: str | None) -> Account:
    """Put hash `new` in place of `old` and end the account's logins, but for the one with the digest `keep`.

    Conflict when the password is not `old` any more: two who change it at once do not both succeed.
    """
    _swap(conn, account_id, old, new)
    logins.end_all(conn, account_id, keep)
    return accounts.find(conn, account_id)


def renew(conn: Connection, account_id: str, old: str, new: str) -> None:
    """The same password, hashed anew: logins go on."""
    _swap(conn, account_id, old, new)


def _stored(conn: Connection, which: ColumnElement[bool]) -> Stored:
    row = conn.execute(select(account.c.id, account.c.password_hash).where(which)).first()
    if row is None:
        return Stored(account=None, hash=None)
    return Stored(account=accounts.by_id(conn, row.id), hash=row.password_hash)


def _swap(conn: Connection, account_id: str, old: str | None, new: str | None) -> None:
    # "is" compares NULL with NULL, too.
    before = account.c.password_hash.is_not_distinct_from(old)
    changed = conn.execute(
        update(account).where(account.c.id == account_id, before).values(password_hash=new)
    )
    if changed.rowcount != 1:
        raise Conflict("The password was changed by somebody else meanwhile.")


def any_exists(conn: Connection) -> bool:
    """Whether anybody has a password."""
    has_one = select(account.c.id).where(account.c.password_hash.is_not(None), ~account.c.disabled)
    return conn.execute(has_one.limit(1)).first() is not None


def _bytes(password: str) -> bytes:
    """One password whatever keyboard it is typed on: "é" is one character or two, depending on the system."""
    try:
        return unicodedata.normalize("NFC", password).encode()
    except UnicodeEncodeError as error:
        raise RequestError("A password is text, and half a character is not.") from error


def _hash_of_nothing(hasher: PasswordHasher) -> str:
    """A hash that no password has, as costly to check as a new one."""
    salt, digest = (
        b64encode(secrets.token_bytes(size)).decode().rstrip("=")
        for size in (hasher.salt_len, hasher.hash_len)
    )
    costs = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2{hasher.type.name.lower()}$v=19${costs}${salt}${digest}"
