"""Samples put together: between least and greatest, in their number, and not known where nothing is."""

import math

from hypothesis import given
from hypothesis import strategies as st

from gesso.monitoring.thinning import STEPS, Spread, columns, due_before, span_of, together

numbers = st.one_of(st.integers(-(2**60), 2**60), st.floats(allow_nan=False, allow_infinity=False))
values = st.one_of(st.none(), numbers)


@given(st.lists(values))
def test_what_is_put_together_lies_between_and_adds_up(taken: list[float | None]) -> None:
    known = [value for value in taken if value is not None]
    spread = together(None if value is None else Spread.of(value) for value in taken)
    if not known:
        assert spread is None
        return
    assert spread is not None
    assert (spread.low, spread.high, spread.n) == (min(known), max(known), len(known))
    assert spread.low <= spread.mean <= spread.high
    mean = math.fsum(value / len(known) for value in known)
    # Seven digits of the largest part: what cancels out leaves its rounding behind.
    assert math.isclose(spread.mean, mean, rel_tol=1e-6, abs_tol=1e-12 * max(map(abs, known)))


@given(st.lists(st.lists(values, max_size=5), max_size=5))
def test_putting_together_in_two_steps_says_the_same_of_number_and_bounds(parts: list[list[float]]) -> None:
    spreads = [[None if value is None else Spread.of(value) for value in part] for part in parts]
    at_once = together(spread for part in spreads for spread in part)
    in_steps = together(together(part) for part in spreads)
    if at_once is None or in_steps is None:
        assert at_once is in_steps is None
    else:
        assert (at_once.low, at_once.high, at_once.n) == (in_steps.low, in_steps.high, in_steps.n)
        assert in_steps.low <= in_steps.mean <= in_steps.high


def test_a_mean_counts_how_many_samples_each_part_has() -> None:
    minute = Spread(low=0, mean=10.0, high=20, n=11)
    assert together([minute, Spread.of(22)]) == Spread(low=0, mean=11.0, high=22, n=12)


def test_not_known_never_becomes_nothing() -> None:
    assert columns([[None, Spread.of(1)], [None, None]]) == [None, Spread.of(1)]


@given(st.floats(0, 2**33), st.sampled_from([60, 900]))
def test_a_moment_lies_in_its_span(at: float, length_s: int) -> None:
    begin = span_of(at, length_s)
    assert begin <= at < begin + length_s and begin % length_s == 0


@given(st.floats(10**6, 2**33), st.sampled_from(STEPS))
def test_only_whole_spans_that_are_old_enough_are_due(now: float, step) -> None:
    due = due_before(step, now)
    assert due % step.coarse_s == 0
    assert now - step.after_s - step.coarse_s < due <= now - step.after_s


def test_each_step_takes_what_the_one_before_leaves() -> None:
    for before, after in zip(STEPS, STEPS[1:], strict=False):
        assert after.fine_s == before.coarse_s and after.coarse_s % after.fine_s == 0
        assert after.after_s > before.after_s
