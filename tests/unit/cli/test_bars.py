"""Plain lines of progress: where a job stands while it waits, told when that changes."""

import pytest

from gesso.cli.bars import Lines
from gesso.client.position import Position, Seconds
from gesso.client.progress import Progress


def waiting(ahead: int) -> Progress:
    starts = Seconds(low=25.0, likely=40.0, high=70.0)
    position = Position(place=ahead + 1, ahead=ahead, starts_in_s=starts, takes_s=None)
    return Progress(fraction=0.0, position=position)


def test_a_waiting_jobs_place_is_told_once_until_it_changes(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    for progress in (waiting(2), waiting(2), waiting(1), waiting(1), Progress(fraction=0.0)):
        lines(progress)
    lines(Progress(fraction=0.5, node="2", class_type="KSampler", step=1, steps=2))
    assert capsys.readouterr().err.splitlines() == [
        "waiting: 2 jobs ahead, starts in about 40 s (25–70 s)",
        "waiting: 1 job ahead, starts in about 40 s (25–70 s)",
        " 50% KSampler (node 2) 1/2",
    ]
