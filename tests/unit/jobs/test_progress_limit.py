"""How long a job may be silent: learned, never below the floor, never short for what was never seen."""

from hypothesis import given
from hypothesis import strategies as st
from pytest import approx

from gesso.jobs.progress_limit import Patience, Silences, limit_of

SECONDS = st.floats(0.0, 1e5)
SEVERAL = st.lists(SECONDS, max_size=5)
PATIENCES = st.builds(
    Patience, floor_s=st.floats(0.1, 1e3), factor=st.floats(1.0, 20.0), unseen_s=st.floats(1e3, 1e4)
)
SILENCES = st.builds(Silences, here=SEVERAL, elsewhere=SEVERAL)


@given(SILENCES, PATIENCES, st.booleans())
def test_no_run_that_succeeded_would_have_been_said_to_hang(
    silences: Silences, patience: Patience, loads: bool
) -> None:
    limit_s = limit_of(silences, patience, loads=loads).seconds
    assert limit_s >= patience.floor_s
    assert all(limit_s >= each for each in (*silences.here, *silences.elsewhere))


@given(SILENCES, SECONDS, PATIENCES, st.booleans())
def test_longer_silence_never_makes_the_limit_shorter(
    silences: Silences, more: float, patience: Patience, loads: bool
) -> None:
    learned = Silences(here=[*silences.here, more], elsewhere=silences.elsewhere)
    before, after = (limit_of(each, patience, loads=loads) for each in (silences, learned))
    # The first run of all is what ends "never seen".
    assert not silences.here or after.seconds >= before.seconds


@given(SILENCES, PATIENCES)
def test_loading_makes_the_limit_longer_at_most(silences: Silences, patience: Patience) -> None:
    warm, cold = (limit_of(silences, patience, loads=loads).seconds for loads in (False, True))
    assert cold >= warm and cold >= patience.unseen_s


def test_limit_is_so_many_times_the_longest_silence_and_says_so() -> None:
    limit = limit_of(Silences(here=[1.0, 40.0], elsewhere=[2.0]), Patience(), loads=False)
    assert limit.seconds == approx(200.0)
    assert limit.reason == "5 times 40.0 s, the longest silence of 3 runs"


def test_quick_workflows_have_the_floor() -> None:
    limit = limit_of(Silences(here=[0.5]), Patience(), loads=False)
    assert limit.seconds == 120.0
    assert "0.5 s was the longest silence of 1 run" in limit.reason


def test_workflow_that_never_ran_on_this_engine_has_the_long_limit() -> None:
    assert limit_of(Silences(), Patience(), loads=False).seconds == 900.0
    elsewhere = limit_of(Silences(elsewhere=[3.0]), Patience(), loads=False)
    assert elsewhere.seconds == 900.0 and "never ran on this engine" in elsewhere.reason
    # Unless it was known to be even slower elsewhere.
    assert limit_of(Silences(elsewhere=[300.0]), Patience(), loads=False).seconds == 1500.0


def test_job_that_loads_its_models_first_has_the_long_limit() -> None:
    limit = limit_of(Silences(here=[3.0]), Patience(), loads=True)
    assert limit.seconds == 900.0 and "models" in limit.reason
