"""What jobs of a kind take, and what of it is loading."""

from pytest import approx

from gesso.jobs.pace import KINDS_KEPT, Pace
from gesso.jobs.placement import LOAD_S

A = frozenset({"file:Loader.name=a.safetensors"})


def test_newest_runs_weigh_most() -> None:
    pace = Pace()
    assert pace.expected_s(["paint"]) is None
    pace.learn(["paint"], 8.0)
    assert pace.expected_s(["paint"]) == 8.0
    pace.learn(["paint"], 4.0)
    assert pace.expected_s(["paint"]) == approx(6.0)


def test_load_costs_what_the_first_job_took_longer_and_never_more_than_the_limit() -> None:
    pace = Pace()
    assert pace.load_s(A) == LOAD_S, "not known yet"
    pace.learn(["paint"], 5.0, models=A, loads=True)
    assert pace.load_s(A) == LOAD_S
    pace.learn(["paint"], 2.0, models=A)
    assert pace.load_s(A) == approx(3.0)
    pace.learn(["film"], 100.0, models=A, loads=True)
    pace.learn(["film"], 10.0, models=A)
    assert pace.load_s(A) == LOAD_S


def test_load_that_seems_to_save_time_costs_nothing() -> None:
    pace = Pace()
    pace.learn(["paint"], 1.0, models=A, loads=True)
    pace.learn(["paint"], 2.0, models=A)
    assert pace.load_s(A) == 0.0


def test_what_jobs_took_with_loading_says_at_most_how_long_they_take_without() -> None:
    pace = Pace()
    pace.learn(["paint"], 5.0, models=A, loads=True)
    assert pace.expected_s(["paint"]) == 5.0
    pace.learn(["paint"], 2.0, models=A)
    assert pace.expected_s(["paint"]) == 2.0
    assert pace.expected_s(["paint"], loads=True) == 5.0
    pace.learn(["film"], 2.0, models=A)
    assert pace.expected_s(["film"], loads=True) is None


def test_narrowest_kind_that_is_known_says_what_a_job_takes() -> None:
    pace = Pace()
    pace.learn(["20 steps", "paint"], 2.0)
    pace.learn(["50 steps", "paint"], 4.0)
    assert pace.expected_s(["20 steps", "paint"]) == 2.0
    assert pace.expected_s(["99 steps", "paint"]) == approx(3.0)
    assert pace.expected_s(["99 steps", "film"]) is None


def test_load_is_told_from_the_narrowest_kind() -> None:
    pace = Pace()
    pace.learn(["20 steps", "paint"], 5.0, models=A, loads=True)
    pace.learn(["50 steps", "paint"], 4.0, models=A)
    pace.learn(["20 steps", "paint"], 2.0, models=A)
    assert pace.load_s(A) == approx(3.0)


def test_only_so_many_kinds_are_kept() -> None:
    pace = Pace()
    for number in range(KINDS_KEPT + 1):
        pace.learn([str(number)], 1.0)
    assert pace.expected_s(["0"]) is None
    assert pace.expected_s([str(KINDS_KEPT)]) == 1.0
