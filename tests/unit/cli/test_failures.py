"""How errors are told, to people and to programs."""

import json

import pytest

from gesso.cli.failures import report
from gesso.errors import (
    ExecutionFailed,
    InvalidParameter,
    InvalidWorkflow,
    NodeFailure,
    NotFound,
    OverLimit,
    Problem,
    Unauthorized,
    UnknownModel,
)

PROBLEM = Problem(
    node="3",
    class_type="KSampler",
    kind="value_not_in_list",
    input="sampler_name",
    message="Value not in list",
    details="sampler_name: 'nope' not in ['euler']",
)


def test_people_are_told_what_is_wrong_and_what_to_do(capsys):
    assert report(NotFound("There is no job 'x'."), as_json=False) == 6
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == ["gesso: There is no job 'x'.", f"  {NotFound.remedy}"]


def test_people_give_keys_and_programs_send_headers(capsys):
    assert report(Unauthorized("This key was revoked."), as_json=False) == 4
    err = capsys.readouterr().err
    assert "--key" in err and "gesso keys create --local" in err
    report(Unauthorized("This key was revoked."), as_json=True)
    assert json.loads(capsys.readouterr().out)["error"]["remedy"] == Unauthorized.remedy
    report(Unauthorized(remedy="Ask the proxy's keeper."), as_json=False)
    assert "Ask the proxy's keeper." in capsys.readouterr().err


def test_problems_are_told_node_by_node(capsys):
    assert (
        report(InvalidWorkflow("Prompt outputs failed validation", problems=(PROBLEM,)), as_json=False) == 5
    )
    err = capsys.readouterr().err
    for part in ("NODE", "KSampler", "sampler_name", "Value not in list", "'nope' not in ['euler']"):
        assert part in err


def test_a_limit_says_how_long_to_wait(capsys):
    report(OverLimit(retry_after_s=12), as_json=False)
    assert "12 s" in capsys.readouterr().err


def test_programs_get_the_same_as_json_and_nothing_else(capsys):
    failure = NodeFailure(node="1", class_type="X", exception_type="ValueError", message="no")
    report(ExecutionFailed("failed", failure=failure), as_json=True)
    report(InvalidWorkflow(problems=(PROBLEM,)), as_json=True)
    report(OverLimit(retry_after_s=2), as_json=True)
    printed = capsys.readouterr()
    assert printed.err == ""
    decoder, rest, told = json.JSONDecoder(), printed.out, []
    while rest.strip():
        value, end = decoder.raw_decode(rest.lstrip())
        told.append(value["error"])
        rest = rest.lstrip()[end:]
    assert [one["code"] for one in told] == ["execution_failed", "invalid_workflow", "over_limit"]
    assert told[0]["failure"]["exception_type"] == "ValueError"
    assert told[1]["problems"][0]["input"] == "sampler_name"
    assert told[2]["retry_after_s"] == 2 and all(one["remedy"] for one in told)


def test_a_remedy_that_the_message_says_makes_no_empty_line(capsys):
    report(UnknownModel("There is no model 'x'. There are a, b.", remedy=""), as_json=False)
    assert capsys.readouterr().err.splitlines() == ["gesso: There is no model 'x'. There are a, b."]


@pytest.mark.parametrize(
    ("param", "typed"),
    [
        ("n", "--count"),
        ("negative_prompt", "--negative"),
        ("prompt", "SENTENCE"),
        ("Idempotency-Key", "--idempotency-key"),
    ],
)
def test_parameters_are_named_as_they_were_typed(capsys, param, typed):
    error = InvalidParameter(f"'{param}' must be at most 10.", param=param)
    report(error, as_json=False)
    assert capsys.readouterr().err.splitlines() == [f"gesso: {typed} must be at most 10."]
    report(error, as_json=True)
    assert json.loads(capsys.readouterr().out)["error"]["message"] == error.message


def test_routes_of_the_server_are_verbs_here(capsys):
    report(UnknownModel(), as_json=False)
    assert "`gesso models` lists them" in capsys.readouterr().err
