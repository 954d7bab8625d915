"""Which kinds of jobs wait for an engine, and for how long."""

import json

from sqlalchemy import Connection, func, select

from gesso.database.schema import IS_QUEUED, flow, job, need
from gesso.jobs.rouse import Wait

_OLDEST = (
    select(need.c.spec, func.min(job.c.created).label("oldest"))
    .join(need, need.c.id == job.c.need_id)
    .join(flow, flow.c.owner == job.c.owner)
    # Whoever runs as many jobs as he may waits for these, not for an engine.
    .where(IS_QUEUED, flow.c.running < flow.c.max_running)
    .group_by(need.c.spec)
)


def waits(conn: Connection, now: float) -> list[Wait]:
    """Those with different needs, each with its longest wait, the longest first."""
    rows = conn.execute(_OLDEST.where(job.c.not_before <= now)).all()
    found = [Wait(needs=tuple(json.loads(row.spec)), longest_s=max(0.0, now - row.oldest)) for row in rows]
    return sorted(found, key=lambda wait: -wait.longest_s)
