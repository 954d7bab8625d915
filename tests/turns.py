"""A model of the queue: the rule of turns over plain lists, to hold the SQL against and to simulate with."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from gesso.jobs.fairness import (
    UNKNOWN_COST_S,
    Flow,
    arrive,
    charge,
    learn,
    requeue,
    settle,
    withdraw,
)
from gesso.jobs.placement import Line, Models, Seat, Waiting, decide, models_of

# An engine on offer, and the needs it meets (None: all).
Seats = tuple[Seat, Collection[str] | None]


@dataclass(slots=True, kw_only=True)
class ModelJob:
    """One job of the model; `charged` is what its present claim cost."""

    id: str
    seq: int
    owner: str
    need: str
    priority: int
    number: float
    cost_s: float | None
    state: str = "queued"
    attempt: int = 0
    max_attempts: int = 3
    not_before: float = 0.0
    cancel_asked: bool = False
    charged: float = 0.0
    started: float = 0.0
    overtaken: float | None = None

    @property
    def models(self) -> Models:
        return models_of((self.need,))


@dataclass(slots=True, kw_only=True)
class Turns:
    """Users, their accounts and jobs, and whose turn it is."""

    flows: dict[str, Flow] = field(default_factory=dict)
    max_running: dict[str, int] = field(default_factory=dict)
    next_number: dict[str, int] = field(default_factory=dict)
    learnt: dict[str, float] = field(default_factory=dict)
    jobs: list[ModelJob] = field(default_factory=list)
    turn: float = 0.0

    def add_user(self, owner: str, *, weight: float = 1.0, max_running: int = 1_000) -> None:
        self.flows[owner] = Flow(weight=weight, vtime=0.0, pending=0.0, queued=0, running=0, idle_since=None)
        self.max_running[owner] = max_running
        self.next_number[owner] = 0

    def submit(
        self,
        owner: str,
        now: float,
        *,
        cost_s: float | None = None,
        need: str = "",
        priority: int = 0,
        front: bool = False,
        max_attempts: int = 3,
    ) -> ModelJob:
        number = self.next_number[owner]
        self.next_number[owner] += 1
        seq = len(self.jobs) + 1
        job = ModelJob(
            id=f"job-{seq}",
            seq=seq,
            owner=owner,
            need=need,
            priority=priority,
            number=-number if front else number,
            cost_s=cost_s,
            not_before=now,
            max_attempts=max_attempts,
        )
        self.jobs.append(job)
        self.flows[owner] = arrive(self.flows[owner], self.turn, now)
        return job

    def claim(self, now: float, needs: Collection[str] | None = None) -> ModelJob | None:
        """The next job for an engine that has `needs` (None: that has everything)."""
        taken = self.place([(Seat(engine="engine"), needs)], now)
        return taken[0][0] if taken else None

    def place(self, offers: Sequence[Seats], now: float) -> list[tuple[ModelJob, str]]:
        """At most one job for each engine, with the name of the engine."""
        left, taken = list(offers), []
        wanted = {job.models for job in self.jobs if job.state == "queued"}
        while left and (found := self._next(left, wanted, now)) is not None:
            taken.append(found)
            left = [offer for offer in left if offer[0].engine != found[1]]
        return taken

    def _next(
        self, offers: Sequence[Seats], wanted: Collection[Models], now: float
    ) -> tuple[ModelJob, str] | None:
        every = (
            None if any(needs is None for _, needs in offers) else set().union(*(n or () for _, n in offers))
        )
        lines = self._lines(every, now)
        if not lines:
            return None
        head = min(
            (jobs[0] for jobs in lines.values()), key=lambda job: (self.flows[job.owner].vtime, job.seq)
        )
        fitting = {
            seat.engine: (seat, needs) for seat, needs in offers if needs is None or head.need in needs
        }

        def runnable(seat: Seat) -> list[Line]:
            here = self._lines(fitting[seat.engine][1], now)
            last = self.flows[head.owner].vtime
            order = sorted((self.flows[each].vtime, each) for each in here if each != head.owner)
            later = [owner for vtime, owner in order if vtime >= last]
            return [
                Line(vtime=self.flows[owner].vtime, jobs=[_waiting(job) for job in here[owner]])
                for owner in [head.owner, *later]
            ]

        seat, instead = decide(head.models, [seat for seat, _ in fitting.values()], wanted, runnable, now)
        job = head
        if instead is not None:
            job = self.jobs[instead.seq - 1]
            for seq in instead.overtaken:
                passed = self.jobs[seq - 1]
                passed.overtaken = now if passed.overtaken is None else passed.overtaken
        self._take(job, now)
        return job, seat.engine

    def _lines(self, needs: Collection[str] | None, now: float) -> dict[str, list[ModelJob]]:
        """The jobs that an engine with `needs` could run now, by owner, in his order."""
        lines: dict[str, list[ModelJob]] = {}
        for job in sorted(self.jobs, key=lambda job: (-job.priority, job.number, job.seq)):
            runnable = job.state == "queued" and job.not_before <= now
            open_ = self.flows[job.owner].running < self.max_running[job.owner]
            if runnable and open_ and (needs is None or job.need in needs):
                lines.setdefault(job.owner, []).append(job)
        return lines

    def _take(self, job: ModelJob, now: float) -> None:
        learnt = self.learnt.get(job.need, UNKNOWN_COST_S)
        charged = charge(self.flows[job.owner], self.turn, learnt if job.cost_s is None else job.cost_s)
        self.flows[job.owner], self.turn = charged.flow, charged.turn
        job.state, job.charged, job.started = "running", charged.charge, now
        job.attempt += 1

    def finish(self, job: ModelJob, state: str, now: float) -> None:
        real_s = now - job.started
        self.flows[job.owner] = settle(self.flows[job.owner], job.charged, real_s, now)
        job.state = state
        if state == "succeeded":
            self.learnt[job.need] = learn(self.learnt.get(job.need), real_s)

    def release(self, job: ModelJob, now: float, *, delay_s: float = 0.0) -> None:
        flow = settle(self.flows[job.owner], job.charged, 0.0, now)
        if job.cancel_asked:
            job.state = "cancelled"
        elif job.attempt >= job.max_attempts:
            job.state = "failed"
        else:
            job.state, job.not_before = "queued", now + delay_s
            flow = requeue(flow)
        self.flows[job.owner] = flow

    def cancel(self, job: ModelJob, now: float) -> None:
        if job.state == "running":
            job.cancel_asked = True
        elif job.state == "queued":
            job.state = "cancelled"
            self.flows[job.owner] = withdraw(self.flows[job.owner], 1, now)

    def running(self) -> list[ModelJob]:
        return [job for job in self.jobs if job.state == "running"]


def _waiting(job: ModelJob) -> Waiting:
    return Waiting(
        seq=job.seq, models=job.models, overtaken=job.overtaken, lane=(job.priority, job.number < 0)
    )
