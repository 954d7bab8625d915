"""Setting inputs of a workflow from the command line."""

from typing import Any

import pytest

from gesso.errors import RequestError
from gesso.workflows.edit import set_input

PROMPT: dict[str, Any] = {
    "6": {
        "class_type": "X",
        "inputs": {"text": "a", "steps": 4, "cfg": 7.5, "on": True, "model": ["4", 0], "none": None},
        "_meta": {"title": "Six"},
    },
    "7": {"class_type": "Y"},
}


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("6.text", "12", "12"),
        ("6.text", "true", "true"),
        ("6.steps", "12", 12),
        ("6.steps", "0.5", 0.5),
        ("6.cfg", "8", 8),
        ("6.on", "no", False),
        ("6.on", "TRUE", True),
        ("6.model", '["9", 1]', ["9", 1]),
        ("6.model", "[9, 1]", "[9, 1]"),
        ("6.new", "3", 3),
        ("6.new", "three", "three"),
        ("6.new", "null", "null"),
        ("6.new", "NaN", "NaN"),
        ("6.none", "true", True),
        ("6.a.b", "x", "x"),
        ("6.steps", 3, 3),
        ("6.text", None, None),
        ("7.text", "x", "x"),
    ],
)
def test_a_text_takes_the_type_that_was_there(path, value, expected):
    node, _, name = path.partition(".")
    result = set_input(PROMPT, path, value)[node]["inputs"][name]
    assert result == expected
    assert type(result) is type(expected)


def test_the_original_stays_as_it_was():
    edited = set_input(PROMPT, "6.text", "b")
    assert PROMPT["6"]["inputs"]["text"] == "a"
    assert edited["6"] == {**PROMPT["6"], "inputs": {**PROMPT["6"]["inputs"], "text": "b"}}
    assert edited["7"] == PROMPT["7"]


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("text", "x", "NODE.INPUT"),
        ("6.", "x", "NODE.INPUT"),
        ("66.text", "x", "Did you mean '6'"),
        ("6.steps", "many", "not a number"),
        ("6.steps", "true", "not a number"),
        ("6.cfg", "Infinity", "not a number"),
        ("6.on", "maybe", "neither true nor false"),
    ],
)
def test_what_cannot_be_set_is_told(path, value, words):
    with pytest.raises(RequestError, match=words):
        set_input(PROMPT, path, value)
