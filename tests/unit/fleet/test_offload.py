"""A job on the processor is told from one that waits, and from work beside a card that has its model."""

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gesso.fleet.offload import LITTLE, Look, offloaded, works

GIB = 2**30
AFTER_S = 60.0


def looks(seconds: float = 65.0, cores: float = 6.0, **more: object) -> list[Look]:
    """Looks every five seconds, all alike: executing, the card idle and nearly empty, six cores at work."""
    first = Look(at=0.0, executing=True, utilisation=0.0, held=300 * 2**20, cpu_s=0.0)
    times = [5.0 * count for count in range(int(seconds // 5) + 1)]
    return [replace(first, at=at, cpu_s=at * cores, **more) for at in times]  # type: ignore[arg-type]


def test_a_job_on_the_processor_is_named_with_figures() -> None:
    assert offloaded(looks(), AFTER_S) == (
        "executing for 65 s, the card at 0 %, where it holds 300 MiB; its processes use 6.0 cores"
    )


INNOCENT: dict[str, Iterable[Look]] = {
    "not long enough": looks(55.0),
    "no job": looks(executing=False),
    "the card works": looks(utilisation=40.0),
    "what the card does is not known": looks(utilisation=None),
    "it holds a model": looks(held=6 * GIB),
    "it waits for a disk": looks(cores=0.1),
    "what the processor does is not known": [replace(look, cpu_s=None) for look in looks()],
    "never looked at": [],
    "one look in between saw the card at work": [
        replace(look, utilisation=30.0) if look.at == 30.0 else look for look in looks(80.0)
    ],
    "one look in between saw no job": [
        replace(look, executing=False) if look.at == 30.0 else look for look in looks(80.0)
    ],
    "one look in between did not see the card": [
        replace(look, utilisation=None) if look.at == 30.0 else look for look in looks(80.0)
    ],
    "what it holds is not told, and it was not long": looks(150.0, held=None),
}


@pytest.mark.parametrize("seen", INNOCENT.values(), ids=INNOCENT)
def test_nothing_else_is_taken_for_it(seen: Iterable[Look]) -> None:
    assert offloaded(list(seen), AFTER_S) is None


def test_where_nobody_tells_what_it_holds_it_takes_three_times_as_long() -> None:
    assert offloaded(looks(190.0, held=None), AFTER_S)


def test_a_card_that_was_seen_at_work_works() -> None:
    assert works(looks(utilisation=40.0)[0])
    assert not works(looks(utilisation=None)[0])
    assert not works(looks()[0])


LOOK = st.builds(
    Look,
    at=st.floats(0, 600),
    executing=st.booleans(),
    utilisation=st.sampled_from([None, 0.0, 1.0, 2.0, 90.0]),
    held=st.sampled_from([None, 0, LITTLE, LITTLE + 1]),
    cpu_s=st.none() | st.floats(0, 6000),
)


@given(seen=st.lists(LOOK, max_size=12), after_s=st.floats(0, 120))
def test_the_last_look_must_show_it(seen: list[Look], after_s: float) -> None:
    seen.sort(key=lambda look: look.at)
    if offloaded(seen, after_s):
        last = seen[-1]
        assert last.executing and last.utilisation is not None and not works(last)
        assert seen[-1].at - seen[0].at >= after_s
