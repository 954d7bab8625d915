"""Claiming: the next job, in fair turns, for an engine that can run it, bound to it in one transaction."""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, update

from gesso.database.locks import serialise
from gesso.database.schema import IS_RUNNING, flow, job, turn
from gesso.jobs.claim_statements import CANDIDATE, FREE, OVERTAKE, RIVALS, WINDOW, queued_needs
from gesso.jobs.fairness import UNKNOWN_COST_S, charge
from gesso.jobs.job import Claim, State
from gesso.jobs.placement import Line, Models, Seat, Waiting, decide, models_of
from gesso.jobs.queue_rows import change_job, lock_flow, to_claim, to_flow, write_flow

Accepts = Callable[[tuple[str, ...]], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """An engine that can be given a job, and which needs it meets."""

    seat: Seat
    accepts: Accepts


def claim(
    conn: Connection, engine: str, session: str, accepts: Accepts, limit: int, now: float
) -> list[Claim]:
    """Up to `limit` jobs for `engine`, one fair turn each, whatever models it has loaded."""
    round_ = _Round(conn, [Offer(seat=Seat(engine=engine), accepts=accepts)], session, now)
    claims: list[Claim] = []
    while len(claims) < limit and (taken := round_.next()) is not None:
        claims.append(taken)
    return claims


def place(conn: Connection, offers: Sequence[Offer], session: str, now: float) -> list[Claim]:
    """At most one job for each engine on offer, each in its fair turn and where it is best placed.

    The least busy engines first. Everything a crash must not lose is written here, before an engine
    hears of its job: who drives it, where, under which prompt id, and which attempt it is.
    """
    round_ = _Round(conn, offers, session, now)
    claims: list[Claim] = []
    while len(claims) < len(offers) and (taken := round_.next()) is not None:
        claims.append(taken)
        round_.close(taken.engine)
    return claims


def is_outrun(conn: Connection, held: Claim, accepts: Accepts, now: float) -> bool:
    """Whether, were this job given back, another user's turn on its engine would come before its owner's."""
    needs = [number for number, names in queued_needs(conn) if accepts(names)]
    row = conn.execute(_BEFORE, {"wanted": held.job.id}).one_or_none()
    if row is None or not needs:
        return False
    asked = {"needs": needs, "engine": held.engine, "now": now, "busy": []}
    turn_of = conn.execute(CANDIDATE, asked).one_or_none()
    return turn_of is not None and turn_of.owner != row.owner and turn_of.vtime < row.vtime


_BEFORE = (
    select(flow.c.owner, (flow.c.vtime - job.c.charge).label("vtime"))
    .join(job, job.c.owner == flow.c.owner)
    .where(job.c.id == bindparam("wanted"), IS_RUNNING)
)


class _Round:
    """The claims of one transaction."""

    def __init__(self, conn: Connection, offers: Sequence[Offer], session: str, now: float) -> None:
        serialise(conn)
        self._conn = conn
        self._session = session
        self._now = now
        kinds = queued_needs(conn)
        self._models: Mapping[int, Models] = {number: models_of(names) for number, names in kinds}
        self._seats = [offer.seat for offer in offers]
        # By engine: the kinds that it can run.
        self._accepted = {
            offer.seat.engine: {number for number, names in kinds if offer.accepts(names)} for offer in offers
        }
        # Jobs that cannot be taken in this transaction.
        self._busy: list[int] = []

    def close(self, engine: str) -> None:
        """This engine has enough."""
        self._seats = [seat for seat in self._seats if seat.engine != engine]

    def next(self) -> Claim | None:
        """The next claim; None: no engine that is left can run any job that may be run."""
        while needs := set().union(*(self._accepted[seat.engine] for seat in self._seats)):
            turn_of = self._conn.execute(CANDIDATE, self._asked(needs)).one_or_none()
            if turn_of is None:
                break
            # PostgreSQL: none while a cancellation holds the row. Never wait for a job's row.
            row = self._conn.execute(FREE, {"wanted": turn_of.head}).one_or_none()
            fitting = [] if row is None else [seat for seat in self._seats if self._fits(row, seat)]
            if row is None or not fitting:
                self._busy.append(turn_of.head)
                continue
            models = self._models.get(row.need_id, frozenset())
            lines = partial(self._lines, turn_of)
            seat, instead = decide(models, fitting, self._models.values(), lines, self._now)
            if instead is not None:
                row = self._conn.execute(FREE, {"wanted": instead.seq}).one_or_none()
                if row is None:
                    self._busy.append(instead.seq)
                    continue
                self._conn.execute(OVERTAKE, {"passed": instead.overtaken, "at": self._now})
            return _take(self._conn, row, seat.engine, self._session, self._now)
        return None

    def _asked(self, needs: set[int]) -> dict[str, Any]:
        # With more than one engine, whether a job avoids one of them is looked at in `_fits`.
        engine = self._seats[0].engine if len(self._seats) == 1 else ""
        return {"needs": list(needs), "engine": engine, "now": self._now, "busy": self._busy}

    def _fits(self, row: Row[Any], seat: Seat) -> bool:
        avoided = row.avoid_engine == seat.engine and row.avoid_until > self._now
        return row.need_id in self._accepted[seat.engine] and not avoided

    def _lines(self, turn_of: Row[Any], seat: Seat) -> Iterator[Line]:
        """What could go first on `seat`; read only as far as it is looked at."""
        until = turn_of.vtime + seat.load_s
        rivals = self._conn.execute(RIVALS, {"whose": turn_of.owner, "since": turn_of.vtime, "until": until})
        for owner, vtime in ((turn_of.owner, turn_of.vtime), *rivals.all()):
            asked = {"needs": list(self._accepted[seat.engine]), "engine": seat.engine, "now": self._now}
            rows = self._conn.execute(WINDOW, {**asked, "busy": self._busy, "whose": owner}).all()
            jobs = [
                Waiting(
                    seq=row.seq,
                    models=self._models.get(row.need_id, frozenset()),
                    overtaken=row.overtaken,
                    lane=(row.priority, row.number < 0),
                )
                for row in rows
            ]
            if jobs:
                yield Line(vtime=vtime, jobs=jobs)


_TURN = update(turn)


def _take(conn: Connection, row: Row[Any], engine: str, session: str, now: float) -> Claim:
    account = to_flow(lock_flow(conn, row.owner))
    charged = charge(account, row.turn, _cost_s(row))
    write_flow(conn, row.owner, charged.flow)
    if charged.turn > row.turn:
        conn.execute(_TURN, {"vtime": charged.turn})
    attempt = row.attempt + 1
    claimed = change_job(
        conn,
        row.seq,
        state=State.RUNNING.value,
        session=session,
        engine=engine,
        attempt=attempt,
        prompt_id=prompt_id(row.id, attempt),
        charge=charged.charge,
        avoid_engine=None,
        avoid_until=None,
        started=now,
        rev=row.rev + 1,
    )
    return to_claim(claimed)


def _cost_s(row: Row[Any]) -> float:
    """The submitter's estimate, else what such jobs took lately, else a guess."""
    known = (seconds for seconds in (row.cost, row.seconds) if seconds is not None)
    return float(next(known, UNKNOWN_COST_S))


def prompt_id(job_id: str, attempt: int) -> str:
    """What the engine knows this attempt by: the job's own id first, then ids derived from it.

    A second attempt needs another id: the engine may still hold the first in its history. And so does a job
    with braces in its id: no route of an engine answers for it, since aiohttp keeps them for its patterns.
    """
    if attempt == 1 and not set(job_id) & set("{}"):
        return job_id
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{job_id}/{attempt}"))
