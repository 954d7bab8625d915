"""How jobs leave: finished, given back, cancelled, deleted from history; fenced where they run."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, or_, select, update

from gesso.database.locks import serialise
from gesso.database.schema import IN_HISTORY, IS_QUEUED, IS_RUNNING, job, need
from gesso.errors import JobLost
from gesso.jobs.fairness import Flow, learn, requeue, settle, withdraw
from gesso.jobs.job import Cancelled, Claim, Job, State
from gesso.jobs.queue_rows import change_job, lock_flow, to_flow, to_job, unpin_inputs, write_flow


def finish(
    conn: Connection,
    claim: Claim,
    state: State,
    outputs: dict[str, Any] | None,
    error: dict[str, Any] | None,
    meta: dict[str, Any] | None,
    now: float,
    seconds: float | None = None,
    silence: float | None = None,
) -> Job | None:
    """Record the end; the charge becomes the real seconds. None: the claim is no longer ours.

    `seconds`: how long its engine was at work on it; not known: as long as the claim was held.
    `silence`: the longest time in which the engine told no progress.
    """
    row = _held(conn, claim)
    if row is None:
        return None
    # Held is longer: the engine may have been at work on another's job first.
    held_s = _real_s(row, now)
    real_s = held_s if seconds is None else min(seconds, held_s)
    result = {"outputs": outputs, "error": error, "meta": meta, "seconds": real_s, "silence": silence}
    ended = _end(conn, row, state, now, **result)
    flow = _settle(conn, row, real_s, now)
    if state is State.SUCCEEDED:
        _learn(conn, row.need_id, real_s)
    return to_job(ended, remaining=flow.queued + flow.running)


def release(
    conn: Connection,
    claim: Claim,
    error: dict[str, Any] | None,
    refund: bool,
    delay_s: float,
    avoid_s: float,
    now: float,
    counts: bool = True,
) -> Job | None:
    """Give the job back: cancelled if that was asked, failed after its last attempt, else queued again.

    None: the claim is no longer ours.
    """
    row = _held(conn, claim)
    if row is None:
        return None
    real_s = 0.0 if refund else _real_s(row, now)
    if row.cancel_asked:
        after = _end(conn, row, State.CANCELLED, now, error=error)
        flow = _settle(conn, row, real_s, now)
    elif counts and row.attempt >= row.max_attempts:
        after = _end(conn, row, State.FAILED, now, error=job_lost(row.attempt, error))
        flow = _settle(conn, row, real_s, now)
    else:
        after = change_job(
            conn,
            row.seq,
            state=State.QUEUED.value,
            session=None,
            started=None,
            charge=0.0,
            attempt=row.attempt if counts else row.attempt - 1,
            not_before=now + delay_s,
            avoid_engine=row.engine if avoid_s > 0 else None,
            avoid_until=now + avoid_s if avoid_s > 0 else None,
            error=error,
            rev=row.rev + 1,
        )
        account = to_flow(lock_flow(conn, row.owner))
        flow = requeue(settle(account, row.charge, real_s, now))
        write_flow(conn, row.owner, flow)
    return to_job(after, remaining=flow.queued + flow.running)


def job_lost(attempts: int, last: dict[str, Any] | None) -> dict[str, Any]:
    """The error of a job whose attempts are used up, with the last failure's reason kept."""
    reason = (last or {}).get("message") or "no reason is known"
    lost = JobLost(f"The engine failed under this job {attempts} times; the last time: {reason}")
    return {"code": lost.code, "message": lost.message, "remedy": lost.remedy, "last": last}


def cancel(
    conn: Connection, owner: str | None, ids: Sequence[str] | None, states: Sequence[State], now: float
) -> list[Cancelled]:
    """Cancel queued jobs at once; ask it of running ones. `owner` None: of every user (administrators).

    Returns the jobs reached now; asking twice returns a running job twice, for its runner may have
    been deaf the first time.
    """
    if owner is None:
        serialise(conn)
    reached = [
        condition
        for state, condition in ((State.QUEUED, IS_QUEUED), (State.RUNNING, IS_RUNNING))
        if state in states
    ]
    if not reached or (ids is not None and not ids):
        return []
    wanted: list[ColumnElement[bool]] = [or_(*reached)]
    if owner is not None:
        wanted.append(job.c.owner == owner)
    if ids is not None:
        wanted.append(job.c.id.in_(ids))
    rows = conn.execute(select(job).where(*wanted).order_by(job.c.seq).with_for_update()).all()
    queued = [row for row in rows if row.state == State.QUEUED]
    _withdraw(conn, queued, now)
    running = [row.seq for row in rows if row.state == State.RUNNING]
    if running:
        conn.execute(update(job).where(job.c.seq.in_(running)).values(cancel_asked=True, rev=job.c.rev + 1))
    return [
        Cancelled(id=row.id, owner=row.owner, client_id=row.client_id, was_running=row.state == State.RUNNING)
        for row in rows
    ]


def _withdraw(conn: Connection, rows: Sequence[Row[Any]], now: float) -> None:
    if not rows:
        return
    # Hidden: what never ran is not in ComfyUI's history.
    conn.execute(
        update(job)
        .where(job.c.seq.in_([row.seq for row in rows]))
        .values(state=State.CANCELLED.value, finished=now, hidden=True, rev=job.c.rev + 1)
    )
    unpin_inputs(conn, [row.id for row in rows])
    for owner in sorted({row.owner for row in rows}):
        withdrawn = sum(1 for row in rows if row.owner == owner)
        write_flow(conn, owner, withdraw(to_flow(lock_flow(conn, owner)), withdrawn, now))


def delete_finished(conn: Connection, owner: str | None, ids: Sequence[str] | None) -> list[str]:
    """Take ended jobs out of their owner's history; returns the ids of those that were in it."""
    wanted: list[ColumnElement[bool]] = [IN_HISTORY]
    if owner is not None:
        wanted.append(job.c.owner == owner)
    if ids is not None:
        wanted.append(job.c.id.in_(ids))
    hide = update(job).where(*wanted).values(hidden=True, rev=job.c.rev + 1).returning(job.c.id)
    return list(conn.execute(hide).scalars())


# True of a job's row while the claim whose parameters `held_by` gives is still the right to drive it.
HELD = and_(
    job.c.id == bindparam("claimed"),
    job.c.attempt == bindparam("tried"),
    job.c.session == bindparam("driver"),
    IS_RUNNING,
)
# Not the payload, which may be long.
_HELD_COLUMNS = ("seq", "id", "owner", "engine", "need_id", "inputs", "cancel_asked") + (
    ("attempt", "max_attempts", "started", "charge", "rev")
)
_HELD = select(*(job.c[name] for name in _HELD_COLUMNS)).where(HELD).with_for_update()
_NEED = select(need).where(need.c.id == bindparam("wanted")).with_for_update()
_UPDATE_NEED = update(need).where(need.c.id == bindparam("wanted"))


def held_by(claim: Claim) -> dict[str, Any]:
    return {"claimed": claim.job.id, "tried": claim.attempt, "driver": claim.session}


def _held(conn: Connection, claim: Claim) -> Row[Any] | None:
    return conn.execute(_HELD, held_by(claim)).one_or_none()


def _end(conn: Connection, row: Row[Any], state: State, now: float, **result: Any) -> Row[Any]:
    ended = {"state": state.value, "session": None, "charge": 0.0, "finished": now, "rev": row.rev + 1}
    if row.inputs:
        unpin_inputs(conn, [row.id])
    return change_job(conn, row.seq, **ended, **result)


def end_cancelled(conn: Connection, row: Row[Any], now: float) -> None:
    """Record a running job, locked by the caller, as cancelled in its dead owner's stead."""
    real_s = _real_s(row, now)
    _end(conn, row, State.CANCELLED, now, seconds=real_s)
    _settle(conn, row, real_s, now)


def _settle(conn: Connection, row: Row[Any], real_s: float, now: float) -> Flow:
    flow = settle(to_flow(lock_flow(conn, row.owner)), row.charge, real_s, now)
    write_flow(conn, row.owner, flow)
    return flow


def _real_s(row: Row[Any], now: float) -> float:
    return max(0.0, now - (row.started if row.started is not None else now))


def _learn(conn: Connection, need_id: int, real_s: float) -> None:
    row = conn.execute(_NEED, {"wanted": need_id}).one()
    after = {"seconds": learn(row.seconds, real_s), "samples": row.samples + 1}
    conn.execute(_UPDATE_NEED, {"wanted": need_id, **after})
