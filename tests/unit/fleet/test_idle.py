"""When an engine rests: a table, and that what is not known never counts as idle."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gesso.fleet.decide import Activity
from gesso.fleet.idle import Patience, Quiet, Rest, rest, seen

BOTH = Patience(unload_after_s=60.0, sleep_after_s=600.0)


@pytest.mark.parametrize(
    "quiet, patience, now, due",
    [
        (Quiet(), BOTH, 1e9, Rest.NONE),
        (Quiet(since=0.0), BOTH, 59.0, Rest.NONE),
        (Quiet(since=0.0), BOTH, 60.0, Rest.UNLOAD),
        (Quiet(since=0.0, unloaded=True), BOTH, 599.0, Rest.NONE),
        (Quiet(since=0.0, unloaded=True), BOTH, 600.0, Rest.SLEEP),
        (Quiet(since=0.0), Patience(unload_after_s=None, sleep_after_s=None), 1e9, Rest.NONE),
        (Quiet(since=0.0), Patience(unload_after_s=None, sleep_after_s=5.0), 5.0, Rest.SLEEP),
        (Quiet(since=0.0), Patience(unload_after_s=600.0, sleep_after_s=5.0), 5.0, Rest.SLEEP),
    ],
)
def test_what_is_due(quiet: Quiet, patience: Patience, now: float, due: Rest):
    assert rest(quiet, patience, now) is due


@pytest.mark.parametrize(
    "usable, activity, jobs, after",
    [
        (True, Activity.IDLE, 0, Quiet(since=0.0, looked_at=9.0, unloaded=True)),
        (True, Activity.BUSY, 0, Quiet()),
        (True, Activity.IDLE, 1, Quiet()),
        # What it holds is not known to have changed, only that nobody can tell how it is.
        (True, Activity.UNKNOWN, 0, Quiet(unloaded=True)),
        (False, Activity.IDLE, 0, Quiet(unloaded=True)),
        (False, Activity.BUSY, 0, Quiet(unloaded=True)),
    ],
)
def test_one_look(usable: bool, activity: Activity, jobs: int, after: Quiet):
    before = Quiet(since=0.0, unloaded=True)
    assert seen(before, usable=usable, activity=activity, jobs=jobs, worked_at=0.0, now=9.0) == after


def test_work_between_two_looks_is_work():
    before = Quiet(since=0.0, looked_at=5.0, unloaded=True)
    after = seen(before, usable=True, activity=Activity.IDLE, jobs=0, worked_at=6.0, now=9.0)
    assert after == Quiet(since=9.0, looked_at=9.0)


looks = st.lists(
    st.tuples(st.booleans(), st.sampled_from(list(Activity)), st.integers(0, 2), st.floats(0.1, 50.0))
)


@given(looks)
def test_nothing_rests_unless_every_look_of_the_whole_time_saw_it_idle(looks):
    now, idle_since, quiet = 0.0, None, Quiet()
    for usable, activity, jobs, step_s in looks:
        now += step_s
        quiet = seen(quiet, usable=usable, activity=activity, jobs=jobs, worked_at=0.0, now=now)
        if usable and activity is Activity.IDLE and not jobs:
            idle_since = now if idle_since is None else idle_since
        else:
            idle_since = None
        if rest(quiet, BOTH, now) is not Rest.NONE:
            assert idle_since is not None
            assert now - idle_since >= 60.0
