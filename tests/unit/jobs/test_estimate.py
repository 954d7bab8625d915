"""How long a job will take: bounds around the likely, wide where little is known, and unknown stays so."""

from hypothesis import given
from hypothesis import strategies as st
from pytest import approx

from gesso.jobs.estimate import NOTHING, Estimate, Pace, anywhere, of_average, of_samples

seconds = st.floats(0.0, 10_000.0)
samples = st.lists(seconds, min_size=1, max_size=40)


def ordered(estimate: Estimate) -> bool:
    return 0.0 <= estimate.low_s <= estimate.likely_s <= estimate.high_s


@given(samples=samples, spent_s=seconds)
def test_the_likely_lies_between_its_bounds(samples: list[float], spent_s: float):
    estimate = of_samples(samples)
    assert estimate is not None and ordered(estimate)
    assert min(samples) <= estimate.likely_s <= max(samples)
    left = estimate.left(spent_s)
    assert left is None or ordered(left)
    assert ordered(estimate.then(estimate))
    together = anywhere([estimate, of_average(samples[0])])
    assert together is not None and ordered(together)


def test_few_samples_are_not_taken_for_the_truth():
    assert of_samples([10.0]) == Estimate(low_s=5.0, likely_s=10.0, high_s=20.0)
    assert of_samples([9.0, 12.0]) == Estimate(low_s=6.0, likely_s=10.5, high_s=18.0)
    assert of_samples([9.0, 30.0, 12.0]) == Estimate(low_s=9.0, likely_s=12.0, high_s=30.0)


def test_outliers_among_many_do_not_count():
    estimate = of_samples([0.01, 1000.0, *[10.0 + n / 10 for n in range(18)]])
    assert estimate is not None
    assert 10.0 <= estimate.low_s < estimate.high_s <= 12.0


def test_no_samples_are_no_estimate():
    assert of_samples([]) is None and of_average(None) is None and anywhere([]) is None
    assert anywhere([NOTHING, None]) is None
    assert Pace().on("a") is None


def test_an_engine_is_judged_by_its_own_runs_then_by_all_then_by_the_kind():
    pace = Pace(samples={"slow": [30.0, 31.0, 32.0], "fast": [3.0]}, average_s=100.0)
    slow, fast = pace.on("slow"), pace.on("fast")
    assert slow == Estimate(low_s=30.0, likely_s=31.0, high_s=32.0)
    assert fast == Estimate(low_s=3.0, likely_s=30.5, high_s=32.0)
    average = Pace(average_s=30.0).on("fast")
    assert average is not None and average.low_s == approx(10.0) and average.high_s == approx(90.0)


def test_what_takes_far_longer_than_ever_is_unknown():
    estimate = Estimate(low_s=5.0, likely_s=10.0, high_s=20.0)
    assert estimate.left(4.0) == Estimate(low_s=1.0, likely_s=6.0, high_s=16.0)
    assert estimate.left(30.0) == NOTHING
    assert estimate.left(40.1) is None
