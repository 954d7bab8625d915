"""Where a job goes, and who may go first for his models: fewer loads, nobody starves, shares stay fair."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gesso.jobs.placement import (
    LOAD_S,
    LOOK_AHEAD,
    PATIENCE_S,
    Line,
    Models,
    Seat,
    Waiting,
    decide,
    due_in_s,
    first,
    is_soon,
    loaded_after,
    models_of,
)
from tests.turns import ModelJob, Turns


def model(name: str) -> str:
    return f"file:CheckpointLoaderSimple.ckpt_name={name}.safetensors"


A, B, C, NONE = model("a"), model("b"), model("c"), "class:EmptyImage"
SEAT = Seat(engine="one", loaded=frozenset({A}))


def line(*jobs: Waiting, vtime: float = 0.0) -> Line:
    return Line(vtime=vtime, jobs=jobs)


def job(
    seq: int, *models: str, overtaken: float | None = None, lane: tuple[int, bool] = (0, False)
) -> Waiting:
    return Waiting(seq=seq, models=frozenset(models), overtaken=overtaken, lane=lane)


def goes_first(*lines: Line, now: float = 0.0) -> int | None:
    chosen = first(lines, SEAT, now)
    return chosen.seq if chosen else None


def test_job_whose_models_are_loaded_goes_first_within_its_owners_next_jobs() -> None:
    mine = [job(seq, B) for seq in range(LOOK_AHEAD - 1)]
    chosen = first([line(*mine, job(99, A))], SEAT, 0.0)
    assert chosen is not None
    assert (chosen.seq, chosen.overtaken) == (99, tuple(range(LOOK_AHEAD - 1)))
    assert goes_first(line(*mine, job(98, B), job(99, A))) is None


def test_all_models_must_be_loaded_and_loras_do_not_count() -> None:
    assert goes_first(line(job(1, B), job(2, A, B))) is None
    lora = "file:LoraLoader.lora_name=ink.safetensors"
    assert models_of((A, NONE, lora)) == {A}
    assert models_of((NONE, lora)) == frozenset()


def test_another_user_goes_first_only_while_he_is_a_load_behind_at_most() -> None:
    assert goes_first(line(job(1, B)), line(job(2, A), vtime=LOAD_S)) == 2
    assert goes_first(line(job(1, B)), line(job(2, A), vtime=LOAD_S + 0.1)) is None


def test_ones_own_job_goes_first_before_anothers() -> None:
    assert goes_first(line(job(1, B), job(2, A)), line(job(3, A))) == 2


def test_overtaken_job_is_patient_for_so_long_and_no_longer() -> None:
    waits = job(1, B, overtaken=100.0)
    for others in ([line(waits, job(2, A))], [line(waits), line(job(2, A))]):
        assert goes_first(*others, now=100.0 + PATIENCE_S - 0.1) == 2
        assert goes_first(*others, now=100.0 + PATIENCE_S) is None


def test_job_that_needs_no_model_is_not_overtaken_by_other_users() -> None:
    assert goes_first(line(job(1, B)), line(job(2)), line(job(3, A))) is None
    assert goes_first(line(job(1, B), job(2), job(3, A))) == 3


def test_what_its_owner_put_in_front_is_not_overtaken_by_his_other_jobs() -> None:
    assert goes_first(line(job(1, B, lane=(1, False)), job(2, A))) is None
    assert goes_first(line(job(1, B, lane=(0, True)), job(2, A))) is None
    assert goes_first(line(job(1, B, lane=(0, True)), job(2, A)), line(job(3, A))) == 3


def place(models: Models, *seats: Seat, wanted: Sequence[Models] = ()) -> str:
    return decide(models, seats, wanted, lambda seat: [], 0.0)[0].engine


def test_job_goes_where_its_models_are_then_where_nothing_is_lost() -> None:
    empty, with_a, with_b = (
        Seat(engine="e"),
        Seat(engine="a", loaded=frozenset({A})),
        Seat(engine="b", loaded=frozenset({B})),
    )
    assert place(frozenset({A}), empty, with_a, with_b) == "a"
    assert place(frozenset({C}), with_a, empty, with_b) == "e"
    assert place(frozenset({C}), with_a, with_b, wanted=[frozenset({A})]) == "b"
    assert place(frozenset(), with_a, with_b, empty) == "e"
    assert place(frozenset(), with_a, with_b, wanted=[frozenset({A})]) == "b"


def test_busy_engine_gets_a_job_only_if_it_has_its_models_or_nobody_is_idle() -> None:
    busy = Seat(engine="busy", loaded=frozenset({A}), idle=False)
    idle = Seat(engine="idle", loaded=frozenset({B}))
    wanted = [frozenset({A}), frozenset({B})]
    assert place(frozenset({A}), busy, idle) == "busy"
    assert place(frozenset({C}), busy, idle, wanted=wanted) == "idle"
    assert place(frozenset({C}), busy) == "busy"


def test_turn_is_taken_on_another_engine_rather_than_overtaken() -> None:
    seats = (SEAT, Seat(engine="two"))
    lines = {"one": [line(job(1, B), job(2, A))], "two": [line(job(1, B), job(2, A))]}
    seat, instead = decide(frozenset({B}), seats, [frozenset({A})], lambda seat: lines[seat.engine], 0.0)
    assert (seat.engine, instead) == ("two", None)


def test_end_of_a_job_is_near_a_second_before_it_is_expected_and_not_long_after() -> None:
    assert not is_soon(None, 0.0)
    assert is_soon(0.5, 0.0)
    assert [is_soon(30.0, spent_s) for spent_s in (0.0, 28.9, 29.1, 30.9, 31.1)] == [
        False,
        False,
        True,
        True,
        False,
    ]


def test_next_job_is_due_when_a_tenth_is_left_and_between_a_second_and_a_tenth_of_one() -> None:
    assert due_in_s(None, 0.0) is None
    assert [due_in_s(expected_s, 0.0) for expected_s in (0.05, 0.4, 5.0, 30.0)] == [
        0.0,
        pytest.approx(0.3),
        4.5,
        29.0,
    ]
    assert [due_in_s(5.0, spent_s) for spent_s in (4.0, 4.5, 5.9, 6.0)] == [0.5, 0.0, 0.0, None]


def test_job_without_models_leaves_what_is_loaded() -> None:
    assert loaded_after(frozenset({A}), frozenset({B})) == {B}
    assert loaded_after(frozenset({A}), frozenset()) == {A}


@dataclass(slots=True, kw_only=True)
class Fleet:
    """Engines that hold one job's models, in simulated time; without `affinity` they are taken as empty."""

    engines: int
    affinity: bool = True
    load_s: float = LOAD_S
    turns: Turns = field(default_factory=Turns)
    now: float = 0.0
    loaded: dict[str, Models] = field(default_factory=dict)
    loads: int = 0
    real_s: dict[str, float] = field(default_factory=dict)
    ends: list[tuple[float, int, ModelJob, str]] = field(default_factory=list)
    served: dict[str, float] = field(default_factory=dict)
    started: dict[str, float] = field(default_factory=dict)

    def submit(self, owner: str, need: str, real_s: float) -> ModelJob:
        job = self.turns.submit(owner, self.now, cost_s=real_s, need=need)
        self.real_s[job.id] = real_s
        return job

    def start(self) -> None:
        busy = {engine for *_, engine in self.ends}
        free = [f"e{number}" for number in range(self.engines) if f"e{number}" not in busy]
        held = {engine: self.loaded.get(engine, frozenset()) for engine in free}
        seats = [
            Seat(engine=engine, loaded=held[engine] if self.affinity else frozenset(), load_s=self.load_s)
            for engine in free
        ]
        for job, engine in self.turns.place([(seat, None) for seat in seats], self.now):
            load_s = self.load_s if not job.models <= held[engine] else 0.0
            self.loads += not job.models <= held[engine]
            self.loaded[engine] = loaded_after(held[engine], job.models)
            self.started[job.id] = self.now
            heapq.heappush(self.ends, (self.now + load_s + self.real_s[job.id], job.seq, job, engine))

    def end_next(self) -> None:
        self.now, _, job, _ = heapq.heappop(self.ends)
        self.turns.finish(job, "succeeded", self.now)
        self.served[job.owner] = self.served.get(job.owner, 0.0) + self.now - self.started[job.id]

    def run(self, until: float = float("inf")) -> None:
        self.start()
        while self.ends and self.ends[0][0] <= until:
            self.end_next()
            self.start()

    def difference(self) -> float:
        """Of what two users got."""
        return abs(self.served.get("x", 0.0) - self.served.get("y", 0.0))


def fleet(engines: int, owners: Sequence[str], *, affinity: bool = True) -> Fleet:
    made = Fleet(engines=engines, affinity=affinity)
    for owner in owners:
        made.turns.add_user(owner)
    return made


needs = st.sampled_from((A, B, C, A, B, NONE))
lengths = st.floats(0.1, 20.0)
queues = st.lists(st.tuples(needs, lengths), min_size=1, max_size=40)


@settings(max_examples=60)
@given(queue=queues)
def test_one_engine_never_loads_more_often_for_a_user_than_in_his_order(
    queue: list[tuple[str, float]],
) -> None:
    loads = {}
    for affinity in (True, False):
        sim = fleet(1, "x", affinity=affinity)
        for need, real_s in queue:
            sim.submit("x", need, real_s)
        sim.run()
        assert len(sim.started) == len(queue)
        loads[affinity] = sim.loads
    assert loads[True] <= loads[False]


@settings(max_examples=60)
@given(
    queue=st.lists(st.tuples(st.sampled_from("xyz"), needs, lengths), max_size=60), engines=st.integers(1, 3)
)
def test_no_engine_is_idle_while_a_job_waits_and_every_job_runs_once(
    queue: list[tuple[str, str, float]], engines: int
) -> None:
    sim = fleet(engines, "xyz")
    for owner, need, real_s in queue:
        sim.submit(owner, need, real_s)
    sim.start()
    while sim.ends:
        waiting = sum(job.state == "queued" for job in sim.turns.jobs)
        assert len(sim.ends) == engines or not waiting
        sim.end_next()
        sim.start()
    assert len(sim.started) == len(queue)
    assert all(job.attempt == 1 for job in sim.turns.jobs)


@settings(max_examples=60)
@given(
    queue=st.lists(st.tuples(st.sampled_from("xyz"), needs, lengths), min_size=10, max_size=60),
    engines=st.integers(1, 3),
)
def test_nothing_goes_before_a_job_that_was_overtaken_long_ago(
    queue: list[tuple[str, str, float]], engines: int
) -> None:
    """Within its owner's line, in which fairness has no say."""
    sim = fleet(engines, "xyz")
    for owner, need, real_s in queue:
        sim.submit(owner, need, real_s)
    sim.run()
    for late in sim.turns.jobs:
        if late.overtaken is None:
            continue
        end = late.overtaken + PATIENCE_S
        overtakers = [
            sim.started[each.id]
            for each in sim.turns.jobs
            if each.owner == late.owner
            and each.seq > late.seq
            and sim.started[each.id] < sim.started[late.id]
        ]
        assert all(started < end for started in overtakers)


long_lengths = st.floats(2.0, 20.0)


@settings(max_examples=40)
@given(
    mine=st.tuples(needs, long_lengths),
    others=st.lists(st.tuples(needs, long_lengths), min_size=1, max_size=6),
    engines=st.integers(1, 2),
    until=st.floats(40.0, 150.0),
)
def test_two_who_always_wait_get_the_same_but_for_one_load_and_a_job_on_each_engine(
    mine: tuple[str, float], others: list[tuple[str, float]], engines: int, until: float
) -> None:
    sim = fleet(engines, "xy")
    for number in range(int(engines * until / 2) + 1):
        sim.submit("x", *mine)
        sim.submit("y", *others[number % len(others)])
    sim.run(until)
    assert all(sim.turns.flows[owner].queued for owner in "xy")
    longest = max(real_s for _, real_s in others)
    # Every engine may be a job of either ahead; what it takes to load is not known beforehand.
    unsettled = (engines - 1) * 2 * LOAD_S
    assert sim.difference() <= LOAD_S + engines * (mine[1] + longest) + unsettled


@pytest.mark.parametrize("load_s", [0.3, 5.0, LOAD_S])
def test_engine_goes_from_one_user_to_the_other_after_the_time_of_a_load(load_s: float) -> None:
    sim = fleet(1, "xy")
    sim.load_s = load_s
    for _ in range(200):
        sim.submit("x", A, 1.0)
        sim.submit("y", B, 1.0)
    widest = 0.0
    for end in range(180):
        sim.run(float(end))
        widest = max(widest, sim.difference())
    assert load_s <= widest <= load_s + 2.0


@settings(max_examples=25)
@given(real_s=st.floats(0.1, 20.0), arriving=st.integers(1, 3))
def test_users_who_come_and_come_do_not_starve_one_whose_model_is_not_loaded(
    real_s: float, arriving: int
) -> None:
    """Each of them begins at the present turn: by their virtual time alone they might all go first."""
    sim = fleet(1, ["first", "other"])
    sim.submit("first", A, real_s)
    sim.start()
    waiting = sim.submit("other", B, real_s)
    number = 0
    while waiting.id not in sim.started:
        for _ in range(arriving):
            number += 1
            owner = f"u{number}"
            sim.turns.add_user(owner)
            sim.submit(owner, A, real_s)
        sim.end_next()
        sim.start()
        assert sim.now <= PATIENCE_S + LOAD_S + 3 * real_s


@pytest.mark.parametrize("engines", [1, 2, 3])
def test_alternating_jobs_of_two_users_load_far_less_often(engines: int) -> None:
    loads, ended = {}, {}
    for affinity in (True, False):
        sim = fleet(engines, "xy", affinity=affinity)
        for number in range(120):
            for owner in "xy":
                sim.submit(owner, (A, B)[number % 2], 2.0)
        sim.run()
        loads[affinity], ended[affinity] = sim.loads, sim.now
    assert loads[True] * 3 < loads[False]
    assert ended[True] < ended[False] / 2
