"""How the queue reads and writes single rows: jobs as snapshots, a user's fair-share account, needs."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, delete, insert, select, update

from gesso.database.locks import serialise, upsert
from gesso.database.schema import flow, job, job_input, need
from gesso.jobs.fairness import Flow
from gesso.jobs.job import Claim, Job, Limits, State

# SELECT of whole jobs, to be narrowed by the caller; read with `to_job`.
JOBS: Select[Any] = select(job, need.c.spec).join(need, need.c.id == job.c.need_id)
_JOB = JOBS.where(job.c.id == bindparam("wanted"))
_FLOW = select(flow).where(flow.c.owner == bindparam("wanted")).with_for_update()
# What is set stands in the parameters, by column: building a statement costs more than executing it.
_UPDATE_FLOW = update(flow).where(flow.c.owner == bindparam("wanted"))
_UPDATE_JOB = update(job).where(job.c.seq == bindparam("wanted"))
_SPEC = select(need.c.spec).where(need.c.id == job.c.need_id).correlate(job).scalar_subquery()
_CHANGE_JOB = _UPDATE_JOB.returning(*job.c, _SPEC.label("spec"))
_NEED = select(need.c.id).where(need.c.spec == bindparam("wanted"))
_UNPIN = delete(job_input).where(job_input.c.job_id.in_(bindparam("wanted", expanding=True)))


def to_job(row: Row[Any], remaining: int | None = None) -> Job:
    return Job(
        id=row.id,
        seq=row.seq,
        owner=row.owner,
        kind=row.kind,
        state=State(row.state),
        priority=row.priority,
        number=row.number,
        payload=row.payload,
        inputs=row.inputs,
        needs=tuple(json.loads(row.spec)),
        client_id=row.client_id,
        idempotency_key=row.idempotency_key,
        attempt=row.attempt,
        max_attempts=row.max_attempts,
        not_before=row.not_before,
        engine=row.engine,
        prompt_id=row.prompt_id,
        session=row.session,
        cancel_asked=row.cancel_asked,
        hidden=row.hidden,
        outputs=row.outputs,
        error=row.error,
        meta=row.meta,
        created=row.created,
        started=row.started,
        finished=row.finished,
        rev=row.rev,
        shape=row.shape,
        remaining=remaining,
    )


def to_claim(row: Row[Any]) -> Claim:
    return Claim(
        job=to_job(row), attempt=row.attempt, engine=row.engine, prompt_id=row.prompt_id, session=row.session
    )


def read_job(conn: Connection, job_id: str) -> Job:
    return to_job(conn.execute(_JOB, {"wanted": job_id}).one())


def lock_flow(conn: Connection, owner: str) -> Row[Any]:
    """The owner's account, locked until the transaction ends (PostgreSQL); read with `to_flow`."""
    return conn.execute(_FLOW, {"wanted": owner}).one()


def open_flow(conn: Connection, owner: str, limits: Limits) -> Row[Any]:
    """`lock_flow`, for an owner who may not have an account yet."""
    row = conn.execute(_FLOW, {"wanted": owner}).one_or_none()
    if row is not None:
        return row
    conn.execute(
        upsert(conn, flow)
        .values(
            owner=owner,
            weight=limits.weight,
            max_running=limits.max_running,
            max_queued=limits.max_queued,
            vtime=0.0,
            pending=0.0,
            queued=0,
            running=0,
            next_number=0,
        )
        .on_conflict_do_nothing()
    )
    return lock_flow(conn, owner)


def to_flow(row: Row[Any]) -> Flow:
    return Flow(
        weight=row.weight,
        vtime=row.vtime,
        pending=row.pending,
        queued=row.queued,
        running=row.running,
        idle_since=row.idle_since,
    )


def write_flow(conn: Connection, owner: str, after: Flow, **more: Any) -> None:
    values = {
        "vtime": after.vtime,
        "pending": after.pending,
        "queued": after.queued,
        "running": after.running,
        "idle_since": after.idle_since,
    }
    conn.execute(_UPDATE_FLOW, {"wanted": owner, **values, **more})


def change_job(conn: Connection, seq: int, **values: Any) -> Row[Any]:
    """Change these columns of one job, which the caller has locked; read the answer with `to_job`."""
    return conn.execute(_CHANGE_JOB, {"wanted": seq, **values}).one()


def intern_need(conn: Connection, needs: Sequence[str]) -> int:
    """The number of this set of needs; the same set, in any order, has the same for ever."""
    spec = json.dumps(sorted(set(needs)), separators=(",", ":"))
    number = conn.execute(_NEED, {"wanted": spec}).scalar()
    if number is None:
        conn.execute(upsert(conn, need).values(spec=spec, samples=0).on_conflict_do_nothing())
        number = conn.execute(_NEED, {"wanted": spec}).scalar_one()
    return int(number)


def pin_inputs(conn: Connection, job_id: str, inputs: Sequence[dict[str, Any]]) -> None:
    """Keep the artifacts that a waiting job will read, whatever happens to their names meanwhile."""
    pinned = {str(item["sha256"]) for item in inputs if item.get("sha256")}
    if pinned:
        conn.execute(insert(job_input), [{"job_id": job_id, "sha256": sha256} for sha256 in sorted(pinned)])


def unpin_inputs(conn: Connection, job_ids: Sequence[str]) -> None:
    if job_ids:
        conn.execute(_UNPIN, {"wanted": list(job_ids)})


def set_limits(conn: Connection, owner: str, limits: Limits) -> None:
    """Change a user's share and limits; a user not yet seen gets an account with them."""
    open_flow(conn, owner, limits)
    conn.execute(_UPDATE_FLOW, {"wanted": owner, **_limited(limits)})


def sync_limits(conn: Connection, limits_of: Mapping[str, Limits]) -> None:
    """Bring the accounts of these owners up to date; an owner who has none yet gets it with his first job."""
    serialise(conn)
    for row in conn.execute(select(flow.c.owner, flow.c.weight, flow.c.max_running, flow.c.max_queued)).all():
        limits = limits_of.get(row.owner)
        if limits is not None and dict(row._mapping) != {"owner": row.owner, **_limited(limits)}:
            conn.execute(_UPDATE_FLOW, {"wanted": row.owner, **_limited(limits)})


def _limited(limits: Limits) -> dict[str, Any]:
    return {
        "weight": limits.weight,
        "max_running": limits.max_running,
        "max_queued": limits.max_queued,
    }
