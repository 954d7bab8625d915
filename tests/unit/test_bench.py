"""What the bench makes of its samples: quantiles, goals, and the page; no timing."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from bench import images, partials, sharing
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


def taken(*seconds: float, through: bool = True) -> images.Taken:
    memory: Any = SimpleNamespace(before_mib=100.0, peak_mib=112.0) if through else None
    return images.Taken(seconds=list(seconds), processor_s=[0.01] * len(seconds), memory=memory)


def test_ways_to_a_picture_are_compared_within_each_turn() -> None:
    # The machine became twice as slow in the second turn.
    ways = {
        images.ENGINE: taken(0.2, 0.4, 0.2, through=False),
        images.GESSO: taken(0.21, 0.44, 0.22),
        images.LITELLM: taken(0.26, 0.52, 0.27),
    }
    direct, gesso, litellm = images.rows(64, ways)
    assert direct == ("64x64", "the engine itself", "200", "400", "", "1.00", "", "", "")
    assert gesso == ("64x64", "gesso", "220", "440", "20.0", "1.10 (1.05–1.10)", "10.0", "100", "112")
    assert litellm[4:6] == ("50.0", "1.30 (1.30–1.35)")
    told = {each.what: each for each in images.figures({64: ways})}
    assert told["time added to a picture of 64x64 by the API, p50"].value == pytest.approx(20)
    assert told["memory gained by gesso while it hands out pictures"].value == 12
    assert told["time added by gesso, of what LiteLLM in front of it adds"].value == pytest.approx(0.4)


def test_without_litellm_nothing_is_said_of_it() -> None:
    ways = {images.ENGINE: taken(0.2, through=False), images.GESSO: taken(0.21)}
    *_, last = images.figures({64: ways})
    assert (last.met, last.note) == (Met.NOT_MEASURED, "`litellm` is not found; `--litellm PATH` names it")


def test_sharing_is_as_fair_as_it_is_to_the_one_who_got_least() -> None:
    one = sharing.Shared(greedy=60, modest=[60, 55, 60])
    two = sharing.Shared(greedy=100, modest=[100, 90, 120])
    engines, fair = sharing.figures(one, two)
    assert engines.value == pytest.approx(410 / 235)
    assert fair.value == pytest.approx(0.9)
    assert [each.met for each in sharing.figures(one, sharing.Shared(greedy=235, modest=[0]))] == [
        Met.NO,
        Met.NO,
    ]


def test_an_event_of_a_stream_is_read_when_its_data_is() -> None:
    lines = iter(
        [b": still drawing\n", b"\n", b"event: one\n", b"data: {}\n", b"\n", b"event: two\n", b"data: {}\n"]
    )
    assert partials.read(lines, "one") <= partials.read(lines, "two")
    with pytest.raises(AssertionError, match="without three"):
        partials.read(lines, "three")
