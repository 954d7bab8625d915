"""Which kinds of jobs wait for an engine, and for how long."""

import json

from sqlalchemy import Connection, func, select

from gesso.database.schema import HAS_QUEUED, IS_QUEUED, flow, job, need
from gesso.jobs.rouse import Wait

# Whoever runs as many jobs as he may waits for these, not for an engine.
_OWNERS = select(flow.c.owner).where(HAS_QUEUED, flow.c.running < flow.c.max_running)
# The lowest number is the oldest. Owner by owner it is read from an index alone: each job's row holds its
# whole workflow, and this is asked at every turn while an engine sleeps.
_FIRST = select(job.c.need_id, func.min(job.c.seq).label("seq")).where(IS_QUEUED).group_by(job.c.need_id)


def waits(conn: Connection, now: float) -> list[Wait]:
    """Those with different needs, each with its longest wait, the longest first."""
    owners = conn.execute(_OWNERS).scalars().all()
    if not owners:
        return []
    first = _FIRST.where(job.c.not_before <= now, job.c.owner.in_(owners)).subquery()
    oldest = (
        select(need.c.spec, job.c.created)
        .join(first, first.c.seq == job.c.seq)
        .join(need, need.c.id == first.c.need_id)
    )
    found = [
        Wait(needs=tuple(json.loads(row.spec)), longest_s=max(0.0, now - row.created))
        for row in conn.execute(oldest)
    ]
    return sorted(found, key=lambda wait: -wait.longest_s)
