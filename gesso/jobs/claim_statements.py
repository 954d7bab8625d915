"""The statements of a claim: which needs wait, whose turn it is, who comes soon after, the job itself."""

import json
from typing import Any

from sqlalchemy import ColumnElement, Connection, ScalarSelect, Select, bindparam, func, or_, select, update

from gesso.database.schema import HAS_QUEUED, IS_QUEUED, flow, job, need, turn
from gesso.jobs.placement import LOOK_AHEAD


def queued_needs(conn: Connection) -> list[tuple[int, tuple[str, ...]]]:
    """The distinct sets of needs among queued jobs."""
    rows = conn.execute(DISTINCT_NEEDS)
    return [(row.id, tuple(json.loads(row.spec))) for row in rows]


def _distinct_needs() -> Select[Any]:
    """Hops from one set to the next in the index, so that the cost does not grow with the queue."""
    hops = select(func.min(job.c.need_id).label("id")).where(IS_QUEUED).cte("hops", recursive=True)
    following = select(func.min(job.c.need_id)).where(IS_QUEUED, job.c.need_id > hops.c.id).scalar_subquery()
    hops = hops.union_all(select(following).where(hops.c.id.is_not(None)))
    return select(need.c.id, need.c.spec).where(need.c.id.in_(select(hops.c.id)))


def _runnable() -> list[ColumnElement[bool]]:
    """Of a job: it waits, the engine can run it, and nothing keeps it from being taken now."""
    return [
        IS_QUEUED,
        job.c.need_id.in_(bindparam("needs", expanding=True)),
        job.c.not_before <= bindparam("now"),
        or_(
            job.c.avoid_engine.is_(None),
            job.c.avoid_engine != bindparam("engine"),
            job.c.avoid_until <= bindparam("now"),
        ),
        job.c.seq.not_in(bindparam("busy", expanding=True)),
    ]


_ORDER = (job.c.priority.desc(), job.c.number, job.c.seq)


def _head() -> ScalarSelect[Any]:
    """The most urgent, then oldest job of `flow`'s owner that the engine can run."""
    of_owner = select(job.c.seq).where(job.c.owner == flow.c.owner, *_runnable())
    return of_owner.order_by(*_ORDER).limit(1).correlate(flow).scalar_subquery()


def _candidate() -> Select[Any]:
    """Whose turn it is, and which job: the head of the least-served user who has one."""
    heads = (
        select(flow.c.owner, flow.c.vtime, _head().label("head"))
        .where(HAS_QUEUED, flow.c.running < flow.c.max_running)
        .subquery("heads")
    )
    chosen = select(heads.c.owner, heads.c.vtime, heads.c.head).where(heads.c.head.is_not(None))
    return chosen.order_by(heads.c.vtime, heads.c.head).limit(1)


CANDIDATE = _candidate()
DISTINCT_NEEDS = _distinct_needs()
# A user's next jobs.
WINDOW = (
    select(job.c.seq, job.c.need_id, job.c.overtaken, job.c.priority, job.c.number)
    .where(job.c.owner == bindparam("whose"), *_runnable())
    .order_by(*_ORDER)
    .limit(LOOK_AHEAD)
)
# Whose turn comes soon after that of `whose`.
RIVALS = (
    select(flow.c.owner, flow.c.vtime)
    .where(HAS_QUEUED, flow.c.running < flow.c.max_running, flow.c.owner != bindparam("whose"))
    .where(flow.c.vtime >= bindparam("since"), flow.c.vtime <= bindparam("until"))
    .order_by(flow.c.vtime, flow.c.owner)
    .limit(LOOK_AHEAD - 1)
)
_TAKEN = ("id", "seq", "owner", "cost", "attempt", "rev", "need_id", "avoid_engine", "avoid_until")
FREE: Select[Any] = (
    select(*(job.c[name] for name in _TAKEN), need.c.seconds, turn.c.vtime.label("turn"))
    .join(need, need.c.id == job.c.need_id)
    .join(turn, turn.c.id == 1)
    .where(job.c.seq == bindparam("wanted"), IS_QUEUED)
    .with_for_update(of=job, skip_locked=True)
)
_PASSED = (
    select(job.c.seq)
    .where(job.c.seq.in_(bindparam("passed", expanding=True)), IS_QUEUED, job.c.overtaken.is_(None))
    .with_for_update(skip_locked=True)
)
OVERTAKE = update(job).where(job.c.seq.in_(_PASSED)).values(overtaken=bindparam("at"))
