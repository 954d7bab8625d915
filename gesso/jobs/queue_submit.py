"""Accepting a job: once per id or idempotency key, within the owner's limit."""

import hashlib
import json
import uuid
from typing import Any

from sqlalchemy import Connection, and_, bindparam, or_, select

from gesso.database.locks import upsert
from gesso.database.schema import job, turn
from gesso.errors import Conflict, IdempotencyMismatch, OverLimit
from gesso.jobs.fairness import arrive
from gesso.jobs.job import Job, Limits, Spec, State
from gesso.jobs.queue_rows import (
    JOBS,
    change_job,
    intern_need,
    open_flow,
    pin_inputs,
    to_flow,
    to_job,
    write_flow,
)
from gesso.jobs.usage import check_seconds, check_storage

RETRY_AFTER_S = 5.0

_TURN = select(turn.c.vtime)
_NAMED = JOBS.where(job.c.id == bindparam("wanted"))


def submit(conn: Connection, spec: Spec, limits: Limits, now: float) -> Job:
    """The job that `spec` names: a new one, or the one accepted when the same request came before.

    Raises IdempotencyMismatch (same id or key, other request), Conflict (the id is another user's),
    OverLimit.
    """
    job_id = spec.id or str(uuid.uuid4())
    request_hash = spec.request_hash or hash_request(spec.kind, spec.payload)
    before = _find(conn, spec, job_id, request_hash)
    if before is not None:
        return before
    # Job rows are locked before account rows, here as everywhere: the other order deadlocks on PostgreSQL.
    new = upsert(conn, job).on_conflict_do_nothing().returning(job.c.seq)
    made = conn.execute(new, _columns(conn, spec, job_id, request_hash, now)).scalar()
    if made is None:
        # The same request, sent twice, was accepted by another connection between our look and our insert.
        before = _find(conn, spec, job_id, request_hash)
        if before is None:
            raise Conflict(f"The job {job_id!r} could not be accepted; send it again.")
        return before
    account = open_flow(conn, spec.owner, limits)
    if account.queued + account.running >= account.max_queued:
        raise OverLimit(
            f"You have {account.max_queued} unfinished jobs, which is your limit.",
            retry_after_s=RETRY_AFTER_S,
        )
    check_seconds(conn, spec.owner, limits.gpu_seconds, now)
    check_storage(conn, spec.owner, limits.storage)
    number, next_number = _number(spec, account.next_number)
    accepted = change_job(conn, made, number=number)
    vturn = conn.execute(_TURN).scalar_one()
    flow = arrive(to_flow(account), vturn, now)
    write_flow(conn, spec.owner, flow, next_number=next_number)
    pin_inputs(conn, job_id, spec.inputs)
    return to_job(accepted, remaining=flow.queued + flow.running)


def hash_request(kind: str, payload: dict[str, Any]) -> str:
    text = json.dumps([kind, payload], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _find(conn: Connection, spec: Spec, job_id: str, request_hash: str) -> Job | None:
    if spec.idempotency_key is not None:
        keyed = and_(job.c.owner == spec.owner, job.c.idempotency_key == spec.idempotency_key)
        named = or_(job.c.id == job_id, keyed) if spec.id is not None else keyed
        found = conn.execute(JOBS.where(named).order_by(job.c.seq)).all()
    elif spec.id is not None:
        found = conn.execute(_NAMED, {"wanted": job_id}).all()
    else:
        return None
    if not found:
        return None
    row = found[0]
    if row.owner != spec.owner:
        raise Conflict(f"The id {job_id!r} is taken.", remedy="Choose another id, best a random UUID.")
    if len(found) > 1 or row.request_hash != request_hash:
        raise IdempotencyMismatch()
    return to_job(row)


def _columns(conn: Connection, spec: Spec, job_id: str, request_hash: str, now: float) -> dict[str, Any]:
    return {
        "id": job_id,
        "owner": spec.owner,
        "kind": spec.kind,
        "state": State.QUEUED.value,
        "priority": spec.priority,
        "number": 0.0,
        "payload": spec.payload,
        "inputs": spec.inputs,
        "client_id": spec.client_id,
        "need_id": intern_need(conn, spec.needs),
        "shape": spec.shape,
        "cost": spec.cost_s,
        "idempotency_key": spec.idempotency_key,
        "request_hash": request_hash,
        "attempt": 0,
        "max_attempts": spec.max_attempts,
        "not_before": now,
        "cancel_asked": False,
        "hidden": False,
        "rev": 1,
        "charge": 0.0,
        "created": now,
    }


def _number(spec: Spec, next_number: int) -> tuple[float, int]:
    """The job's place, and the owner's next number: as ComfyUI counts, but per user."""
    if spec.number is not None:
        return spec.number, next_number
    return float(-next_number if spec.front else next_number), next_number + 1
