"""Which sleeping engine is woken, and which is left to sleep."""

import pytest

from gesso.jobs.condition import Condition
from gesso.jobs.rouse import PATIENCE_S, Engine, Wait, to_wake

ASLEEP, READY = Condition.ASLEEP, Condition.READY
STARTING, STOPPED = Condition.STARTING, Condition.STOPPED


def engine(name: str, condition: Condition, needs: str = "x") -> Engine:
    return Engine(name=name, accepts=lambda wanted: set(wanted) <= set(needs), condition=condition)


def wait(needs: str = "x", longest_s: float = 0.0) -> Wait:
    return Wait(needs=tuple(needs), longest_s=longest_s)


@pytest.mark.parametrize(
    "waits, engines, woken",
    [
        ([], [engine("a", ASLEEP)], []),
        ([wait()], [engine("a", ASLEEP)], ["a"]),
        ([wait()], [engine("a", ASLEEP, needs="y")], []),
        # One that is awake may have room in a moment.
        ([wait()], [engine("a", READY), engine("b", ASLEEP)], []),
        ([wait(longest_s=PATIENCE_S)], [engine("a", READY), engine("b", ASLEEP)], ["b"]),
        # One that is coming will have.
        ([wait(longest_s=1e6)], [engine("a", STARTING), engine("b", ASLEEP)], []),
        ([wait(longest_s=1e6)], [engine("a", ASLEEP), engine("b", ASLEEP)], ["a"]),
        # One engine for both kinds of jobs, if it fits both.
        ([wait("x"), wait("xy")], [engine("a", ASLEEP, needs="xy"), engine("b", ASLEEP)], ["a"]),
        ([wait("x"), wait("y")], [engine("a", ASLEEP), engine("b", ASLEEP, needs="y")], ["a", "b"]),
        ([wait()], [engine("a", STOPPED)], []),
    ],
)
def test_who_is_woken(waits: list[Wait], engines: list[Engine], woken: list[str]):
    assert to_wake(waits, engines) == woken
