"""The queue's SQL and the pure model agree, whatever happens in whatever order."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Engine, select, update

from gesso.database import postgres, sqlite
from gesso.database.migrations import prepare
from gesso.database.schema import flow, job, metadata, turn
from gesso.jobs import claim, queue_end, queue_submit, queue_views
from gesso.jobs.job import Claim, Limits, Spec, State
from gesso.jobs.placement import PATIENCE_S, Models, Seat
from gesso.jobs.queue_rows import set_limits
from tests.databases import Cluster
from tests.turns import ModelJob, Turns

OWNERS = ("ada", "ben", "cleo")
# Two with models, and one that needs none.
FLUX, SDXL, PLAIN = NEEDS = (
    "file:UNETLoader.unet_name=flux.sft",
    "file:Loader.name=sdxl.ckpt",
    "class:Plain",
)
ENGINES = ("left", "right")


class QueueAndModel(RuleBasedStateMachine):
    """The same operations on both; after each, the same accounts, and every claim the same job."""

    engine: Engine

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000.0
        self.model = Turns()
        self.claims: dict[str, Claim] = {}
        with self.engine.begin() as conn:
            for table in reversed(metadata.sorted_tables):
                if table.name not in ("meta", "audit") and table is not turn:
                    conn.execute(table.delete())
            conn.execute(update(turn).values(vtime=0.0))
            for number, owner in enumerate(OWNERS):
                weight, most = 1.0 + number, 6 - 2 * number
                self.model.add_user(owner, weight=weight, max_running=most)
                set_limits(conn, owner, Limits(weight=weight, max_running=most))

    @rule(
        owner=st.sampled_from(OWNERS),
        need=st.sampled_from(NEEDS),
        cost_s=st.one_of(st.none(), st.floats(0.1, 100.0)),
        priority=st.integers(0, 1),
        front=st.booleans(),
    )
    def submit(self, owner: str, need: str, cost_s: float | None, priority: int, front: bool) -> None:
        expected = self.model.submit(
            owner, self.now, cost_s=cost_s, need=need, priority=priority, front=front, max_attempts=2
        )
        spec = Spec(
            owner=owner,
            payload={"seq": expected.seq},
            id=expected.id,
            needs=(need,),
            cost_s=cost_s,
            priority=priority,
            front=front,
            max_attempts=2,
        )
        with self.engine.begin() as conn:
            job = queue_submit.submit(conn, spec, Limits(), self.now)
        assert job.number == expected.number

    @rule(needs=st.sets(st.sampled_from(NEEDS), min_size=1))
    def claim(self, needs: set[str]) -> None:
        expected = self.model.claim(self.now, needs)
        with self.engine.begin() as conn:
            claims = claim.claim(conn, "engine", "session", lambda names: set(names) <= needs, 1, self.now)
        assert [claim.job.id for claim in claims] == ([expected.id] if expected else [])
        for taken in claims:
            assert expected is not None and taken.attempt == expected.attempt
            self.claims[taken.job.id] = taken

    @rule(
        needs=st.tuples(*[st.one_of(st.just(set(NEEDS)), st.sets(st.sampled_from(NEEDS), min_size=1))] * 2),
        loaded=st.tuples(*[st.sampled_from([frozenset(), frozenset({FLUX}), frozenset({SDXL})])] * 2),
        idle=st.tuples(st.booleans(), st.booleans()),
        number=st.integers(1, 2),
    )
    def place(
        self,
        needs: tuple[set[str], set[str]],
        loaded: tuple[Models, Models],
        idle: tuple[bool, bool],
        number: int,
    ) -> None:
        seats = [
            Seat(engine=engine, loaded=loaded[at], idle=idle[at])
            for at, engine in enumerate(ENGINES[:number])
        ]
        expected = self.model.place(list(zip(seats, needs, strict=False)), self.now)
        offers = [
            claim.Offer(seat=seat, accepts=set(has).issuperset)
            for seat, has in zip(seats, needs, strict=False)
        ]
        with self.engine.begin() as conn:
            claims = claim.place(conn, offers, "session", self.now)
        assert [(taken.job.id, taken.engine) for taken in claims] == [(job.id, at) for job, at in expected]
        self.claims |= {taken.job.id: taken for taken in claims}

    def _one_running(self, data: st.DataObject) -> tuple[ModelJob, Claim]:
        job = data.draw(st.sampled_from(self.model.running()))
        return job, self.claims.pop(job.id)

    @precondition(lambda self: self.model.running())
    @rule(data=st.data(), state=st.sampled_from([State.SUCCEEDED, State.FAILED]))
    def finish(self, data: st.DataObject, state: State) -> None:
        job, held = self._one_running(data)
        self.model.finish(job, state.value, self.now)
        with self.engine.begin() as conn:
            assert queue_end.finish(conn, held, state, None, None, None, self.now)

    @precondition(lambda self: self.model.running())
    @rule(data=st.data(), delay_s=st.sampled_from([0.0, 50.0]))
    def release(self, data: st.DataObject, delay_s: float) -> None:
        job, held = self._one_running(data)
        self.model.release(job, self.now, delay_s=delay_s)
        with self.engine.begin() as conn:
            after = queue_end.release(conn, held, None, True, delay_s, 0.0, self.now)
        assert after is not None and after.state == job.state

    @precondition(lambda self: self.model.jobs)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        job = data.draw(st.sampled_from(self.model.jobs))
        self.model.cancel(job, self.now)
        with self.engine.begin() as conn:
            queue_end.cancel(conn, job.owner, [job.id], (State.QUEUED, State.RUNNING), self.now)

    @rule(seconds=st.one_of(st.sampled_from([1.0, 10.0, PATIENCE_S]), st.floats(0.1, 5_000.0)))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def accounts_agree(self) -> None:
        with self.engine.begin() as conn:
            assert queue_views.integrity(conn) == []
            rows = {row.owner: row for row in conn.execute(select(flow))}
            vturn = conn.execute(select(turn.c.vtime)).scalar_one()
            overtaken = dict(conn.execute(select(job.c.id, job.c.overtaken)).all())
        assert overtaken == {each.id: each.overtaken for each in self.model.jobs}
        assert vturn == pytest.approx(self.model.turn)
        for owner, expected in self.model.flows.items():
            row = rows[owner]
            assert (row.queued, row.running) == (expected.queued, expected.running)
            assert row.vtime == pytest.approx(expected.vtime)
            assert row.idle_since == expected.idle_since
            assert row.running <= row.max_running


@contextmanager
def prepared(url: str) -> Iterator[Engine]:
    module = sqlite if url.startswith("sqlite") else postgres
    engine = module.make_engine(url)
    with engine.begin() as conn:
        prepare(conn)
    yield engine
    engine.dispose()


def run_machine(url: str, examples: int) -> None:
    with prepared(url) as engine:
        machine = type("Machine", (QueueAndModel,), {"engine": engine})
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=examples,
                stateful_step_count=40,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )


jobs = st.tuples(
    st.sampled_from(OWNERS[:2]),
    st.sampled_from((FLUX, SDXL, FLUX, SDXL, PLAIN)),
    st.sampled_from((0, 0, 0, 1)),
)
kept = st.sampled_from((frozenset({FLUX}), frozenset({FLUX}), frozenset({SDXL}), frozenset()))
places = st.tuples(st.tuples(kept, kept), st.sampled_from((1, 1, 2)), st.sampled_from((0.0, PATIENCE_S, 5.0)))


def run_places(url: str, examples: int) -> None:
    """What the machine seldom comes upon: long queues of jobs with models, and engines that have one."""
    with prepared(url) as engine:
        machine = type("Machine", (QueueAndModel,), {"engine": engine})

        @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
        @given(queue=st.lists(jobs, min_size=6, max_size=14), steps=st.lists(places, min_size=3, max_size=8))
        def agree(
            queue: list[tuple[str, str, int]], steps: list[tuple[tuple[Models, Models], int, float]]
        ) -> None:
            both = machine()
            for owner, need, priority in queue:
                both.submit(owner, need, 4.0, priority, front=False)
            for loaded, number, seconds in steps:
                both.place((set(NEEDS), set(NEEDS)), loaded, (True, True), number)
                both.accounts_agree()
                both.wait(seconds)

        agree()


def test_sqlite_and_the_model_agree() -> None:
    run_machine("sqlite://", 40)


def test_sqlite_and_the_model_place_alike() -> None:
    run_places("sqlite://", 60)


@pytest.mark.package("postgresql")
def test_postgresql_and_the_model_agree(postgresql_cluster: Cluster) -> None:
    run_machine(postgresql_cluster.new_database(), 8)


@pytest.mark.package("postgresql")
def test_postgresql_and_the_model_place_alike(postgresql_cluster: Cluster) -> None:
    run_places(postgresql_cluster.new_database(), 10)
