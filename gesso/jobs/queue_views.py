"""Looking at the queue: one job, a user's queue and history in ComfyUI's order, counts."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, func, select

from gesso.database.schema import IN_HISTORY, IS_QUEUED, IS_RUNNING, flow, job
from gesso.errors import NotFound
from gesso.jobs.job import Counts, Job
from gesso.jobs.queue_rows import JOBS, to_job

_REMAINING = select(flow.c.queued + flow.c.running).where(flow.c.owner == bindparam("wanted"))


def get(conn: Connection, job_id: str, owner: str | None) -> Job:
    """Raises NotFound where there is no such job, or it is not `owner`'s (None: anybody's)."""
    row = conn.execute(JOBS.where(job.c.id == job_id)).one_or_none()
    if row is None or (owner is not None and row.owner != owner):
        raise NotFound(f"There is no job {job_id!r}.")
    return to_job(row)


def same_request(conn: Connection, owner: str, request_hash: str, since: float) -> list[Job]:
    """The owner's jobs of this very request that have not ended, or not before `since`; the latest first."""
    ended = and_(job.c.finished.is_not(None), job.c.finished >= since)
    found = []
    # One by one, for each is read from another index.
    for which in (IS_QUEUED, IS_RUNNING, ended):
        wanted = JOBS.where(which, job.c.owner == owner, job.c.request_hash == request_hash)
        found += [to_job(row) for row in conn.execute(wanted)]
    return sorted(found, key=lambda each: each.seq, reverse=True)


def queued(conn: Connection, owner: str | None) -> list[Job]:
    """In the order in which they will be claimed (of several owners: owner by owner)."""
    order = (job.c.owner, job.c.priority.desc(), job.c.number, job.c.seq)
    return _read(conn, IS_QUEUED, owner, order)


def running(conn: Connection, owner: str | None) -> list[Job]:
    """Longest running first."""
    return _read(conn, IS_RUNNING, owner, (job.c.started, job.c.seq))


def active(conn: Connection, owner: str | None) -> tuple[list[Job], list[Job]]:
    """The running and the queued, at one moment: none in both, none in neither."""
    return running(conn, owner), queued(conn, owner)


def finished(conn: Connection, owner: str | None, limit: int | None, offset: int) -> list[Job]:
    """History, oldest first, as ComfyUI cuts it.

    A negative offset means the last `limit`; with an offset, a limit below 1 means 1.
    """
    if limit is not None and offset < 0:
        offset = count_finished(conn, owner) - limit
    wanted = JOBS.where(IN_HISTORY)
    if owner is not None:
        wanted = wanted.where(job.c.owner == owner)
    wanted = wanted.order_by(job.c.finished, job.c.seq).offset(max(offset, 0))
    if limit is not None:
        wanted = wanted.limit(max(limit, 1))
    return [to_job(row) for row in conn.execute(wanted)]


def count_finished(conn: Connection, owner: str | None) -> int:
    """How many jobs the history holds."""
    wanted = select(func.count()).select_from(job).where(IN_HISTORY)
    if owner is not None:
        wanted = wanted.where(job.c.owner == owner)
    return conn.execute(wanted).scalar_one()


def counts(conn: Connection) -> Counts:
    row = conn.execute(
        select(func.coalesce(func.sum(flow.c.queued), 0), func.coalesce(func.sum(flow.c.running), 0))
    ).one()
    return Counts(queued=int(row[0]), running=int(row[1]))


def remaining(conn: Connection, owner: str) -> int:
    """How many of the owner's jobs are queued or running."""
    return conn.execute(_REMAINING, {"wanted": owner}).scalar() or 0


def integrity(conn: Connection) -> list[str]:
    """What contradicts what in the queue's tables; empty when all is well."""
    wrong = []
    counted: dict[str, list[int]] = {}
    for position, state in enumerate((IS_QUEUED, IS_RUNNING)):
        for owner, number in conn.execute(
            select(job.c.owner, func.count()).where(state).group_by(job.c.owner)
        ):
            counted.setdefault(owner, [0, 0])[position] = number
    for row in conn.execute(select(flow)):
        there = counted.pop(row.owner, [0, 0])
        if [row.queued, row.running] != there:
            wrong.append(f"{row.owner}: the account says {[row.queued, row.running]}, the jobs {there}")
        if not row.running and row.pending:
            wrong.append(f"{row.owner}: {row.pending} s are pending, but nothing runs")
    wrong += [f"{owner}: has jobs {there}, but no account" for owner, there in counted.items()]
    for row in conn.execute(
        select(job.c.id).where(IS_RUNNING, job.c.session.is_(None) | job.c.prompt_id.is_(None))
    ):
        wrong.append(f"job {row.id}: runs, but nobody drives it")
    return wrong


def _read(
    conn: Connection, state: ColumnElement[bool], owner: str | None, order: Sequence[ColumnElement[Any]]
) -> list[Job]:
    wanted = JOBS.where(state)
    if owner is not None:
        wanted = wanted.where(job.c.owner == owner)
    return [to_job(row) for row in conn.execute(wanted.order_by(*order))]
