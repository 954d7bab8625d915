"""How far an engine's draining is."""

import pytest

from gesso.fleet.draining import described, jobs_left


@pytest.mark.parametrize(
    ("ours", "told", "gone", "left"),
    [
        (0, 0, False, 0),
        (2, 1, False, 2),  # one whose pictures are still fetched
        (0, 3, False, 3),  # another program uses the engine, too
        (1, None, False, 1),
        (0, None, False, None),  # unknown is not idle
        (0, None, True, 0),
        (1, None, True, 1),  # it waits to be taken up elsewhere
    ],
)
def test_jobs_left_are_ours_and_what_the_engine_tells(
    ours: int, told: int | None, gone: bool, left: int | None
) -> None:
    assert jobs_left(ours, told, gone=gone) == left


def test_draining_is_told_in_words() -> None:
    assert [described(left) for left in (2, 1, 0)] == [
        "draining: 2 jobs left",
        "draining: 1 job left",
        "drained",
    ]
    assert "not tell" in described(None)
