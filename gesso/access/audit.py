"""Audit: who did what to what, from where. Lines are only ever added."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, insert, select

from gesso.access import tokens
from gesso.access.accounts import RESERVED
from gesso.access.failed_logins import FailedLogins
from gesso.access.identity import Identity
from gesso.database.database import Database
from gesso.database.schema import audit
from gesso.errors import StorageError

logger = logging.getLogger(__name__)

OPERATOR = RESERVED
"""Who acts where no account does: gesso itself, or whoever has its machine (`gesso keys create --local`)."""
NOBODY = "-"
"""Whoever tried to sign in and could not. No account can have either name."""

# An administrator's page asks for the queue of all every few seconds: that he looks is written this often.
LOOKS_EVERY_S = 600.0
LOOKS_REMEMBERED = 4096
TEXT_MOST = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line. Names are as they were then; `account_id` None: OPERATOR or NOBODY.

    Example: actor "admin", action "key.create", target "1f0c9b…", address "10.0.0.7",
    detail {"account": "ada", "name": "laptop", "scopes": None, "expires": None}.
    """

    seq: int
    at: float
    actor: str
    account_id: str | None
    key_id: str | None
    address: str | None
    action: str
    target: str | None
    detail: dict[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which lines to read. `action` "engine": every "engine.…"; `before`: only those older than that seq."""

    limit: int = 100
    before: int | None = None
    actor: str | None = None
    action: str | None = None
    target: str | None = None
    since: float | None = None


def record(
    conn: Connection,
    by: Identity | None,
    action: str,
    target: str | None = None,
    *,
    address: str | None = None,
    detail: Mapping[str, Any] | None = None,
    at: float,
    actor: str = OPERATOR,
) -> None:
    """Add a line in the caller's transaction. `actor` counts where `by` is None.

    `action` is noun.verb; `target` names what it was done to: an account's or engine's name, a key's or
    job's id. Nothing secret goes into `detail`; what looks like a key is struck out nevertheless.
    """
    conn.execute(
        insert(audit).values(
            at=at,
            account_id=None if by is None else by.account_id,
            actor=actor if by is None else by.name,
            key_id=None if by is None else by.key_id,
            address=_tamed(address),
            action=action,
            target=_tamed(target),
            detail=None if detail is None else _tamed(dict(detail)),
        )
    )


def entries(conn: Connection, wanted: Wanted) -> list[Entry]:
    """The lines wanted, the latest first."""
    conditions: list[ColumnElement[bool]] = []
    if wanted.before is not None:
        conditions.append(audit.c.seq < wanted.before)
    if wanted.actor is not None:
        conditions.append(audit.c.actor == wanted.actor)
    if wanted.action is not None:
        noun = audit.c.action.startswith(wanted.action + ".", autoescape=True)
        conditions.append((audit.c.action == wanted.action) | noun)
    if wanted.target is not None:
        conditions.append(audit.c.target == wanted.target)
    if wanted.since is not None:
        conditions.append(audit.c.at >= wanted.since)
    rows = conn.execute(select(audit).where(*conditions).order_by(audit.c.seq.desc()).limit(wanted.limit))
    return [Entry(**row._mapping) for row in rows]


class Audit:
    """The audit, for what is done outside of a transaction of its own.

    What changes accounts and keys is recorded by `Access`, in the transaction that changes them. Everything
    else is noted *before* it is done, and refused when that cannot be written: nothing happens unseen.
    Only what stops something (`even_unwritten`) is done all the same, with a warning in gesso's log in
    place of the line: an engine that fills the disk must not be kept running by the full disk.

    A line takes about 200 bytes, and lines stay for ever.
    """

    def __init__(
        self,
        db: Database,
        clock: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._db = db
        self._clock = clock
        self._timer = timer
        self._looks: dict[tuple[object, ...], float] = {}
        self._looking = asyncio.Lock()
        self._failed = FailedLogins()

    async def note(
        self,
        by: Identity | None,
        action: str,
        target: str | None = None,
        *,
        address: str | None = None,
        detail: Mapping[str, Any] | None = None,
        even_unwritten: bool = False,
    ) -> None:
        """Add a line; StorageError (and so no action) when it cannot be, unless `even_unwritten`."""
        try:
            await self._add(by, action, target, address, detail)
        except StorageError as error:
            if not even_unwritten:
                raise
            who = OPERATOR if by is None else by.name
            logger.warning(
                "not in the audit (%s): %s %s %s from %s", error.message, who, action, target, address
            )

    async def looked(
        self,
        by: Identity,
        action: str,
        target: str | None = None,
        *,
        address: str | None = None,
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        """As `note`, for what only shows something: the same look again is written once in ten minutes."""
        look = (by.account_id, by.key_id, action, target, address, repr(detail))
        if self._is_known(look):
            return
        async with self._looking:
            if not self._is_known(look):
                await self._add(by, action, target, address, detail)
                self._remember(look)

    async def login_failed(self, address: str, place: str, target: str | None = None) -> None:
        """A sign-in that failed: one line a minute for each `place`, the others counted in a later one.

        `target`: the account that was tried, if there is one. Never what was typed: it may be a password.
        """
        now = self._timer()
        try:
            await self._write_counted(now)
            if self._failed.add(place, now):
                await self._add(None, "login.failed", target, address, None, NOBODY)
        except StorageError as error:
            logger.warning("a failed login from %s could not be noted: %s", address, error.message)

    async def entries(self, wanted: Wanted) -> list[Entry]:
        """The lines wanted, the latest first."""
        await self._write_counted(self._timer())
        return await self._db.read(entries, wanted)

    async def _write_counted(self, now: float) -> None:
        for place, count in self._failed.over(now):
            await self._add(None, "login.failed", None, place, {"more": count}, NOBODY)

    async def _add(
        self,
        by: Identity | None,
        action: str,
        target: str | None,
        address: str | None,
        detail: Mapping[str, Any] | None,
        actor: str = OPERATOR,
    ) -> None:
        def add(conn: Connection) -> None:
            record(conn, by, action, target, address=address, detail=detail, at=self._clock(), actor=actor)

        await self._db.tx(add)

    def _is_known(self, look: tuple[object, ...]) -> bool:
        since = self._looks.get(look)
        return since is not None and self._timer() - since < LOOKS_EVERY_S

    def _remember(self, look: tuple[object, ...]) -> None:
        if len(self._looks) >= LOOKS_REMEMBERED:
            self._looks.clear()  # more lines than need be, never fewer
        self._looks[look] = self._timer()


def _tamed(value: Any) -> Any:
    """JSON with no text that is long or looks like a key."""
    match value:
        case str():
            text = tokens.KEY.sub("gesso_***", value)
            return text if len(text) <= TEXT_MOST else text[:TEXT_MOST] + "…"
        case dict():
            return {str(name): _tamed(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_tamed(inner) for inner in value]
        case _:
            return value
