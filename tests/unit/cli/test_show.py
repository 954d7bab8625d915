"""What is printed for people and for programs."""

import json

import pytest

from gesso.cli import show
from gesso.cli.bars import Lines, described
from gesso.client.progress import Progress


def test_a_table_that_is_piped_is_aligned_and_never_cut(capsys):
    show.table(["id", "why"], [["a", "x" * 300], ["bbb", None]], empty="")
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["ID   WHY", "a    " + "x" * 300, "bbb  -"]


def test_an_empty_table_is_told_beside_the_result(capsys):
    show.table(["id"], [], empty="No jobs.")
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "No jobs.\n")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"),
        ("", "-"),
        (True, "yes"),
        (False, "no"),
        (0, "0"),
        (1.25, "1.2"),
        (["a", "b"], "a, b"),
        ([], "-"),
        ("a\x1b[31mb\nc", "a [31mb c"),
    ],
)
def test_a_cell_is_one_line_and_cannot_draw_on_the_terminal(capsys, value, shown):
    show.record({"x": value})
    assert capsys.readouterr().out == f"x  {shown}\n"


def test_json_keeps_every_letter(capsys):
    show.as_json({"text": "Grüße", "path": object})
    assert json.loads(capsys.readouterr().out)["text"] == "Grüße"


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        (Progress(fraction=0), ""),
        (Progress(fraction=0, node="3"), "node 3"),
        (Progress(fraction=0, node="3", class_type="KSampler"), "KSampler (node 3)"),
        (Progress(fraction=0, node="3", class_type="KSampler", step=2, steps=9), "KSampler (node 3) 2/9"),
    ],
)
def test_progress_in_words(progress, words):
    assert described(progress) == words


def test_plain_progress_is_a_line_per_node_and_not_per_step(capsys):
    tell = Lines()
    tell(Progress(fraction=0))
    for node, step in (("1", 1), ("1", 2), ("1", 3), ("2", 1)):
        tell(Progress(fraction=0.5, node=node, class_type="X", step=step, steps=9))
    assert capsys.readouterr().err.splitlines() == [" 50% X (node 1) 1/9", " 50% X (node 2) 1/9"]


def test_the_end_is_told_however_soon_it_comes(capsys):
    tell = Lines()
    for fraction in (0.33, 0.66, 1.0, 1.0):
        tell(Progress(fraction=fraction))
    assert capsys.readouterr().err.splitlines() == [" 33%", "100%"]


def test_text_from_elsewhere_keeps_its_colours_and_moves_nothing() -> None:
    text = "\x1b[31mred\x1b[0m\tfür → 絵\n\x1b[2J\x1b]0;title\x07\x9b\u202e\r"
    assert show.tamed(text) == "\x1b[31mred\x1b[0m\tfür → 絵\n?[2J?]0;title????"


def test_lists_are_tamed_in_tables_too(capsys: pytest.CaptureFixture[str]) -> None:
    show.record({"scopes": ["a\x1b[2J", "b"]})
    assert capsys.readouterr().out == "scopes  a [2J, b\n"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0.0 s"),
        (0.42, "0.4 s"),
        (9.99, "10.0 s"),
        (45.4, "45 s"),
        (60, "1 min"),
        (61, "1 min 1 s"),
        (4320, "1 h 12 min"),
        (3605, "1 h"),
        (183_600, "2 d 3 h"),
    ],
)
def test_a_length_of_time_is_told_in_its_two_largest_units(seconds, text):
    assert show.duration(seconds) == text
