"""Which of a job's previews a stream brings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gesso.gateway.openai.stream import Partials


@pytest.mark.parametrize(
    ("count", "steps", "sent"), [(0, 8, []), (1, 8, [4]), (2, 8, [3, 6]), (3, 8, [2, 4, 6]), (3, 2, [1, 2])]
)
def test_previews_are_chosen_evenly(count: int, steps: int, sent: list[int]) -> None:
    partials = Partials(count, steps)
    assert [step for step in range(1, steps + 1) if partials.index() is not None] == sent


@given(st.integers(0, 3), st.integers(1, 100), st.integers(0, 300))
def test_never_more_than_asked_for_and_numbered_from_0(count: int, steps: int, previews: int) -> None:
    partials = Partials(count, steps)
    found = [index for _ in range(previews) if (index := partials.index()) is not None]
    assert found == list(range(len(found))) and len(found) <= count
