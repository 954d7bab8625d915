"""Where each job stands and when it starts, worked out for all jobs at once, at most once a second."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from statistics import median
from typing import Any

from sqlalchemy import Row

from gesso.errors import NotFound
from gesso.fleet.member import Member
from gesso.fleet.supervisor import Supervisor
from gesso.jobs.condition import condition_of
from gesso.jobs.estimate import Estimate, Pace
from gesso.jobs.fairness import UNKNOWN_COST_S, Flow, settle
from gesso.jobs.forecast import Account, Kind, Outlook, Queued, Scene, Taken, forecast, place_beyond
from gesso.jobs.hindrance import Standing, hindrance
from gesso.jobs.job import Job, State
from gesso.jobs.queue import Queue
from gesso.jobs.queue_listing import Listed
from gesso.jobs.queue_position import Backlog, Paces
from gesso.workflows.needs import has_all

FRESH_S = 1.0
# To work a long queue out takes a while: not more than this part of the time.
COST_PART = 0.2
# How long what a workflow took lately is taken for what it takes.
PACE_FRESH_S = 3.0
PACES_KEPT = 2000

Accepts = Callable[[tuple[str, ...]], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What was seen of the engines: which take jobs, and how their work stands."""

    engines: Mapping[str, Accepts]
    waiting: Collection[str]
    """Jobs that an engine has, and has not begun."""
    spent_s: Callable[[str], float | None]
    """How long an engine has been at work on a job; None: not known here."""
    hindered: Callable[[tuple[str, ...]], str | None] = lambda needs: None
    """Why no engine takes jobs with such needs now; None: one does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The outlook of every job at one moment; `mine` are the ids of a user's waiting jobs, the next first."""

    at: float = 0.0
    outlooks: Mapping[str, Outlook] = field(default_factory=dict)
    scene: Scene | None = None
    mine: Mapping[str, list[str]] = field(default_factory=dict)

    def overlooks(self, job: Job | Listed) -> bool:
        """Whether the job, which has not ended, came only after this."""
        if job.id in self.outlooks:
            return False
        # Where the queue is too long to look at all of it, one that is missing may just be far back.
        whole = self.scene is not None and not any(each.beyond for each in self.scene.accounts.values())
        return whole or job.created >= self.at


class Positions:
    """Places and estimates, for whoever asks, as often as he asks.

    `waiting` and `begun_at` are the dispatcher's and the runner's: jobs that an engine has and has not
    begun, and when (by time.monotonic) one was begun.
    """

    def __init__(
        self,
        *,
        queue: Queue,
        supervisor: Supervisor,
        waiting: Callable[[], Collection[str]] = frozenset,
        begun_at: Callable[[str], float | None] = lambda job_id: None,
        clock: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queue = queue
        self._supervisor = supervisor
        self._waiting = waiting
        self._begun_at = begun_at
        self.clock = clock
        self._timer = timer
        self._moment = Moment()
        self._fresh_until = 0.0
        self._looking = asyncio.Lock()
        self._paces: Paces = {}
        self._paces_at: dict[str, float] = {}

    async def of(self, job: Job) -> Outlook | None:
        """None: it has ended. A job that runs has place 0."""
        outlook = (await self.of_listed([job]))[job.id]
        if outlook is None and job.state is State.QUEUED:
            return await self._about(job.id)
        return outlook

    async def of_listed(self, jobs: Sequence[Job | Listed]) -> dict[str, Outlook | None]:
        """By id. None: it has ended, or it is so far back that its place is not certain."""
        alive = [job for job in jobs if not job.state.ended]
        outlooks: dict[str, Outlook | None] = dict.fromkeys((job.id for job in jobs), None)
        if not alive:
            return outlooks
        moment = await self.now()
        if any(map(moment.overlooks, alive)):
            moment = await self.now(self.clock())
        waiting = self._waiting()
        for job in alive:
            outlooks[job.id] = outlook = moment.outlooks.get(job.id)
            if job.state is State.RUNNING and job.id not in waiting:
                takes = outlook.takes if outlook else None
                outlooks[job.id] = Outlook(place=0, starts=None, takes=takes)
        return outlooks

    async def now(self, since: float = 0.0) -> Moment:
        """The present moment, as it was a second ago at most, and not before `since` (by our clock)."""
        async with self._looking:
            if self._moment.at < since or self._timer() >= self._fresh_until:
                begun = self._timer()
                self._moment = await self._look()
                ended = self._timer()
                self._fresh_until = begun + max(FRESH_S, (ended - begun) / COST_PART)
            return self._moment

    async def _about(self, job_id: str) -> Outlook | None:
        """The place of a job that is far back, more or less."""
        scene = (await self.now()).scene
        try:
            owner, index = await self._queue.own_place(job_id)
        except NotFound:
            return None
        if scene is None or owner not in scene.accounts:
            return None
        return Outlook(place=place_beyond(scene, owner, index), starts=None, takes=None)

    async def _look(self) -> Moment:
        at, ticks = self.clock(), self._timer()
        sight = Sight(
            engines={
                member.name: partial(has_all, member.catalog.catalog)
                for member in self._supervisor.members()
                if member.ready and member.catalog is not None
            },
            waiting=self._waiting(),
            spent_s=self._spent_s,
            hindered=partial(_hindered, self._supervisor.members()),
        )
        known = {shape for shape, read in self._paces_at.items() if ticks - read < PACE_FRESH_S}
        names = [member.name for member in self._supervisor.members()]
        backlog = await self._queue.backlog(names, known)
        if len(self._paces) > PACES_KEPT:
            self._paces.clear()
            self._paces_at.clear()
        self._paces |= backlog.paces
        self._paces_at |= dict.fromkeys(backlog.paces, ticks)
        # Beside the loop: thousands of jobs take a while.
        return await asyncio.to_thread(moment_of, backlog, sight, dict(self._paces), at)

    def _spent_s(self, job_id: str) -> float | None:
        begun_at = self._begun_at(job_id)
        return None if begun_at is None else time.monotonic() - begun_at


def moment_of(backlog: Backlog, sight: Sight, paces: Paces, at: float) -> Moment:
    """What becomes of `backlog` on the engines in sight."""
    scene = scene_of(backlog, sight, paces, at)
    outlooks = _with_hindrances(forecast(scene), backlog, sight)
    owners = {row.id: row.owner for row in backlog.running}
    owners |= {row.id: row.owner for each in backlog.waiters.values() for row in each.jobs}
    mine: dict[str, list[str]] = {}
    for job_id, outlook in sorted(outlooks.items(), key=lambda one: one[1].place):
        if outlook.place:
            mine.setdefault(owners[job_id], []).append(job_id)
    return Moment(at=at, outlooks=outlooks, scene=scene, mine=mine)


def _with_hindrances(outlooks: Mapping[str, Outlook], backlog: Backlog, sight: Sight) -> dict[str, Outlook]:
    hindered = {number: sight.hindered(needs) for number, needs in backlog.needs.items()}
    needs = {row.id: row.need_id for each in backlog.waiters.values() for row in each.jobs}
    return {
        job_id: replace(outlook, hindered=hindered[needs[job_id]]) if job_id in needs else outlook
        for job_id, outlook in outlooks.items()
    }


def scene_of(backlog: Backlog, sight: Sight, paces: Paces, at: float) -> Scene:
    """The backlog as `forecast` takes it."""
    kinds = _Kinds(backlog, sight, paces)
    flows = {owner: waiter.flow for owner, waiter in backlog.waiters.items()}
    engines: dict[str, list[Taken]] = {name: [] for name in sight.engines}
    apart: dict[str, list[Taken]] = {}
    for row in sorted(backlog.running, key=lambda row: (row.id in sight.waiting, row.started)):
        here = engines[row.engine] if row.engine in engines else apart.setdefault(row.engine, [])
        takes = kinds.takes(row.shape, row.need_id, row.engine)
        spent_s = _spent_s(row, sight, at) if row.id not in sight.waiting or not here else None
        here.append(Taken(id=row.id, owner=row.owner, takes=takes, spent_s=spent_s))
        if row.owner in flows and takes is not None:
            flows[row.owner] = _settled(flows[row.owner], row.charge, max(spent_s or 0.0, takes.likely_s), at)
    accounts = {
        owner: Account(
            flow=flows[owner],
            max_running=waiter.max_running,
            queue=[
                Queued(
                    id=row.id,
                    seq=row.seq,
                    owner=owner,
                    kind=kinds.of(row.shape, row.need_id, row.cost),
                    ready_in_s=max(0.0, row.not_before - at),
                )
                for row in waiter.jobs
            ],
            beyond=max(0, waiter.flow.queued - len(waiter.jobs)),
        )
        for owner, waiter in backlog.waiters.items()
    }
    running = Counter(row.owner for row in backlog.running)
    return Scene(accounts=accounts, turn=backlog.turn, engines=engines, apart=apart, running=running)


class _Kinds:
    """The kinds of jobs there are: which engines can run each, and how long that takes."""

    def __init__(self, backlog: Backlog, sight: Sight, paces: Paces) -> None:
        self._averages = backlog.averages
        self._paces = paces
        self._engines = {
            number: [name for name, accepts in sight.engines.items() if accepts(needs)]
            for number, needs in backlog.needs.items()
        }
        self._known: dict[tuple[str | None, int, float | None], Kind] = {}

    def takes(self, shape: str | None, need_id: int, engine: str) -> Estimate | None:
        samples = self._paces.get(shape, {}) if shape else {}
        return Pace(samples=samples, average_s=self._averages[need_id]).on(engine)

    def of(self, shape: str | None, need_id: int, cost_s: float | None) -> Kind:
        named = (shape, need_id, cost_s)
        if named not in self._known:
            takes = {engine: self.takes(shape, need_id, engine) for engine in self._engines[need_id]}
            likely = [each.likely_s for each in takes.values() if each is not None]
            # What a claim is charged, where it is not known what the job takes.
            guesses = (median(likely) if likely else None, cost_s, self._averages[need_id], UNKNOWN_COST_S)
            expected_s = next(each for each in guesses if each is not None)
            self._known[named] = Kind(takes=takes, expected_s=expected_s)
        return self._known[named]


def _spent_s(row: Row[Any], sight: Sight, at: float) -> float:
    spent_s = sight.spent_s(row.id)
    return max(0.0, at - row.started) if spent_s is None else spent_s


def _settled(flow: Flow, charged: float, real_s: float, at: float) -> Flow:
    """As if the running job had ended already: what it is expected to cost counts, not what was charged."""
    return replace(settle(flow, charged, real_s, at), running=flow.running, idle_since=flow.idle_since)


def _hindered(members: Sequence[Member], needs: tuple[str, ...]) -> str | None:
    fits = [each for each in members if each.catalog is not None and has_all(each.catalog.catalog, needs)]
    return hindrance([Standing(engine=each.name, condition=condition_of(each)) for each in fits])
