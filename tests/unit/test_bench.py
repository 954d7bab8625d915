"""What the bench makes of its samples: quantiles, goals, and the page; no timing."""

import json

import pytest

from bench.figures import Bound, Figure, Met, Section, quantile, shown
from bench.page import as_json, as_page, as_text

MACHINE = {"Processor": "one, 2 cores"}


def figure(value: float | None, bound: Bound = Bound.AT_MOST) -> Figure:
    return Figure(what="time added", value=value, unit="ms", bound=bound, goal=10)


def section(*figures: Figure) -> Section:
    return Section(
        name="start",
        title="Starting",
        how="One after the other.",
        columns=("through", "ms"),
        rows=[("gesso", "4.10")],
        figures=list(figures),
        skipped=["Caddy: needs the Debian package caddy"],
    )


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 50), (0.99, 99), (0.991, 100), (1.0, 100), (0.0, 1), (0.001, 1)]
)
def test_a_quantile_is_the_smallest_value_that_enough_are_not_above(share: float, expected: int) -> None:
    assert quantile(list(range(100, 0, -1)), share) == expected


@pytest.mark.parametrize(
    ("value", "bound", "met"),
    [
        (10.0, Bound.AT_MOST, Met.YES),
        (10.1, Bound.AT_MOST, Met.NO),
        (9.9, Bound.AT_LEAST, Met.NO),
        (10.0, Bound.AT_LEAST, Met.YES),
        (None, Bound.AT_LEAST, Met.NOT_MEASURED),
    ],
)
def test_a_goal_is_met_or_not_and_what_was_not_measured_is_neither(
    value: float | None, bound: Bound, met: Met
) -> None:
    assert figure(value, bound).met is met


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.01234, "0.012"), (1.2345, "1.23"), (12.345, "12.3"), (8123.4, "8123"), (-0.5, "-0.500"), (None, "–")],
)
def test_a_number_is_shown_with_the_digits_that_mean_something(value: float | None, expected: str) -> None:
    assert shown(value) == expected


def test_the_page_has_goal_machine_table_and_what_was_left_out() -> None:
    page = as_page(MACHINE, [section(figure(4.1), figure(None))], load=0.0)
    assert "| time added | 4.10 ms | ≤ 10 ms | yes |" in page
    assert "| time added | – | ≤ 10 ms | not measured |" in page
    assert "| Processor | one, 2 cores |" in page
    assert "| gesso | 4.10 |" in page
    assert "Left out: Caddy: needs the Debian package caddy." in page
    assert "not idle" not in page


def test_a_busy_machine_is_admitted() -> None:
    assert "not idle: 0.9 processes" in as_page(MACHINE, [section()], load=0.9)


def test_terminal_and_programs_see_the_same() -> None:
    sections = [section(figure(12.0))]
    assert "12.0 ms" in as_text(sections) and " no" in as_text(sections)
    told = json.loads(json.dumps(as_json(MACHINE, sections, load=0.0)))
    assert told["sections"][0]["figures"][0]["met"] == "no"
    assert told["sections"][0]["rows"] == [["gesso", "4.10"]]
