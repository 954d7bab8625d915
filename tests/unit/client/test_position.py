"""Where a job stands, read from gesso's answer and told in words."""

import pytest

from gesso.client.position import Position, Seconds, in_words, position_of, spread


def seconds(low: float, likely: float, high: float) -> Seconds:
    return Seconds(low=low, likely=likely, high=high)


def waiting(ahead: int, starts: Seconds | None) -> Position:
    return Position(place=ahead + 1, ahead=ahead, starts_in_s=starts, takes_s=None)


def test_a_position_is_read_as_gesso_tells_it() -> None:
    told = {"place": 3, "ahead": 2, "starts_in_s": {"low": 25, "likely": 40.5, "high": 70}, "takes_s": None}
    assert position_of({"id": "x", "position": told}) == waiting(2, seconds(25.0, 40.5, 70.0))


@pytest.mark.parametrize("answer", [None, [], {}, {"position": None}, {"position": {"place": "2"}}])
def test_a_server_that_tells_of_no_position_has_none(answer: object) -> None:
    assert position_of(answer) is None


def test_what_is_not_known_is_left_out() -> None:
    told = {
        "position": {
            "place": 1,
            "starts_in_s": {"low": 1.0},
            "takes_s": {"low": 1, "likely": 2, "high": None},
        }
    }
    assert position_of(told) == waiting(0, None)


@pytest.mark.parametrize(
    ("position", "words"),
    [
        (waiting(2, seconds(25.2, 39.9, 70.0)), "2 jobs ahead, starts in about 40 s (25–70 s)"),
        (waiting(1, seconds(4.0, 4.1, 4.2)), "1 job ahead, starts in about 4 s"),
        (waiting(0, seconds(0.0, 0.0, 0.4)), "next, starts now"),
        (waiting(12, None), "12 jobs ahead"),
        (waiting(0, None), "next"),
        (waiting(-1, None), ""),
    ],
)
def test_words_say_no_more_than_is_known(position: Position, words: str) -> None:
    assert in_words(position) == words


def test_long_times_are_told_in_larger_units() -> None:
    assert spread(seconds(100.0, 180.0, 290.0)) == "about 3 min (2–5 min)"
    assert spread(seconds(4000.0, 5400.0, 7300.0)) == "about 1.5 h (1.1–2.0 h)"
