"""What the database says of all jobs at one moment: how many, whose, and where they run."""

from dataclasses import dataclass

from sqlalchemy import Connection, func, literal_column, select

from gesso.database.schema import IS_QUEUED, IS_RUNNING, account, flow, job
from gesso.monitoring.snapshot import JobReading, UserReading


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """See `Snapshot`."""

    queued: int
    running: int
    oldest_queued_at: float | None
    users: tuple[UserReading, ...]
    jobs: tuple[JobReading, ...]


_NAME = func.coalesce(account.c.name, flow.c.owner)
_BUSY = (
    select(_NAME.label("name"), flow.c.queued, flow.c.running)
    .outerjoin(account, account.c.id == flow.c.owner)
    .where(flow.c.queued + flow.c.running > 0)
    .order_by(_NAME)
)
# The lowest number is the oldest: the least `created` would need every waiting workflow to be read. Without
# the sum SQLite would look through all jobs in their order, the ended ones first.
_FIRST = select(func.min(job.c.seq + literal_column("0"))).where(IS_QUEUED).scalar_subquery()
_OLDEST = select(job.c.created).where(job.c.seq == _FIRST)
_RUNNING = (
    select(job.c.id, func.coalesce(account.c.name, job.c.owner).label("name"), job.c.engine, job.c.started)
    .outerjoin(account, account.c.id == job.c.owner)
    .where(IS_RUNNING, job.c.engine.is_not(None))
    .order_by(job.c.engine, job.c.started, job.c.seq)
)


def census(conn: Connection) -> Census:
    users = tuple(
        UserReading(name=row.name, queued=row.queued, running=row.running) for row in conn.execute(_BUSY)
    )
    queued, running = sum(user.queued for user in users), sum(user.running for user in users)
    return Census(
        queued=queued,
        running=running,
        oldest_queued_at=conn.execute(_OLDEST).scalar() if queued else None,
        users=users,
        jobs=tuple(
            JobReading(id=row.id, account=row.name, engine=row.engine, since=row.started)
            for row in (conn.execute(_RUNNING) if running else ())
        ),
    )
