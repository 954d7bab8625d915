"""Text nodes, constants and PreviewAny."""

from typing import Any

import numpy as np
import pytest

from tests.unit.sketch.prompts import execute

TEXT = "The cat-12 sat\nThe dog-7 ran"


def call(name: str, **inputs: Any) -> Any:
    return execute(name, **inputs)[0]


@pytest.mark.parametrize(
    ("name", "inputs", "expected"),
    [
        ("PrimitiveInt", {"value": 5}, 5),
        ("PrimitiveBoolean", {"value": False}, False),
        ("StringConcatenate", {"string_a": "a", "string_b": "b", "delimiter": "-"}, "a-b"),
        ("StringSubstring", {"string": "abcdef", "start": 1, "end": -1}, "bcde"),
        ("StringLength", {"string": "äöü"}, 3),
        ("CaseConverter", {"string": "aB c", "mode": "Title Case"}, "Ab C"),
        ("StringTrim", {"string": " a ", "mode": "Left"}, "a "),
        ("StringReplace", {"string": "aba", "find": "a", "replace": "c"}, "cbc"),
        ("StringContains", {"string": "abc", "substring": "BC", "case_sensitive": False}, True),
        ("StringContains", {"string": "abc", "substring": "BC", "case_sensitive": True}, False),
        (
            "StringCompare",
            {"string_a": "Abc", "string_b": "bc", "mode": "Ends With", "case_sensitive": True},
            True,
        ),
        ("StringCompare", {"string_a": "A", "string_b": "a", "mode": "Equal", "case_sensitive": False}, True),
    ],
)
def test_texts(name: str, inputs: dict[str, Any], expected: object) -> None:
    assert call(name, **inputs) == expected


FLAGS = {"case_insensitive": True, "multiline": False, "dotall": False}


@pytest.mark.parametrize(
    ("pattern", "mode", "group", "expected"),
    [
        (r"(\w+)-(\d+)", "First Match", 1, "cat-12"),
        (r"\w+-\d+", "All Matches", 1, "cat-12\ndog-7"),
        (r"(\w+)-(\d+)", "All Matches", 1, "cat\ndog"),
        (r"(\w+)-(\d+)", "First Group", 2, "12"),
        (r"(\w+)-(\d+)", "All Groups", 2, "12\n7"),
        (r"(\w+)-(\d+)", "First Group", 3, ""),
        (r"zebra", "First Match", 1, ""),
        (r"(", "First Match", 1, ""),
    ],
)
def test_extract(pattern: str, mode: str, group: int, expected: str) -> None:
    found = call("RegexExtract", string=TEXT, regex_pattern=pattern, mode=mode, group_index=group, **FLAGS)
    assert found == expected


def test_match_takes_a_broken_pattern_for_no_match() -> None:
    assert call("RegexMatch", string=TEXT, regex_pattern="CAT", **FLAGS) is True
    assert call("RegexMatch", string=TEXT, regex_pattern="(", **FLAGS) is False


def test_replace_counts_and_raises_on_a_broken_pattern() -> None:
    assert call("RegexReplace", string="aaa", regex_pattern="A", replace="b", count=2) == "bba"
    with pytest.raises(Exception, match="unterminated subpattern"):
        call("RegexReplace", string="", regex_pattern="(", replace="")


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        (None, "None"),
        ("as it is", "as it is"),
        (True, "True"),
        (1.5, "1.5"),
        ([1, "ä"], '[1, "\\u00e4"]'),
        ({1, 2}, "{1, 2}"),
        (np.zeros(2), "[0. 0.]"),
    ],
)
def test_preview_any_shows_every_value(source: object, shown: str) -> None:
    assert execute("PreviewAny", source=source).ui == {"text": (shown,)}
