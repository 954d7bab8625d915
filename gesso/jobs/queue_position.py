"""What the order of turns and the estimates are made of: who waits, what runs, what such jobs took; one read.

However long the queue is, some thousand rows are read at most: of users with many jobs the first ones.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Integer, Row, Select, and_, bindparam, func, or_, select

from gesso.database.schema import HAS_QUEUED, HAS_SECONDS, IS_QUEUED, IS_RUNNING, flow, job, need, turn
from gesso.errors import NotFound
from gesso.jobs.fairness import Flow
from gesso.jobs.job import State
from gesso.jobs.queue_rows import to_flow

# Users who wait, waiting jobs, and how many users' jobs are read one user after the other.
FLOWS, HEADS, READ = 5000, 2000, 200
# Workflows whose pace is looked up at a time, and runs of each on each engine.
SHAPES, SAMPLES = 64, 32
# Runs on each engine whose silences are looked at: among many that found all cached are some that did not.
SILENCES = 100

Paces = dict[str, dict[str, list[float]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiter:
    """A user who waits, with the first of his jobs."""

    flow: Flow
    max_running: int
    jobs: Sequence[Row[Any]]
    """Of id, seq, owner, need_id, shape, cost, not_before; in the order of their claims."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What there was to do at one moment."""

    turn: float
    waiters: Mapping[str, Waiter]
    running: Sequence[Row[Any]]
    """Of id, owner, engine, started, need_id, shape, charge; longest running first."""
    needs: Mapping[int, tuple[str, ...]]
    averages: Mapping[int, float | None]
    """What jobs with these needs took, by the number of the needs."""
    paces: Paces
    """Seconds of the latest runs, by shape and engine; of the shapes that were not known already."""


_FLOWS = select(flow).where(HAS_QUEUED).order_by(flow.c.vtime).limit(FLOWS)
_TURN = select(turn.c.vtime)
_QUEUE_COLUMNS = [
    job.c[name] for name in ("id", "seq", "owner", "need_id", "shape", "cost", "not_before", "priority")
]
_OWN_ORDER = (job.c.priority.desc(), job.c.number, job.c.seq)
ALL_QUEUED = select(*_QUEUE_COLUMNS).where(IS_QUEUED).order_by(job.c.owner, *_OWN_ORDER).limit(HEADS)
FIRST_OF = (
    select(*_QUEUE_COLUMNS)
    .where(IS_QUEUED, job.c.owner == bindparam("wanted"))
    .order_by(*_OWN_ORDER)
    .limit(bindparam("most", type_=Integer))
)
_RUNNING = (
    select(*(job.c[name] for name in ("id", "owner", "engine", "started", "need_id", "shape", "charge")))
    .where(IS_RUNNING)
    .order_by(job.c.started, job.c.seq)
)
_NEEDS = select(need.c.id, need.c.spec, need.c.seconds).where(need.c.id.in_(bindparam("ids", expanding=True)))
PACE: Select[Any] = (
    select(job.c.seconds, job.c.state)
    .where(HAS_SECONDS, job.c.shape == bindparam("shape"), job.c.engine == bindparam("engine"))
    .order_by(job.c.finished.desc())
    .limit(SAMPLES)
)
_SILENCES = (
    select(job.c.silence)
    .where(HAS_SECONDS, job.c.shape == bindparam("shape"), job.c.engine == bindparam("engine"))
    .where(job.c.silence.is_not(None))
    .order_by(job.c.finished.desc())
    .limit(SILENCES)
)


def backlog(conn: Connection, engines: Sequence[str], known: Collection[str]) -> Backlog:
    """`engines`: on which runs are looked up; `known`: shapes whose paces need not be read again."""
    flows = conn.execute(_FLOWS).all()
    jobs = _queued(conn, {row.owner: row.queued for row in flows})
    running = conn.execute(_RUNNING).all()
    found = [*running, *(row for each in jobs.values() for row in each)]
    needs = conn.execute(_NEEDS, {"ids": sorted({row.need_id for row in found})}).all()
    shapes = dict.fromkeys(row.shape for row in found if row.shape and row.shape not in known)
    return Backlog(
        turn=conn.execute(_TURN).scalar_one(),
        waiters={
            row.owner: Waiter(flow=to_flow(row), max_running=row.max_running, jobs=jobs.get(row.owner, ()))
            for row in flows
        },
        running=running,
        needs={row.id: tuple(json.loads(row.spec)) for row in needs},
        averages={row.id: row.seconds for row in needs},
        paces={shape: _pace(conn, shape, engines) for shape in list(shapes)[:SHAPES]},
    )


def own_place(conn: Connection, job_id: str) -> tuple[str, int]:
    """The owner of a waiting job, and how many of his jobs come before it. NotFound: it does not wait."""
    here = conn.execute(select(job).where(job.c.id == job_id, IS_QUEUED)).one_or_none()
    if here is None:
        raise NotFound(f"The job {job_id!r} does not wait.")
    sooner = or_(
        job.c.priority > here.priority,
        and_(
            job.c.priority == here.priority,
            or_(job.c.number < here.number, and_(job.c.number == here.number, job.c.seq < here.seq)),
        ),
    )
    count = select(func.count()).select_from(job).where(IS_QUEUED, job.c.owner == here.owner, sooner)
    return here.owner, conn.execute(count).scalar_one()


def shares(counts: Mapping[str, int], most: int) -> dict[str, int]:
    """How many jobs of each to look at: all of those who have few, equally many of the others."""
    given: dict[str, int] = {}
    left = most
    for place, owner in enumerate(sorted(counts, key=lambda owner: (counts[owner], owner))):
        given[owner] = min(counts[owner], left // (len(counts) - place))
        left -= given[owner]
    return given


def _queued(conn: Connection, counts: Mapping[str, int]) -> dict[str, list[Row[Any]]]:
    found: dict[str, list[Row[Any]]] = {}
    if sum(counts.values()) <= HEADS and len(counts) < FLOWS:
        for row in conn.execute(ALL_QUEUED):
            found.setdefault(row.owner, []).append(row)
        return found
    # The next in turn first; who comes after them is counted, not looked at.
    for owner, most in shares(dict(list(counts.items())[:READ]), HEADS).items():
        if most:
            found[owner] = list(conn.execute(FIRST_OF, {"wanted": owner, "most": most}))
    return found


def silences(conn: Connection, shape: str, engines: Sequence[str]) -> dict[str, list[float]]:
    """By engine: the longest silence of each of the latest runs of this workflow that succeeded there."""
    asked = ({"shape": shape, "engine": engine} for engine in engines)
    return {each["engine"]: list(conn.execute(_SILENCES, each).scalars()) for each in asked}


def _pace(conn: Connection, shape: str, engines: Sequence[str]) -> dict[str, list[float]]:
    paces = {}
    for engine in engines:
        rows = conn.execute(PACE, {"shape": shape, "engine": engine})
        if seconds := [row.seconds for row in rows if row.state == State.SUCCEEDED]:
            paces[engine] = seconds
    return paces
