"""Lists of jobs for people to look through: without the workflows, which may weigh megabytes each."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, select, tuple_

from gesso.database.schema import IN_HISTORY, IS_QUEUED, IS_RUNNING, job, need
from gesso.errors import NotFound
from gesso.jobs.job import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What a list tells of a job; each field as in `Job`."""

    id: str
    owner: str
    kind: str
    state: State
    priority: int
    number: float
    needs: tuple[str, ...]
    client_id: str | None
    engine: str | None
    attempt: int
    max_attempts: int
    cancel_asked: bool
    outputs: dict[str, Any] | None
    error: dict[str, Any] | None
    created: float
    started: float | None
    finished: float | None


_COLUMNS = [job.c[name] for name in Listed.__dataclass_fields__ if name != "needs"]
_LISTED: Select[Any] = select(*_COLUMNS, need.c.spec).join(need, need.c.id == job.c.need_id)
_QUEUE_ORDER = (job.c.owner, job.c.priority.desc(), job.c.number, job.c.seq)


def page(
    conn: Connection,
    owner: str | None,
    states: Collection[State],
    limit: int,
    after: str | None,
    kind: str | None = None,
) -> list[Listed]:
    """Up to `limit` jobs in `states`: those that run, then those that wait, then those that ended.

    Running ones longest first, waiting ones in the order of their claims, ended ones latest first.
    `after`: only jobs that ended before that one did. Raises NotFound where it is not there, or not
    `owner`'s (None: anybody's). `kind`: only jobs of that kind.
    """
    wanted = [] if owner is None else [job.c.owner == owner]
    if kind is not None:
        wanted.append(job.c.kind == kind)
    if after is not None:
        place = _place(conn, after, owner)
        return _ended(conn, [*wanted, tuple_(job.c.finished, job.c.seq) < place], states, limit)
    found: list[Listed] = []
    for state, is_state, order in (
        (State.RUNNING, IS_RUNNING, (job.c.started, job.c.seq)),
        (State.QUEUED, IS_QUEUED, _QUEUE_ORDER),
    ):
        if state in states and len(found) < limit:
            found += _read(conn, [*wanted, is_state], order, limit - len(found))
    if len(found) < limit:
        found += _ended(conn, wanted, states, limit - len(found))
    return found


def payloads(conn: Connection, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What was asked for in these jobs, by id."""
    wanted = select(job.c.id, job.c.payload).where(job.c.id.in_(ids))
    return {row.id: row.payload for row in conn.execute(wanted)}


def _ended(
    conn: Connection, wanted: Sequence[ColumnElement[bool]], states: Collection[State], limit: int
) -> list[Listed]:
    ended = [state.value for state in State if state.ended and state in states]
    if not ended:
        return []
    conditions = [*wanted, IN_HISTORY, job.c.state.in_(ended)]
    return _read(conn, conditions, (job.c.finished.desc(), job.c.seq.desc()), limit)


def _place(conn: Connection, job_id: str, owner: str | None) -> tuple[float, int]:
    row = conn.execute(select(job.c.owner, job.c.finished, job.c.seq).where(job.c.id == job_id)).one_or_none()
    if row is None or row.finished is None or (owner is not None and row.owner != owner):
        raise NotFound(f"There is no job {job_id!r} that has ended.")
    return row.finished, row.seq


def _read(
    conn: Connection,
    conditions: Sequence[ColumnElement[bool]],
    order: Sequence[ColumnElement[Any]],
    limit: int,
) -> list[Listed]:
    wanted = _LISTED.where(*conditions).order_by(*order).limit(limit)
    return [_listed(row) for row in conn.execute(wanted)]


def _listed(row: Row[Any]) -> Listed:
    values = {column.name: getattr(row, column.name) for column in _COLUMNS}
    return Listed(**{**values, "state": State(row.state), "needs": tuple(json.loads(row.spec))})
