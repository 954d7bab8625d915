"""Claiming: the next job, in fair turns, that an engine can run, bound to it in the same transaction."""

import json
import uuid
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Row, ScalarSelect, Select, bindparam, func, or_, select, update

from gesso.database.locks import serialise
from gesso.database.schema import HAS_QUEUED, IS_QUEUED, flow, job, need, turn
from gesso.jobs.fairness import UNKNOWN_COST_S, charge
from gesso.jobs.job import Claim, State
from gesso.jobs.queue_rows import change_job, lock_flow, to_claim, to_flow, write_flow

Accepts = Callable[[tuple[str, ...]], bool]


def claim(
    conn: Connection, engine: str, session: str, accepts: Accepts, limit: int, now: float
) -> list[Claim]:
    """Up to `limit` jobs for `engine`, one fair turn each.

    Everything a crash must not lose is written here, before the engine hears of the job: who drives
    it, where, under which prompt id, and which attempt it is.
    """
    serialise(conn)
    needs = [number for number, names in queued_needs(conn) if accepts(names)]
    claims: list[Claim] = []
    busy: list[int] = []
    while needs and len(claims) < limit:
        asked = {"needs": needs, "engine": engine, "now": now, "busy": busy}
        turn_of = conn.execute(CANDIDATE, asked).one_or_none()
        if turn_of is None:
            break
        taken = _take(conn, turn_of.head, engine, session, now)
        if taken is None:
            # PostgreSQL only: a cancellation holds the row at this moment. Never wait for a job's row.
            busy.append(turn_of.head)
        else:
            claims.append(taken)
    return claims


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


def _head() -> ScalarSelect[Any]:
    """The most urgent, then oldest job of `flow`'s owner that the engine can run."""
    return (
        select(job.c.seq)
        .where(
            job.c.owner == flow.c.owner,
            IS_QUEUED,
            job.c.need_id.in_(bindparam("needs", expanding=True)),
            job.c.not_before <= bindparam("now"),
            or_(
                job.c.avoid_engine.is_(None),
                job.c.avoid_engine != bindparam("engine"),
                job.c.avoid_until <= bindparam("now"),
            ),
            job.c.seq.not_in(bindparam("busy", expanding=True)),
        )
        .order_by(job.c.priority.desc(), job.c.number, job.c.seq)
        .limit(1)
        .correlate(flow)
        .scalar_subquery()
    )


def _candidate() -> Select[Any]:
    """Whose turn it is, and which job: the head of the least-served user who has one."""
    heads = (
        select(flow.c.owner, flow.c.vtime, _head().label("head"))
        .where(HAS_QUEUED, flow.c.running < flow.c.max_running)
        .subquery("heads")
    )
    chosen = select(heads.c.owner, heads.c.head).where(heads.c.head.is_not(None))
    return chosen.order_by(heads.c.vtime, heads.c.head).limit(1)


CANDIDATE = _candidate()
DISTINCT_NEEDS = _distinct_needs()
_FREE: Select[Any] = (
    select(
        *(job.c[name] for name in ("id", "owner", "cost", "attempt", "rev")),
        need.c.seconds,
        turn.c.vtime.label("turn"),
    )
    .join(need, need.c.id == job.c.need_id)
    .join(turn, turn.c.id == 1)
    .where(job.c.seq == bindparam("wanted"), IS_QUEUED)
    .with_for_update(of=job, skip_locked=True)
)
_TURN = update(turn)


def _take(conn: Connection, seq: int, engine: str, session: str, now: float) -> Claim | None:
    row = conn.execute(_FREE, {"wanted": seq}).one_or_none()
    if row is None:
        return None
    account = to_flow(lock_flow(conn, row.owner))
    charged = charge(account, row.turn, _cost_s(row))
    write_flow(conn, row.owner, charged.flow)
    if charged.turn > row.turn:
        conn.execute(_TURN, {"vtime": charged.turn})
    attempt = row.attempt + 1
    claimed = change_job(
        conn,
        seq,
        state=State.RUNNING.value,
        session=session,
        engine=engine,
        attempt=attempt,
        prompt_id=prompt_id(row.id, attempt),
        charge=charged.charge,
        avoid_engine=None,
        avoid_until=None,
        started=now,
        rev=row.rev + 1,
    )
    return to_claim(claimed)


def _cost_s(row: Row[Any]) -> float:
    """The submitter's estimate, else what such jobs took lately, else a guess."""
    known = (seconds for seconds in (row.cost, row.seconds) if seconds is not None)
    return float(next(known, UNKNOWN_COST_S))


def prompt_id(job_id: str, attempt: int) -> str:
    """What the engine knows this attempt by: the job's own id first, then ids derived from it.

    A second attempt needs another id: the engine may still hold the first in its history.
    """
    return job_id if attempt == 1 else str(uuid.uuid5(uuid.NAMESPACE_OID, f"{job_id}/{attempt}"))
