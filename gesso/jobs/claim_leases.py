"""Who drives what: a gateway's session with its heartbeat, taking over what a dead one left."""

from dataclasses import replace

from sqlalchemy import Connection, delete, insert, select, update

from gesso.database.locks import serialise
from gesso.database.schema import IS_RUNNING, job, session
from gesso.errors import Conflict
from gesso.jobs.job import Claim, Reaped
from gesso.jobs.queue_end import HELD, end_cancelled, held_by
from gesso.jobs.queue_rows import JOBS, read_job, to_claim


def open_session(conn: Connection, session_id: str, url: str | None, now: float) -> None:
    conn.execute(insert(session).values(id=session_id, url=url, started=now, heartbeat=now))


def close_session(conn: Connection, session_id: str) -> None:
    """Say good-bye: what the session still drives can be taken over at once."""
    conn.execute(delete(session).where(session.c.id == session_id))


def beat(conn: Connection, session_id: str, now: float) -> list[str]:
    """Extend the lease; returns the ids of the session's running jobs whose cancellation was asked.

    Raises Conflict when the session has been declared dead: its jobs are another's now, and it must
    stop driving them.
    """
    alive = update(session).where(session.c.id == session_id).values(heartbeat=now).returning(session.c.id)
    if conn.execute(alive).scalar() is None:
        raise Conflict(
            f"The session {session_id!r} was declared dead; its jobs belong to another gateway now.",
            remedy="Open a new session. If this repeats, the gateway is too slow: raise `jobs.lease_s`.",
        )
    asked = select(job.c.id).where(IS_RUNNING, job.c.session == session_id, job.c.cancel_asked.is_(True))
    return list(conn.execute(asked.order_by(job.c.seq)).scalars())


def claims_held(conn: Connection, engine: str | None = None) -> list[Claim]:
    """All running jobs, whoever drives them; of one engine, or of all. Oldest first."""
    wanted = JOBS.where(IS_RUNNING)
    if engine is not None:
        wanted = wanted.where(job.c.engine == engine)
    return [to_claim(row) for row in conn.execute(wanted.order_by(job.c.seq))]


def adopt(conn: Connection, claim: Claim, session_id: str) -> Claim:
    """Take the job over, with its engine, prompt id and attempt; from now on the old claim is void.

    Raises Conflict when `claim` is no longer valid: the job has ended, or another was quicker.
    """
    take = update(job).where(HELD).values(session=session_id, rev=job.c.rev + 1).returning(job.c.seq)
    seq = conn.execute(take, held_by(claim)).scalar()
    if seq is None:
        raise Conflict(f"The job {claim.job.id!r} is no longer there to be taken over.")
    return to_claim(conn.execute(JOBS.where(job.c.seq == seq)).one())


def reap(conn: Connection, ttl_s: float, now: float) -> Reaped:
    """Declare sessions without a heartbeat for `ttl_s` dead, and say what nobody drives any more.

    Asking again returns the same orphans until somebody adopts or releases them.
    """
    serialise(conn)
    conn.execute(delete(session).where(session.c.heartbeat < now - ttl_s))
    nobodys = JOBS.where(IS_RUNNING, job.c.session.not_in(select(session.c.id))).order_by(job.c.seq)
    # A row that is being finished at this moment is not orphaned: skip it rather than wait.
    rows = conn.execute(nobodys.with_for_update(skip_locked=True, of=job)).all()
    reaped = Reaped(cancelled=[], orphaned=[])
    for row in rows:
        if row.cancel_asked:
            end_cancelled(conn, row, now)
            reaped.cancelled.append(replace(to_claim(row), job=read_job(conn, row.id)))
        else:
            reaped.orphaned.append(to_claim(row))
    return reaped
