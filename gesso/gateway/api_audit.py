"""`/gesso/api/audit`: who did what to what, from where."""

import time
from typing import Annotated, Any, Self

from fastapi import APIRouter, Depends, Query

from gesso.access import audit
from gesso.access.audit import Audit, Wanted
from gesso.access.identity import Identity
from gesso.gateway.api_answers import Answer
from gesso.gateway.api_caller import holder
from gesso.gateway.since import parse_since

Administrator = Annotated[Identity, Depends(holder("accounts:manage"))]


class Entry(Answer):
    seq: int
    """Grows with each entry; the last one's is the next page's `before`."""
    at: float
    actor: str
    """The account's name then; "gesso" for the operator of its machine, "-" for whoever could not sign in."""
    account_id: str | None
    key_id: str | None
    address: str | None
    """Where the request came from."""
    action: str
    """noun.verb: "key.create", "engine.stop", "job.cancel"."""
    target: str | None
    """An account's or engine's name, a key's or job's id."""
    detail: dict[str, Any] | None

    @classmethod
    def of(cls, entry: audit.Entry) -> Self:
        return cls(**{name: getattr(entry, name) for name in cls.model_fields})


class Entries(Answer):
    entries: list[Entry]
    more: bool
    """There are older ones."""


def audit_routes(kept: Audit) -> APIRouter:
    router = APIRouter(tags=["audit"])

    @router.get("/audit")
    async def list_entries(
        identity: Administrator,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        before: Annotated[int | None, Query(ge=0, lt=1 << 63)] = None,
        actor: str | None = None,
        action: str | None = None,
        target: str | None = None,
        since: str | None = None,
    ) -> Entries:
        """What was done, the latest first; with `before`, what was done before that entry.

        `action` is one ("engine.stop") or a group ("engine"); `since` a date, a time, or "24h", "7d".
        """
        wanted = Wanted(
            limit=limit + 1,
            before=before,
            actor=actor,
            action=action,
            target=target,
            since=None if since is None else parse_since(since, time.time()),
        )
        found = await kept.entries(wanted)
        return Entries(entries=[Entry.of(entry) for entry in found[:limit]], more=len(found) > limit)

    return router
