"""Node classes that a role may not use."""

import pytest

from gesso.errors import InvalidWorkflow
from gesso.workflows.denied import is_denied, refuse_denied, without_denied

PROMPT = {
    "1": {"class_type": "EmptyImage", "inputs": {}},
    "2": {"class_type": "RunShellCommand", "inputs": {}},
    "3": {"class_type": "SaveImage", "inputs": {}},
    "4": "nonsense",
}


def test_patterns_stand_for_any_letters_and_capitals_count() -> None:
    assert is_denied("RunShellCommand", ["*Shell*"])
    assert is_denied("SaveImage", ["SaveImage"])
    assert not is_denied("RunshellCommand", ["*Shell*"])
    assert not is_denied("SaveImageAdvanced", ["SaveImage"])


def test_denied_classes_are_not_shown() -> None:
    info: dict[str, dict[str, object]] = {"A": {}, "AShell": {}}
    assert without_denied(info, ("*Shell",)) == {"A": {}}
    assert without_denied(info, ()) is info


def test_a_denied_class_is_refused_like_one_that_does_not_exist() -> None:
    with pytest.raises(InvalidWorkflow) as refused:
        refuse_denied(PROMPT, ("*Shell*",))
    told = "Node class RunShellCommand is not allowed for your role"
    body = refused.value.body
    assert body["error"] == {
        "type": "node_denied",
        "message": told,
        "details": "Node ID '#2'",
        "extra_info": {},
    }
    assert body["node_errors"]["2"]["class_type"] == "RunShellCommand"
    assert body["node_errors"].keys() == {"2"}
    assert refused.value.problems[0].node == "2"


@pytest.mark.parametrize("prompt", [None, [], "x", {"1": {"class_type": 3}}, {"1": {}}])
def test_what_is_no_workflow_is_left_to_validation(prompt: object) -> None:
    refuse_denied(prompt, ("*",))
