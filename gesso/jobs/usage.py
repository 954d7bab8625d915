"""What accounts have used: queries over jobs and files, so that no ledger can drift from them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, case, func, select

from gesso.config.values import size_text
from gesso.database.schema import file, flow, job, userdata
from gesso.errors import OverLimit
from gesso.jobs.job import State

DAY_S = 86_400.0
# Waiting does not free space; a sweep by age may, once an hour.
STORAGE_RETRY_S = 3600.0
FIRST_DAY = datetime(1970, 1, 1, tzinfo=UTC).date()


class By(StrEnum):
    """What the rows of a report are."""

    USER = "user"
    DAY = "day"
    ENGINE = "engine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """One row: of the account with the id `key`, of a day (UTC, "2026-11-21") or of an engine ("": none)."""

    key: str
    jobs: int = 0
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    gpu_seconds: float = 0.0
    storage: int = 0
    """By user, what the account's files weigh now; else what was stored then or by it, and is still there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What an account has of what is limited, now."""

    unfinished: int
    running: int
    gpu_seconds: float
    """Of jobs that ended in the last 24 hours."""
    storage: int


def _seconds() -> Select[Any]:
    return select(func.coalesce(func.sum(job.c.seconds), 0.0)).where(
        job.c.owner == bindparam("owner"), job.c.finished >= bindparam("since")
    )


def _stored() -> Select[Any]:
    files = select(func.coalesce(func.sum(file.c.size), 0)).where(file.c.account_id == bindparam("owner"))
    saved = select(func.coalesce(func.sum(userdata.c.size), 0)).where(
        userdata.c.account_id == bindparam("owner")
    )
    return select(files.scalar_subquery() + saved.scalar_subquery())


def _freed() -> Select[Any]:
    """The end of the job after whose leaving the window more than `excess` seconds have left it."""
    left = func.sum(job.c.seconds).over(order_by=job.c.finished).label("left")
    ended = (
        select(job.c.finished, left)
        .where(job.c.owner == bindparam("owner"), job.c.finished >= bindparam("since"))
        .subquery()
    )
    return select(func.min(ended.c.finished)).where(ended.c.left > bindparam("excess"))


SECONDS, STORED, FREED = _seconds(), _stored(), _freed()
_FLOW = select(flow.c.queued, flow.c.running).where(flow.c.owner == bindparam("owner"))


def standing(conn: Connection, owner: str, now: float) -> Standing:
    counted = conn.execute(_FLOW, {"owner": owner}).one_or_none()
    queued, running = (0, 0) if counted is None else counted
    return Standing(
        unfinished=queued + running,
        running=running,
        gpu_seconds=worked_s(conn, owner, now),
        storage=stored_bytes(conn, owner),
    )


def worked_s(conn: Connection, owner: str, now: float) -> float:
    """How long engines were at work on jobs of the owner's that ended in the last 24 hours."""
    return float(conn.execute(SECONDS, {"owner": owner, "since": now - DAY_S}).scalar_one())


def stored_bytes(conn: Connection, owner: str) -> int:
    """What the owner's files weigh: uploads, what jobs made, saved workflows."""
    return int(conn.execute(STORED, {"owner": owner}).scalar_one())


def check_seconds(conn: Connection, owner: str, limit_s: float | None, now: float) -> None:
    """OverLimit, until enough of the last 24 hours' work is longer ago."""
    if limit_s is None:
        return
    used_s = worked_s(conn, owner, now)
    if used_s < limit_s:
        return
    asked = {"owner": owner, "since": now - DAY_S, "excess": used_s - limit_s}
    freed = conn.execute(FREED, asked).scalar()
    wait_s = DAY_S if freed is None else freed + DAY_S - now
    raise OverLimit(
        f"Engines have worked {used_s:.0f} s for you in the last 24 hours; your limit is {limit_s:.0f} s.",
        retry_after_s=min(max(wait_s, 1.0), DAY_S),
        remedy="What waits will still run. Submit more when older work is longer ago than 24 hours.",
    )


def check_storage(conn: Connection, owner: str, limit: int | None) -> None:
    """OverLimit where the files that are there already weigh more than may be."""
    if limit is not None and (used := stored_bytes(conn, owner)) > limit:
        raise over_storage(used, limit)


@contextmanager
def within_storage(conn: Connection, owner: str, limit: int | None) -> Iterator[None]:
    """OverLimit at the end, where what was done made the owner's files grow beyond the limit."""
    if limit is None:
        yield
        return
    before = stored_bytes(conn, owner)
    yield
    after = stored_bytes(conn, owner)
    if after > max(limit, before):
        raise over_storage(before, limit, after - before)


def over_storage(used: int, limit: int, more: int = 0) -> OverLimit:
    added = f", and this would add {size_text(more)}" if more else ""
    return OverLimit(
        f"Your files weigh {size_text(used)}{added}; your limit is {size_text(limit)}.",
        retry_after_s=STORAGE_RETRY_S,
        remedy="Delete files that you need no more (`gesso files list --largest`), or saved workflows; "
        "or ask an administrator for more room.",
    )


def usage(conn: Connection, by: By, since: float, until: float, owner: str | None) -> list[Used]:
    """A row for each account, day or engine, in the order of their keys; `owner` None: of everybody."""
    rows: dict[Any, dict[str, Any]] = {}
    for row in conn.execute(_jobs(by, since, until, owner)):
        rows[row.key] = dict(row._mapping)
    for row in conn.execute(_storage(by, since, until, owner)):
        stored = rows.setdefault(row.key, {"key": row.key})
        stored["storage"] = stored.get("storage", 0) + int(row.storage)
    found = [Used(**{**row, "key": _key(by, key)}) for key, row in rows.items()]
    return sorted(found, key=lambda used: used.key)


def _jobs(by: By, since: float, until: float, owner: str | None) -> Select[Any]:
    key = {By.USER: job.c.owner, By.DAY: _day(job.c.finished), By.ENGINE: job.c.engine}[by].label("key")
    ended = [_how_many(state) for state in State if state.ended]
    seconds = func.coalesce(func.sum(job.c.seconds), 0.0).label("gpu_seconds")
    wanted = select(key, func.count().label("jobs"), *ended, seconds).where(
        job.c.finished >= since, job.c.finished < until
    )
    return (wanted if owner is None else wanted.where(job.c.owner == owner)).group_by(key)


def _how_many(state: State) -> ColumnElement[int]:
    return func.sum(case((job.c.state == state.value, 1), else_=0)).label(state.value)


def _storage(by: By, since: float, until: float, owner: str | None) -> Any:
    size = func.sum(file.c.size).label("storage")
    if by is By.USER:
        saved = select(userdata.c.account_id.label("key"), func.sum(userdata.c.size).label("storage"))
        files = select(file.c.account_id.label("key"), size)
        if owner is not None:
            saved = saved.where(userdata.c.account_id == owner)
            files = files.where(file.c.account_id == owner)
        return files.group_by(file.c.account_id).union_all(saved.group_by(userdata.c.account_id))
    then = [file.c.created >= since, file.c.created < until]
    if owner is not None:
        then.append(file.c.account_id == owner)
    if by is By.DAY:
        day = _day(file.c.created).label("key")
        return select(day, size).where(*then).group_by(day)
    made = select(job.c.engine.label("key"), size).join(job, job.c.id == file.c.job_id)
    return made.where(*then).group_by(job.c.engine)


def _day(moment: ColumnElement[float]) -> ColumnElement[float]:
    return func.floor(moment / DAY_S)


def _key(by: By, key: Any) -> str:
    if by is By.DAY:
        return (FIRST_DAY + timedelta(days=int(key))).isoformat()
    return key or ""
