"""What is kept, and for how long: old files of finished jobs go, and artifacts that no name leads to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, delete, exists, func, or_, select

from gesso.database.locks import upsert
from gesso.database.schema import artifact, file, job, job_input
from gesso.jobs.artifacts_disk import Stray, remove_file

# Short transactions: everybody else waits for the database meanwhile.
BATCH = 200
DAY_S = 86_400.0
# A new artifact has no name yet: time for its writer to give it one.
GRACE_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What was removed."""

    files: int = 0
    artifacts: int = 0
    size: int = 0

    def __add__(self, other: "Swept") -> "Swept":
        return Swept(
            files=self.files + other.files,
            artifacts=self.artifacts + other.artifacts,
            size=self.size + other.size,
        )

    def __bool__(self) -> bool:
        return bool(self.files or self.artifacts)


def sweep_names(
    conn: Connection,
    path: Callable[[str], Path],
    keep_days: float | None,
    keep_bytes: int | None,
    now: float,
) -> Swept:
    """Remove one batch of old files, with the contents nothing else needs. Nothing removed: all is done.

    Never a file of a job that is queued or running, and never what a user put there.
    """
    rows = _too_old(conn, keep_days, now) or _too_much(conn, keep_bytes)
    if not rows:
        return Swept()
    conn.execute(delete(file).where(file.c.id.in_([row.id for row in rows])))
    freed = _drop(conn, path, _nameless(now).where(artifact.c.sha256.in_({row.sha256 for row in rows})))
    return freed + Swept(files=len(rows))


def sweep_nameless(conn: Connection, path: Callable[[str], Path], now: float) -> Swept:
    """Remove one batch of artifacts that no file names and no waiting job will read."""
    return _drop(conn, path, _nameless(now).order_by(artifact.c.created).limit(BATCH))


def record_strays(conn: Connection, found: Sequence[Stray]) -> None:
    """Give rows to files whose writer died between rename and commit; then they are swept as any other."""
    for stray in found:
        row = upsert(conn, artifact).values(sha256=stray.sha256, size=stray.size, created=stray.modified)
        conn.execute(row.on_conflict_do_nothing())


def _removable() -> Select[Any]:
    at_work = exists().where(job.c.id == file.c.job_id, job.c.finished.is_(None))
    made_by_job = or_(file.c.type == "temp", and_(file.c.type == "output", file.c.job_id.is_not(None)))
    return (
        select(file.c.id, file.c.sha256, file.c.size)
        .where(made_by_job, ~at_work)
        .order_by(file.c.created, file.c.id)
        .limit(BATCH)
    )


def _too_old(conn: Connection, keep_days: float | None, now: float) -> Sequence[Row[Any]]:
    if keep_days is None:
        return ()
    return conn.execute(_removable().where(file.c.created < now - keep_days * DAY_S)).all()


def _too_much(conn: Connection, keep_bytes: int | None) -> Sequence[Row[Any]]:
    """As many of the oldest as make up for the excess, if they were each other's strangers."""
    if keep_bytes is None:
        return ()
    excess = _named_size(conn) - keep_bytes
    rows = []
    for row in conn.execute(_removable()):
        if excess <= 0:
            break
        excess -= row.size
        rows.append(row)
    return rows


def _named_size(conn: Connection) -> int:
    named = exists().where(file.c.sha256 == artifact.c.sha256)
    return int(conn.execute(select(func.coalesce(func.sum(artifact.c.size), 0)).where(named)).scalar_one())


def _nameless(now: float) -> Select[Any]:
    return select(artifact.c.sha256, artifact.c.size).where(
        artifact.c.created < now - GRACE_S,
        ~exists().where(file.c.sha256 == artifact.c.sha256),
        ~exists().where(job_input.c.sha256 == artifact.c.sha256),
    )


def _drop(conn: Connection, path: Callable[[str], Path], nameless: Select[Any]) -> Swept:
    rows = conn.execute(nameless.with_for_update(skip_locked=True)).all()
    if not rows:
        return Swept()
    conn.execute(delete(artifact).where(artifact.c.sha256.in_([row.sha256 for row in rows])))
    # After every statement that could still fail, and before the commit that lets others store it again.
    for row in rows:
        remove_file(path(row.sha256))
    return Swept(artifacts=len(rows), size=sum(row.size for row in rows))
