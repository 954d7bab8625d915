"""When each waiting job will start: its place in the order of turns, and the engines played forward (pure).

The order is the one of `fairness`, with each job charged what it is expected to take. Engines then take
jobs in that order, each the first that it can run, three times: as if everything took its shortest, its
likely and its longest time. What depends on something of unknown length is unknown itself.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import heapify, heappop, heappush
from math import ceil, inf
from operator import attrgetter

from gesso.jobs.estimate import NOTHING, Estimate, anywhere
from gesso.jobs.fairness import UNKNOWN_COST_S, Flow, charge

Measure = Callable[[Estimate], float]
MEASURES: tuple[Measure, ...] = tuple(attrgetter(name) for name in ("low_s", "likely_s", "high_s"))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kind:
    """Jobs that take as long as each other, on the same engines."""

    takes: Mapping[str, Estimate | None]
    """By engine that can run it now; None: for how long is not known."""
    expected_s: float
    """What its turn is charged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """A job that waits for its turn."""

    id: str
    seq: int
    owner: str
    kind: Kind
    ready_in_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A job that an engine was handed. `spent_s` None: it waits there, behind another."""

    id: str
    owner: str
    takes: Estimate | None
    spent_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One user who waits: his first jobs, in their order, and how many there are beyond them."""

    flow: Flow
    max_running: int
    queue: Sequence[Queued]
    beyond: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Everything that decides who starts when. `engines`: those that take jobs, with what each has now."""

    accounts: Mapping[str, Account]
    turn: float
    engines: Mapping[str, Sequence[Taken]]
    apart: Mapping[str, Sequence[Taken]] = field(default_factory=dict)
    """What engines have that take no more jobs."""
    running: Mapping[str, int] = field(default_factory=dict)
    """How many jobs of each user engines have now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What awaits a job. `place` counts from 1 in the order of turns; 0: it runs."""

    place: int
    starts: Estimate | None
    takes: Estimate | None
    hindered: str | None = None
    """Why no engine takes it now, in words; None: it is a matter of turns."""


def forecast(scene: Scene) -> dict[str, Outlook]:
    """By id; of the jobs whose place is certain, and of those that engines have."""
    outlooks = _at_engines(scene)
    staged = sum(1 for outlook in outlooks.values() if outlook.place)
    order = fair_order(scene)
    passes = [_starts(scene, order, measure) for measure in MEASURES]
    for index, job in enumerate(order):
        found = [each[index] for each in passes]
        engine = found[1].engine
        outlooks[job.id] = Outlook(
            place=staged + index + 1,
            starts=_combined([each.at_s for each in found]),
            takes=job.kind.takes[engine] if engine else anywhere(job.kind.takes.values()),
        )
    return outlooks


def fair_order(scene: Scene) -> list[Queued]:
    """In the order of their turns, those that no engine can run last; as far as it is certain."""
    if not scene.engines:
        return _turns(scene, lambda job: True)[0]
    order, certain = _turns(scene, lambda job: bool(job.kind.takes))
    return order + _turns(scene, lambda job: not job.kind.takes)[0] if certain else order


def place_beyond(scene: Scene, owner: str, index: int) -> int:
    """About which place the owner's job has that is `index` places (from 0) down his own queue."""
    expected = [job.kind.expected_s for account in scene.accounts.values() for job in account.queue]
    cost_s = sum(expected) / len(expected) if expected else UNKNOWN_COST_S
    flow = scene.accounts[owner].flow
    tag = flow.vtime + index * cost_s / flow.weight
    before = index
    for name, account in scene.accounts.items():
        if name != owner and account.flow.vtime < tag:
            turns = ceil((tag - account.flow.vtime) * account.flow.weight / cost_s)
            before += min(len(account.queue) + account.beyond, turns)
    return before + 1


def _turns(scene: Scene, wanted: Callable[[Queued], bool]) -> tuple[list[Queued], bool]:
    """The wanted jobs in order, and whether that is all of them."""
    order: list[Queued] = []
    turn = scene.turn
    flows = {owner: account.flow for owner, account in scene.accounts.items()}
    queues = {
        owner: [job for job in account.queue if wanted(job)] for owner, account in scene.accounts.items()
    }
    done = Counter[str]()
    waiting = [
        (flow.vtime, queues[owner][0].seq if queues[owner] else 0, owner)
        for owner, flow in flows.items()
        if queues[owner] or scene.accounts[owner].beyond
    ]
    heapify(waiting)
    while waiting:
        _, _, owner = heappop(waiting)
        mine = queues[owner]
        if done[owner] == len(mine):
            return order, False  # it is the turn of a job that we do not know
        job = mine[done[owner]]
        order.append(job)
        done[owner] += 1
        before = flows[owner]
        charged = charge(before, turn, job.kind.expected_s)
        # What is charged here is what the job takes: nothing of it remains to be proved.
        flows[owner], turn = replace(charged.flow, pending=before.pending), charged.turn
        if done[owner] < len(mine) or scene.accounts[owner].beyond:
            seq = mine[done[owner]].seq if done[owner] < len(mine) else 0
            heappush(waiting, (flows[owner].vtime, seq, owner))
    return order, True


def _at_engines(scene: Scene) -> dict[str, Outlook]:
    """Of what engines have: the first job of each runs, the others wait there."""
    outlooks: dict[str, Outlook] = {}
    staged: list[tuple[float, Taken, Estimate | None]] = []
    for jobs in (*scene.engines.values(), *scene.apart.values()):
        free: Estimate | None = NOTHING
        for job in jobs:
            if job.spent_s is None:
                staged.append((inf if free is None else free.likely_s, job, free))
            else:
                outlooks[job.id] = Outlook(place=0, starts=None, takes=job.takes)
            free = _after(free, _left(job))
    for place, (_, job, starts) in enumerate(sorted(staged, key=lambda one: (one[0], one[1].id)), 1):
        outlooks[job.id] = Outlook(place=place, starts=starts, takes=job.takes)
    return outlooks


@dataclass(frozen=True, slots=True)
class _Start:
    """When, and on which engine. `at_s` None: not known; `engine` None: on none that there is."""

    at_s: float | None = None
    engine: str | None = None


def _starts(scene: Scene, order: Sequence[Queued], measure: Measure) -> list[_Start]:
    """One start for each job of `order`."""
    play = _Play(scene, order, measure)
    while play.clock:
        play.step()
    return play.starts


class _Play:
    """The engines, played forward in time: the one that is free first takes its first job."""

    def __init__(self, scene: Scene, order: Sequence[Queued], measure: Measure) -> None:
        self.starts = [_Start()] * len(order)
        self.clock: list[tuple[float, str]] = []
        self._order = order
        self._measure = measure
        self._room = {
            owner: account.max_running - scene.running.get(owner, 0)
            for owner, account in scene.accounts.items()
        }
        self._ends: list[tuple[float, str]] = []
        # Engines of which nobody knows when they are free.
        self._hazy: set[str] = set()
        # Places in `order`, by the engines that can run them; each a heap.
        self._open: dict[frozenset[str], list[int]] = defaultdict(list)
        # Of users with as many jobs running as they may.
        self._held: dict[str, list[int]] = defaultdict(list)
        self._was_held: set[int] = set()
        for index, job in enumerate(order):
            self._open[frozenset(job.kind.takes)].append(index)
        self._for: dict[str, list[list[int]]] = {
            name: [places for engines, places in self._open.items() if name in engines]
            for name in scene.engines
        }
        for name, jobs in scene.engines.items():
            self._take_over(name, jobs)

    def _take_over(self, name: str, jobs: Iterable[Taken]) -> None:
        free_s = 0.0
        for job in jobs:
            left = _left(job)
            if left is None:
                self._hazy.add(name)
            free_s += UNKNOWN_COST_S if left is None else self._measure(left)
            heappush(self._ends, (free_s, job.owner))
        heappush(self.clock, (free_s, name))

    def step(self) -> None:
        now, name = heappop(self.clock)
        self._end_until(now)
        index = self._first(name)
        if index is not None:
            self._start(index, name, now)
        elif self._ends and any(self._held.values()):
            # A user may run no more for now: look again when something ends.
            heappush(self.clock, (self._ends[0][0], name))

    def _end_until(self, now: float) -> None:
        while self._ends and self._ends[0][0] <= now:
            _, owner = heappop(self._ends)
            if owner in self._room:
                self._room[owner] += 1
            if self._held[owner] and self._room[owner] > 0:
                index = heappop(self._held[owner])
                heappush(self._open[frozenset(self._order[index].kind.takes)], index)

    def _first(self, name: str) -> int | None:
        """The first job in the order of turns that this engine can run and its owner may."""
        best: list[int] | None = None
        for places in self._for[name]:
            while places and self._room[self._order[places[0]].owner] <= 0:
                index = heappop(places)
                heappush(self._held[self._order[index].owner], index)
                self._was_held.add(index)
            if places and (best is None or places[0] < best[0]):
                best = places
        return heappop(best) if best is not None else None

    def _start(self, index: int, name: str, now: float) -> None:
        job = self._order[index]
        at_s = max(now, job.ready_in_s)
        # An engine that is free now is; before any other, nobody can tell which engine is free first.
        idle = now == 0.0 and name not in self._hazy
        hazy = not idle and not self._hazy.isdisjoint(job.kind.takes)
        if hazy or (self._hazy and index in self._was_held):
            self._hazy.update(job.kind.takes)
            self.starts[index] = _Start(None, name)
        else:
            self.starts[index] = _Start(at_s, name)
        takes = job.kind.takes[name]
        if takes is None:
            self._hazy.add(name)
        end_s = at_s + (UNKNOWN_COST_S if takes is None else self._measure(takes))
        self._room[job.owner] -= 1
        heappush(self._ends, (end_s, job.owner))
        heappush(self.clock, (end_s, name))


def _left(job: Taken) -> Estimate | None:
    return None if job.takes is None else job.takes.left(job.spent_s or 0.0)


def _after(free: Estimate | None, takes: Estimate | None) -> Estimate | None:
    return None if free is None or takes is None else free.then(takes)


def _combined(starts: Sequence[float | None]) -> Estimate | None:
    """With other lengths the engines may take other jobs: the bounds are those of all three."""
    known = [at_s for at_s in starts if at_s is not None]
    if len(known) < len(starts):
        return None
    return Estimate(low_s=min(known), likely_s=known[1], high_s=max(known))
