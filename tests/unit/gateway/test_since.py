"""Moments as people give them."""

import pytest

from gesso.errors import RequestError
from gesso.gateway.since import parse_since

NOW = 1_795_000_000.0


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("30m", NOW - 1800),
        ("24h", NOW - 86_400),
        ("7d", NOW - 604_800),
        ("2w", NOW - 1_209_600),
        ("2026-11-21", 1_795_219_200.0),
        ("2026-11-21T08:00:00", 1_795_248_000.0),
        ("2026-11-21T08:00:00Z", 1_795_248_000.0),
        ("2026-11-21T08:00:00+01:00", 1_795_244_400.0),
        ("999999w", 0.0),
    ],
)
def test_a_moment_is_a_date_a_time_or_how_long_ago(text: str, moment: float) -> None:
    assert parse_since(text, NOW) == moment


@pytest.mark.parametrize(
    "text", ["", "yesterday", "7", "7y", "-7d", "2026-13-01", "1969-01-01", "9" * 50 + "d"]
)
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(RequestError):
        parse_since(text, NOW)
