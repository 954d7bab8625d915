"""`/gesso/api`: what an account may have and do, what it has, and what was used."""

import csv
import io
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated, Literal, Self

from fastapi import APIRouter, Depends
from fastapi.responses import PlainTextResponse
from pydantic import StrictFloat, StrictInt
from starlette.responses import Response

from gesso.access.access import Access
from gesso.access.accounts import Account
from gesso.access.identity import Identity
from gesso.access.limits import Allowance
from gesso.access.scopes import Role
from gesso.gateway.api_answers import CSV, Answer, Asked
from gesso.gateway.api_caller import Where, caller, holder
from gesso.gateway.limits import limits_of
from gesso.gateway.since import parse_since
from gesso.jobs import usage
from gesso.jobs.queue import Queue
from gesso.jobs.usage import By, Standing

Caller = Annotated[Identity, Depends(caller)]
Owner = Annotated[Identity, Depends(holder("jobs:own"))]
Administrator = Annotated[Identity, Depends(holder("accounts:manage"))]

OpenSockets = Callable[[str], int]
"""`Sockets.open_of`: how many sockets an account has open."""


class Limit(Answer):
    used: int | float | None
    """null: that is nothing which adds up."""
    limit: int | float | None
    """null: there is none."""
    own: bool
    """It is set for this account, and not its role's."""


class LimitsByName(Answer):
    jobs_queued: Limit
    """Unfinished jobs."""
    jobs_running: Limit
    gpu_seconds_per_day: Limit
    """Of jobs that ended in the last 24 hours."""
    storage: Limit
    """Bytes of uploads, pictures and saved workflows."""
    requests_per_s: Limit
    sockets: Limit
    body: Limit
    """Bytes of one request."""


class Limits(Answer):
    account: str
    role: Role
    weight: float
    """Its share where several accounts wait; 1 is usual."""
    limits: LimitsByName
    usual: dict[str, int | float | None]
    """By name of the limit, what accounts of this role have; null: no limit."""

    @classmethod
    def of(
        cls, account: Account, allowance: Allowance, usual: Allowance, standing: Standing, sockets: int
    ) -> Self:
        used: Mapping[str, int | float | None] = {
            "jobs_queued": standing.unfinished,
            "jobs_running": standing.running,
            "gpu_seconds_per_day": standing.gpu_seconds,
            "storage": standing.storage,
            "sockets": sockets,
        }
        named = {
            name: Limit(used=used.get(name), limit=getattr(allowance, name), own=name in account.limits)
            for name in LimitsByName.model_fields
        }
        return cls(
            account=account.name,
            role=account.role,
            weight=allowance.weight,
            limits=LimitsByName(**named),
            usual={name: getattr(usual, name) for name in LimitsByName.model_fields},
        )


class ChangeLimits(Asked):
    """null: as the role has it. "none": no limit. What is not named stays as it is."""

    jobs_queued: StrictInt | str | None = None
    jobs_running: StrictInt | str | None = None
    gpu_seconds_per_day: StrictFloat | str | None = None
    storage: StrictInt | str | None = None
    """Bytes, or text like "5GB"."""
    requests_per_s: StrictFloat | str | None = None
    sockets: StrictInt | str | None = None
    body: StrictInt | str | None = None
    weight: StrictFloat | None = None
    """Twice the weight, twice the GPU-seconds while others wait; null: 1."""


class Used(Answer):
    key: str
    """The account's name, the day (UTC), or the engine ("" of jobs that never came to one)."""
    jobs: int
    """That ended in the time asked for."""
    succeeded: int
    failed: int
    cancelled: int
    gpu_seconds: float
    storage: int
    """By user, what the files weigh now; else of what was made then or there, what is still kept."""

    @classmethod
    def of(cls, used: usage.Used, key: str) -> Self:
        return cls(key=key, **{name: getattr(used, name) for name in cls.model_fields if name != "key"})


class Usage(Answer):
    since: float
    until: float
    by: By
    rows: list[Used]


def limit_routes(access: Access, queue: Queue, open_sockets: OpenSockets) -> APIRouter:
    router = APIRouter(tags=["limits"])

    async def shown(account: Account) -> Limits:
        standing = await queue.standing(account.id)
        usual = access.allowance(replace(account, limits={}))
        return Limits.of(account, access.allowance(account), usual, standing, open_sockets(account.id))

    @router.get("/limits")
    async def show_limits(identity: Caller, account: str | None = None) -> Limits:
        """Your limits, and what you have of each; another account's with accounts:manage."""
        if account is not None:
            identity.require("accounts:manage")
        return await shown(await access.account(account or identity.account_id))

    @router.patch("/users/{name}/limits")
    async def change_limits(identity: Administrator, where: Where, name: str, asked: ChangeLimits) -> Limits:
        """Change an account's own limits. They count at once, also for jobs that wait already."""
        change = asked.model_dump(include=asked.model_fields_set)
        account = await access.set_limits(name, change, by=identity, address=where)
        await queue.set_limits(account.id, limits_of(access.allowance(account)))
        return await shown(account)

    @router.get("/usage", response_model=Usage, responses=CSV)
    async def show_usage(
        identity: Owner,
        by: By = By.DAY,
        since: str = "30d",
        until: str | None = None,
        all: bool = False,
        format: Literal["json", "csv"] = "json",
    ) -> Usage | Response:
        """What you used; what everybody used with jobs:all. `since` is a date, a time, or "24h", "7d"."""
        if all:
            identity.require("jobs:all")
        now = time.time()
        begin, end = parse_since(since, now), now if until is None else parse_since(until, now)
        found = await queue.usage(by, begin, end, None if all else identity.account_id)
        name_of = {identity.account_id: identity.name}
        if all and by is By.USER:
            name_of = {account.id: account.name for account in await access.accounts()}
        rows = [Used.of(used, name_of.get(used.key, used.key)) for used in found]
        rows.sort(key=lambda row: row.key.lower())
        if format == "csv":
            return PlainTextResponse(_csv(by, rows), media_type="text/csv; charset=utf-8")
        return Usage(since=begin, until=end, by=by, rows=rows)

    return router


def _csv(by: By, rows: list[Used]) -> str:
    text = io.StringIO()
    names = list(Used.model_fields)
    table = csv.writer(text, lineterminator="\n")
    table.writerow([by.value, *names[1:]])
    table.writerows([getattr(row, name) for name in names] for row in rows)
    return text.getvalue()
