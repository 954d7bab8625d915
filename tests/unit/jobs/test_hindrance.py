"""What is said to whoever started a job that no engine takes now."""

import pytest

from gesso.jobs.condition import Condition
from gesso.jobs.hindrance import NONE_FITS, Standing, hindrance


def at(*conditions: Condition) -> list[Standing]:
    return [Standing(engine=name, condition=each) for name, each in zip("abc", conditions, strict=False)]


@pytest.mark.parametrize(
    "fits, words",
    [
        ([], NONE_FITS),
        (at(Condition.STOPPED, Condition.READY), None),
        (at(Condition.ASLEEP), "engine 'a' is asleep, being woken"),
        (at(Condition.STOPPED, Condition.STARTING), "engine 'b' is starting"),
        (at(Condition.STOPPED, Condition.STOPPED), "engines 'a', 'b' are stopped"),
        (at(Condition.DRAINING, Condition.TROUBLED), "engine 'b' is not ready now"),
    ],
)
def test_the_most_hopeful_engine_is_told(fits: list[Standing], words: str | None):
    assert hindrance(fits) == words
