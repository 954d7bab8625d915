"""Which sleeping engine is woken, and which is left to sleep."""

import pytest

from gesso.jobs.rouse import PATIENCE_S, Engine, Wait, to_wake


def engine(name: str, state: str, needs: str = "x") -> Engine:
    return Engine(
        name=name,
        accepts=lambda wanted: set(wanted) <= set(needs),
        asleep=state == "asleep",
        coming=state == "coming",
        awake=state == "awake",
    )


def wait(needs: str = "x", longest_s: float = 0.0) -> Wait:
    return Wait(needs=tuple(needs), longest_s=longest_s)


@pytest.mark.parametrize(
    "waits, engines, woken",
    [
        ([], [engine("a", "asleep")], []),
        ([wait()], [engine("a", "asleep")], ["a"]),
        ([wait()], [engine("a", "asleep", needs="y")], []),
        # One that is awake may have room in a moment.
        ([wait()], [engine("a", "awake"), engine("b", "asleep")], []),
        ([wait(longest_s=PATIENCE_S)], [engine("a", "awake"), engine("b", "asleep")], ["b"]),
        # One that is coming will have.
        ([wait(longest_s=1e6)], [engine("a", "coming"), engine("b", "asleep")], []),
        ([wait(longest_s=1e6)], [engine("a", "asleep"), engine("b", "asleep")], ["a"]),
        # One engine for both kinds of jobs, if it fits both.
        ([wait("x"), wait("xy")], [engine("a", "asleep", needs="xy"), engine("b", "asleep")], ["a"]),
        ([wait("x"), wait("y")], [engine("a", "asleep"), engine("b", "asleep", needs="y")], ["a", "b"]),
        ([wait()], [engine("a", "stopped")], []),
    ],
)
def test_who_is_woken(waits: list[Wait], engines: list[Engine], woken: list[str]):
    assert to_wake(waits, engines) == woken
