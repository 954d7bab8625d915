"""The rule of turns: shares by weight, nobody starves, nothing is hoarded, wrong estimates are put right."""

import heapq
from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from gesso.jobs.fairness import (
    CREDIT_S,
    HALF_LIFE_S,
    Flow,
    arrive,
    charge,
    learn,
    requeue,
    settle,
    withdraw,
)
from tests.turns import ModelJob, Turns

IDLE = Flow(weight=1.0, vtime=0.0, pending=0.0, queued=0, running=0, idle_since=None)


@dataclass(slots=True, kw_only=True)
class Simulation:
    """Engines that take jobs of known real length, by the model's rule, in simulated time."""

    engines: int
    turns: Turns = field(default_factory=Turns)
    now: float = 0.0
    real_s: dict[str, float] = field(default_factory=dict)
    ends: list[tuple[float, int, ModelJob]] = field(default_factory=list)
    served: dict[str, float] = field(default_factory=dict)

    def submit(self, owner: str, real_s: float, estimate_s: float) -> ModelJob:
        job = self.turns.submit(owner, self.now, cost_s=estimate_s)
        self.real_s[job.id] = real_s
        return job

    def start(self) -> list[ModelJob]:
        """Fill the free engines; returns what was started."""
        started = []
        while len(self.ends) < self.engines and (job := self.turns.claim(self.now)):
            heapq.heappush(self.ends, (self.now + self.real_s[job.id], job.seq, job))
            started.append(job)
        return started

    def end_next(self) -> ModelJob | None:
        if not self.ends:
            return None
        self.now, _, job = heapq.heappop(self.ends)
        self.turns.finish(job, "succeeded", self.now)
        self.served[job.owner] = self.served.get(job.owner, 0.0) + self.real_s[job.id]
        return job


def run_until(simulation: Simulation, time_s: float) -> None:
    simulation.start()
    while simulation.ends and simulation.ends[0][0] <= time_s:
        simulation.end_next()
        simulation.start()


users = st.lists(
    st.tuples(st.sampled_from([0.5, 1.0, 2.0, 3.0]), st.floats(1.0, 8.0), st.floats(0.25, 4.0)),
    min_size=2,
    max_size=4,
)


@settings(max_examples=30)
@given(users=users, engines=st.integers(1, 3), data=st.data())
def test_shares_follow_weights_within_a_bound_that_does_not_grow(
    users: list[tuple[float, float, float]], engines: int, data: st.DataObject
) -> None:
    """`users`: weight, real seconds of each job, and by how much their estimates are wrong."""
    simulation = Simulation(engines=engines)
    weights, charged = {}, {}
    for number, (weight, real_s, error) in enumerate(users):
        owner = str(number)
        weights[owner], charged[owner] = weight, max(real_s, real_s * error) / weight
        simulation.turns.add_user(owner, weight=weight)
        for _ in range(int(100 * engines / real_s) + 1):
            simulation.submit(owner, real_s, real_s * error)
    run_until(simulation, data.draw(st.floats(10.0, 100.0)))
    backlogged = [owner for owner, flow in simulation.turns.flows.items() if flow.queued]
    service = {owner: simulation.served.get(owner, 0.0) / weights[owner] for owner in backlogged}
    for one in backlogged:
        for other in backlogged:
            # Every engine may be one job of either user ahead, counted as charged or as real.
            bound = engines * (charged[one] + charged[other])
            assert abs(service[one] - service[other]) <= bound


def test_equal_users_share_equally_and_double_weight_gets_double() -> None:
    simulation = Simulation(engines=4)
    for owner, weight in (("a", 1.0), ("b", 1.0), ("c", 2.0)):
        simulation.turns.add_user(owner, weight=weight)
    for _ in range(200):
        for owner in "abc":
            simulation.submit(owner, 5.0, 1.0)
    run_until(simulation, 300.0)
    total = sum(simulation.served.values())
    shares = {owner: simulation.served[owner] / total for owner in "abc"}
    assert shares == {"a": approx(0.25, abs=0.02), "b": approx(0.25, abs=0.02), "c": approx(0.5, abs=0.02)}


@given(
    engines=st.integers(1, 4),
    estimate_s=st.floats(0.01, 1000.0),
    before=st.integers(0, 20),
    own_estimate_s=st.floats(0.01, 1000.0),
)
def test_a_hundred_jobs_of_one_delay_another_by_the_running_ones_at_most(
    engines: int, estimate_s: float, before: int, own_estimate_s: float
) -> None:
    simulation = Simulation(engines=engines)
    for owner in ("many", "one"):
        simulation.turns.add_user(owner)
    for _ in range(100):
        simulation.submit("many", 10.0, estimate_s)
    simulation.start()
    for _ in range(before):
        simulation.end_next()
        simulation.start()
    mine = simulation.submit("one", 1.0, own_estimate_s)
    simulation.end_next()
    assert mine in simulation.start()


@given(lengths=st.lists(st.floats(0.1, 500.0), min_size=1, max_size=20), engines=st.integers(1, 3))
def test_nobody_has_a_second_turn_before_everybody_had_one(lengths: list[float], engines: int) -> None:
    simulation = Simulation(engines=engines)
    owners = [f"u{number}" for number in range(len(lengths))]
    for owner, length in zip(owners, lengths, strict=True):
        simulation.turns.add_user(owner)
        for _ in range(2):
            simulation.submit(owner, length, 10.0)
    order = simulation.start()
    while simulation.end_next():
        order += simulation.start()
    assert {job.owner for job in order[: len(owners)]} == set(owners)
    assert len(order) == 2 * len(owners)


def test_a_newcomer_starts_at_the_present_without_credit() -> None:
    turns = Turns()
    turns.add_user("old")
    turns.add_user("new")
    for _ in range(100):
        turns.submit("old", 0.0, cost_s=10.0)
    for now in range(0, 500, 10):
        job = turns.claim(float(now))
        assert job is not None
        turns.finish(job, "succeeded", now + 10.0)
    for _ in range(10):
        turns.submit("new", 500.0, cost_s=10.0)
    order = [job.owner for job in (turns.claim(500.0) for _ in range(10)) if job]
    assert order[:4] == ["new", "new", "old", "new"] or order[:4] == ["new", "old", "new", "old"]
    assert 4 <= order.count("new") <= 6


def test_estimates_far_too_high_do_not_set_newcomers_back() -> None:
    turns = Turns()
    turns.add_user("old")
    turns.add_user("new")
    for _ in range(100):
        turns.submit("old", 0.0, cost_s=1000.0)
    running = [turns.claim(0.0) for _ in range(4)]
    turns.submit("new", 0.5, cost_s=1.0)
    for job in running:
        assert job is not None
        turns.finish(job, "succeeded", 1.0)
    following = turns.claim(1.0)
    assert following is not None and following.owner == "new"


def test_one_who_was_away_keeps_half_the_debt_after_a_half_life() -> None:
    away = Flow(weight=1.0, vtime=500.0, pending=0.0, queued=0, running=0, idle_since=1000.0)
    assert arrive(away, 100.0, 1000.0).vtime == approx(500.0)
    assert arrive(away, 100.0, 1000.0 + HALF_LIFE_S).vtime == approx(300.0)
    assert arrive(away, 100.0, 1000.0 + 20 * HALF_LIFE_S).vtime == approx(100.0, abs=0.01)


def test_one_with_jobs_waiting_neither_gains_nor_loses_by_submitting_more() -> None:
    waiting = Flow(weight=1.0, vtime=50.0, pending=0.0, queued=1, running=0, idle_since=None)
    assert arrive(waiting, 100.0, 9.0).vtime == 50.0


def test_one_whose_jobs_could_not_run_has_saved_up_a_bounded_credit() -> None:
    stuck = Flow(weight=1.0, vtime=0.0, pending=0.0, queued=500, running=0, idle_since=None)
    charged = charge(stuck, 36_000.0, 10.0)
    assert charged.flow.vtime == 36_000.0 - CREDIT_S + 10.0
    assert charged.turn == 36_000.0


flows = st.builds(
    Flow,
    weight=st.floats(0.1, 10.0),
    vtime=st.floats(0.0, 1e6),
    pending=st.just(0.0),
    queued=st.integers(1, 100),
    running=st.just(0),
    idle_since=st.none(),
)


@given(flow=flows, cost_s=st.floats(0.0, 1e4), real_s=st.floats(0.0, 1e4))
def test_after_the_end_only_the_real_seconds_count(flow: Flow, cost_s: float, real_s: float) -> None:
    charged = charge(flow, flow.vtime, cost_s)
    after = settle(charged.flow, charged.charge, real_s, 5.0)
    assert after.vtime == approx(flow.vtime + real_s / flow.weight, abs=1e-3)
    assert (after.pending, after.running, after.queued) == (0.0, 0, flow.queued - 1)


@given(flow=flows, cost_s=st.floats(0.0, 1e4))
def test_a_lost_job_costs_nothing(flow: Flow, cost_s: float) -> None:
    charged = charge(flow, flow.vtime, cost_s)
    after = requeue(settle(charged.flow, charged.charge, 0.0, 5.0))
    assert after.vtime == approx(flow.vtime, abs=1e-3)
    assert after.queued == flow.queued


@given(flow=flows, cost_s=st.floats(0.0, 1e4))
def test_every_claim_costs_something_and_the_turn_never_goes_back(flow: Flow, cost_s: float) -> None:
    charged = charge(flow, 1000.0, cost_s)
    assert charged.charge > 0
    assert charged.turn >= 1000.0


def test_idle_since_is_the_moment_the_last_job_left() -> None:
    one = arrive(IDLE, 0.0, 1.0)
    assert one.idle_since is None
    assert withdraw(one, 1, 7.0).idle_since == 7.0
    two = arrive(one, 0.0, 2.0)
    running = charge(two, 0.0, 1.0).flow
    assert settle(running, 1.0, 1.0, 8.0).idle_since is None
    assert settle(withdraw(running, 1, 8.0), 1.0, 1.0, 9.0).idle_since == 9.0


def test_the_estimate_follows_what_jobs_really_take() -> None:
    estimate = learn(None, 100.0)
    assert estimate == 100.0
    for _ in range(20):
        estimate = learn(estimate, 10.0)
    assert estimate == approx(10.0, abs=1.0)


def test_the_same_work_costs_the_weightier_less() -> None:
    one = Flow(weight=1.0, vtime=0.0, pending=0.0, queued=1, running=0, idle_since=None)
    assert charge(one, 0.0, 10.0).charge == 10.0
    assert charge(replace(one, weight=4.0), 0.0, 10.0).charge == 2.5
