"""The supervisor's rules, as a table: what was observed, what is done, what it is called."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gesso.fleet.decide import (
    Act,
    Activity,
    Budget,
    Health,
    Life,
    Observed,
    Wanted,
    back_off,
    decide,
)
from gesso.fleet.state import State

NOW = 10_000.0
BUDGET = Budget(restarts=3, window_s=100.0, back_off_s=1.0, back_off_limit_s=10.0, start_limit_s=60.0)
RUNNING = Observed(life=Life.RUNNING, started_at=NOW - 5.0, evidence="the probe")
READY = replace(RUNNING, health=Health.OK, activity=Activity.IDLE, loaded=True, was_ready=True)
BUSY = replace(READY, activity=Activity.BUSY)
ENDED = Observed(life=Life.ENDED, exit="exit code 3")
LONG_AGO = NOW - 10_000.0
STUCK = replace(RUNNING, health=Health.SILENT, started_at=LONG_AGO, log_silent_s=600.0, quiet_s=600.0)
POISON = "RuntimeError: CUDA error: an illegal memory access was encountered"

TABLE = {
    "nothing runs yet": (Observed(life=Life.NONE), Act.START, State.STARTING),
    "just started, nothing listens": (replace(RUNNING, health=Health.SILENT), Act.NONE, State.STARTING),
    "just started, not asked": (RUNNING, Act.NONE, State.STARTING),
    "answers, nodes not loaded": (replace(RUNNING, health=Health.OK), Act.NONE, State.ALIVE),
    "wants a login": (replace(RUNNING, health=Health.LOCKED), Act.NONE, State.ALIVE),
    "wanted a login for ever": (
        replace(RUNNING, health=Health.LOCKED, started_at=LONG_AGO, log_silent_s=9e9),
        Act.NONE,
        State.ALIVE,
    ),
    "another program answers": (replace(RUNNING, health=Health.BROKEN), Act.NONE, State.FAILING),
    "ready": (READY, Act.NONE, State.READY),
    "ready, activity unknown": (replace(READY, activity=Activity.UNKNOWN), Act.NONE, State.READY),
    "busy": (BUSY, Act.NONE, State.BUSY),
    "busy and slow": (replace(BUSY, health=Health.UNKNOWN), Act.NONE, State.BUSY),
    "idle and slow": (replace(READY, health=Health.UNKNOWN), Act.NONE, State.UNKNOWN),
    "slow, activity unknown": (
        replace(READY, health=Health.UNKNOWN, activity=Activity.UNKNOWN),
        Act.NONE,
        State.UNKNOWN,
    ),
    "was ready, listens no more": (replace(READY, health=Health.SILENT), Act.NONE, State.FAILING),
    "a job is stuck": (replace(BUSY, stuck="no progress for 300 s"), Act.RESTART, State.WEDGED),
    "a job is stuck, answers nothing": (
        replace(BUSY, health=Health.UNKNOWN, stuck="no progress for 300 s"),
        Act.RESTART,
        State.WEDGED,
    ),
    "slow start: its log grows": (
        replace(STUCK, log_silent_s=3.0),
        Act.NONE,
        State.STARTING,
    ),
    "slow start: it computes, or reads": (replace(STUCK, quiet_s=3.0), Act.NONE, State.STARTING),
    "slow start, the log cannot be read": (replace(STUCK, log_silent_s=None), Act.NONE, State.STARTING),
    "slow start, what it computes is unknown": (replace(STUCK, quiet_s=None), Act.NONE, State.STARTING),
    "slow start: it listens": (replace(STUCK, health=Health.UNKNOWN), Act.NONE, State.STARTING),
    "stuck start: it shows no sign": (STUCK, Act.RESTART, State.FAILING),
    "stuck, but not for longer than its starts take": (
        replace(STUCK, started_at=NOW - 100, stuck_after_s=120.0),
        Act.NONE,
        State.STARTING,
    ),
    "stuck for longer than its starts take": (
        replace(STUCK, started_at=NOW - 130, stuck_after_s=120.0),
        Act.RESTART,
        State.FAILING,
    ),
    "adopted, long ago started, silent": (replace(STUCK, was_ready=True), Act.NONE, State.FAILING),
    "its card is lost to it": (replace(READY, poisoned=POISON), Act.RESTART, State.FAILING),
    "its card is lost to it, while busy": (replace(BUSY, poisoned=POISON), Act.RESTART, State.FAILING),
    "its card is lost to it, and its budget": (
        replace(BUSY, poisoned=POISON, failures=(NOW - 3, NOW - 2, NOW - 1)),
        Act.NONE,
        State.FAILING,
    ),
    "too much memory, nothing to do": (
        replace(READY, excess="RAM 9 GB", free=True),
        Act.REFRESH,
        State.STARTING,
    ),
    "too much memory, busy": (replace(BUSY, excess="RAM 9 GB"), Act.NONE, State.BUSY),
    "too much memory, activity unknown": (
        replace(READY, excess="RAM 9 GB", activity=Activity.UNKNOWN),
        Act.NONE,
        State.READY,
    ),
    "too much memory, still loading": (
        replace(READY, excess="RAM 9 GB", free=True, loaded=False),
        Act.NONE,
        State.ALIVE,
    ),
    "first exit": (replace(ENDED, failures=(NOW,)), Act.START, State.STARTING),
    "second exit, too soon": (replace(ENDED, failures=(NOW - 50, NOW - 0.5)), Act.NONE, State.FAILING),
    "second exit, back-off over": (replace(ENDED, failures=(NOW - 50, NOW - 1.5)), Act.START, State.STARTING),
    "budget used up": (
        replace(ENDED, failures=(NOW - 40, NOW - 30, NOW - 20, NOW - 10)),
        Act.NONE,
        State.STOPPED_AFTER_FAILURES,
    ),
    "old failures do not count": (
        replace(ENDED, failures=(NOW - 400, NOW - 300, NOW - 200, NOW)),
        Act.START,
        State.STARTING,
    ),
    "given up stays so": (
        replace(ENDED, failures=(LONG_AGO,), given_up=True),
        Act.NONE,
        State.STOPPED_AFTER_FAILURES,
    ),
    "asked to restart": (replace(BUSY, restart_asked=True), Act.STOP, State.STARTING),
    "cannot tell whether it runs": (Observed(life=Life.UNKNOWN), Act.NONE, State.UNKNOWN),
}


@pytest.mark.parametrize("case", TABLE)
def test_engine_that_should_run(case: str) -> None:
    observed, act, state = TABLE[case]
    action = decide(Wanted.RUNNING, observed, BUDGET, NOW)
    assert (action.act, action.state) == (act, state)
    assert action.reason


@pytest.mark.parametrize("case", TABLE)
@pytest.mark.parametrize("wanted", Wanted)
def test_external_engine_is_never_acted_upon(case: str, wanted: Wanted) -> None:
    observed = replace(TABLE[case][0], life=Life.EXTERNAL)
    assert decide(wanted, observed, BUDGET, NOW).act is Act.NONE


@pytest.mark.parametrize("activity", Activity)
@pytest.mark.parametrize("was_ready", [True, False])
@pytest.mark.parametrize("started_at", [NOW, LONG_AGO])
@pytest.mark.parametrize("silent_s", [None, 0.0, 1e9])
def test_unknown_health_never_restarts(
    activity: Activity, was_ready: bool, started_at: float, silent_s: float | None
) -> None:
    observed = replace(
        RUNNING,
        health=Health.UNKNOWN,
        activity=activity,
        was_ready=was_ready,
        loaded=was_ready,
        started_at=started_at,
        log_silent_s=silent_s,
    )
    assert decide(Wanted.RUNNING, observed, BUDGET, NOW).act is Act.NONE


@pytest.mark.parametrize("health", Health)
def test_engine_that_was_ready_is_never_restarted_for_its_answers_alone(health: Health) -> None:
    for activity in Activity:
        observed = replace(READY, health=health, activity=activity, started_at=LONG_AGO, log_silent_s=1e9)
        assert decide(Wanted.RUNNING, observed, BUDGET, NOW).act is Act.NONE


OBSERVED = st.builds(
    Observed,
    life=st.sampled_from([Life.RUNNING, Life.UNKNOWN]),
    health=st.sampled_from(Health),
    activity=st.sampled_from(Activity),
    loaded=st.booleans(),
    was_ready=st.booleans(),
    started_at=st.floats(0, NOW),
    log_silent_s=st.none() | st.floats(0, 1e6),
    quiet_s=st.none() | st.floats(0, 1e6),
    stuck_after_s=st.none() | st.floats(0, 1e3),
    stuck=st.none() | st.just("no progress"),
    poisoned=st.none() | st.just(POISON),
    excess=st.none() | st.just("RAM 9 GB"),
    free=st.booleans(),
    failures=st.lists(st.floats(0, NOW), max_size=5).map(tuple),
)
# Each of these facts, if it is not known, is one that a rule must not act upon.
UNKNOWN: dict[Act, dict[str, Any]] = {
    Act.RESTART: dict(health=Health.UNKNOWN, log_silent_s=None, quiet_s=None, stuck=None, poisoned=None),
    Act.REFRESH: dict(activity=Activity.UNKNOWN, free=False, excess=None),
}


@given(OBSERVED)
def test_no_act_without_the_facts_for_it(observed: Observed) -> None:
    act = decide(Wanted.RUNNING, observed, BUDGET, NOW).act
    known_stuck = observed.stuck is not None or observed.poisoned is not None
    silent = observed.health is Health.SILENT and None not in (observed.log_silent_s, observed.quiet_s)
    assert act in (Act.NONE, Act.RESTART, Act.REFRESH)
    assert act is not Act.RESTART or known_stuck or (silent and not observed.was_ready)
    assert act is not Act.REFRESH or (observed.excess is not None and observed.free)
    assert act is Act.NONE or observed.life is Life.RUNNING


@given(OBSERVED, st.data())
def test_a_fact_that_becomes_unknown_never_leads_to_an_act(observed: Observed, data: st.DataObject) -> None:
    acted = decide(Wanted.RUNNING, observed, BUDGET, NOW).act
    gone = data.draw(
        st.sampled_from([(key, value) for facts in UNKNOWN.values() for key, value in facts.items()])
    )
    less = replace(observed, **dict([gone]))
    act = decide(Wanted.RUNNING, less, BUDGET, NOW).act
    # Less is known: nothing is done that was not to be done before; a restart may give way to a refresh.
    assert act is Act.NONE or acted is not Act.NONE
    if observed.stuck is None and observed.poisoned is None and gone[0] in UNKNOWN[Act.RESTART]:
        assert act is not Act.RESTART or gone[0] in ("stuck", "poisoned")


def test_wedged_engine_is_left_alone_once_its_budget_is_used_up() -> None:
    observed = replace(BUSY, stuck="no progress", failures=(NOW - 3, NOW - 2, NOW - 1))
    action = decide(Wanted.RUNNING, observed, BUDGET, NOW)
    assert (action.act, action.state) == (Act.NONE, State.WEDGED)
    assert "budget" in action.reason


@pytest.mark.parametrize(("life", "act"), [(Life.NONE, Act.NONE), (Life.ENDED, Act.STOP)])
def test_engine_wanted_stopped_is_not_started_and_its_children_do_not_stay(life: Life, act: Act) -> None:
    action = decide(Wanted.STOPPED, Observed(life=life, failures=(NOW,)), BUDGET, NOW)
    assert (action.act, action.state) == (act, State.STOPPED)


def test_engine_wanted_stopped_is_stopped_even_when_busy() -> None:
    assert decide(Wanted.STOPPED, BUSY, BUDGET, NOW).act is Act.STOP


def test_nothing_is_done_to_a_process_that_cannot_be_proven_ours() -> None:
    for wanted in Wanted:
        assert decide(wanted, Observed(life=Life.UNKNOWN), BUDGET, NOW).act is Act.NONE


def test_first_restart_is_at_once_and_the_next_ones_wait_longer_and_longer() -> None:
    assert [back_off(failures, BUDGET, 0.0) for failures in range(1, 8)] == [0, 1, 2, 4, 8, 10, 10]


def test_back_off_has_a_limit_however_many_failures() -> None:
    assert back_off(100_000, BUDGET, 1.0) == 12.5


def test_jitter_only_lengthens_the_wait() -> None:
    assert back_off(4, BUDGET, 0.0) == 4.0
    assert back_off(4, BUDGET, 1.0) == 5.0


def test_no_restarts_allowed_means_that_the_first_exit_is_the_last() -> None:
    action = decide(Wanted.RUNNING, replace(ENDED, failures=(NOW,)), replace(BUDGET, restarts=0), NOW)
    assert (action.act, action.state) == (Act.NONE, State.STOPPED_AFTER_FAILURES)


def test_reasons_carry_the_evidence() -> None:
    given_up = replace(ENDED, exit="exit code 3: words", failures=(NOW, NOW, NOW, NOW))
    action = decide(Wanted.RUNNING, given_up, BUDGET, NOW)
    assert "failed 4 times within 100 s" in action.reason
    assert "exit code 3: words" in action.reason
    assert "the probe" in decide(Wanted.RUNNING, replace(READY, health=Health.UNKNOWN), BUDGET, NOW).reason


def test_engine_of_somebody_else_whose_card_is_broken_fails_and_is_left_alone() -> None:
    observed = Observed(life=Life.EXTERNAL, health=Health.OK, loaded=True, poisoned="CUDA error: …")
    action = decide(Wanted.RUNNING, observed, Budget(), 0.0)
    assert (action.act, action.state, action.reason) == (Act.NONE, State.FAILING, "CUDA error: …")
