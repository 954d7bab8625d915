"""Faults by name: what is understood, and what is said about all else."""

import pytest

from gesso.sketch.faults import KINDS, Fault, Faults, UnknownFault, parse, table


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("hang", Fault("hang")),
        ("hang:3", Fault("hang", ("3",))),
        ("exit:137", Fault("exit", ("137",))),
        ("exit:137:0.5", Fault("exit", ("137", "0.5"))),
        ("missing-module:numpy", Fault("missing-module", ("numpy",))),
        ("cuda-poison:hang", Fault("cuda-poison", ("hang",))),
        ("leak:100", Fault("leak", ("100",))),
    ],
)
def test_name_and_arguments_are_read_and_written_back(text: str, fault: Fault) -> None:
    assert parse(text) == fault
    assert str(fault) == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hnag", "did you mean 'hang'"),
        ("cuda-poisoned", "did you mean 'cuda-poison'"),
        ("", "did you mean"),
        ("hang:soon", "'soon' is not a whole number"),
        ("hang:-1", "'-1' is not a whole number"),
        ("hang:1:2", "it is hang[:STEP]"),
        ("exit", "it is exit:CODE[:S]"),
        ("exit:256", "'256' is no exit code"),
        ("exit:1:nan", "'nan' is no number of seconds"),
        ("slow-start:inf", "'inf' is no number of seconds"),
        ("cuda-poison:die", "'die' is none of fail, hang"),
        ("locked:1", "it is locked."),
    ],
)
def test_mistake_is_named_with_what_would_be_right(text: str, words: str) -> None:
    with pytest.raises(UnknownFault) as error:
        parse(text)
    assert words in error.value.message


def test_arguments_that_are_not_given_have_the_callers_default() -> None:
    assert parse("exit:3").seconds(1, 2.5) == 2.5
    assert parse("exit:3:1").seconds(1, 2.5) == 1.0
    assert parse("hang").whole(0, 7) == 7
    assert parse("wrong-history").word(0, "empty") == "empty"


def test_every_fault_is_in_the_table_with_its_usage() -> None:
    lines = table().splitlines()
    assert len(lines) == len(KINDS)
    for name, kind in KINDS.items():
        assert f"  {kind.usage(name)} " in table()
        assert kind.help


def test_fault_takes_the_place_of_one_with_its_name_until_it_is_removed() -> None:
    faults = Faults(parse("hang:1"), parse("locked"))
    faults.add(parse("hang:5"))
    assert {str(fault) for fault in faults.on()} == {"hang:5", "locked"}
    faults.remove("hang")
    assert faults.get("hang") is None
    faults.remove("hang")
    faults.remove()
    assert faults.on() == []
