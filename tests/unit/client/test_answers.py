"""What each answer that is not 2xx becomes."""

import json

import pytest

from gesso import errors
from gesso.client.answers import by_code, failure, misunderstood, retry_after_s

JSON = {"content-type": "application/json; charset=utf-8"}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.RequestError),
        (401, errors.Unauthorized),
        (403, errors.Forbidden),
        (404, errors.NotFound),
        (409, errors.Conflict),
        (413, errors.TooLarge),
        (418, errors.GatewayError),
        (422, errors.RequestError),
        (429, errors.OverLimit),
        (500, errors.GatewayError),
        (502, errors.EngineUnreachable),
        (503, errors.EngineUnreachable),
        (504, errors.EngineUnreachable),
        (507, errors.DiskFull),
    ],
)
@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff\xfe", b"{}", b"[]", b'{"error": null}'])
def test_a_status_has_its_error_whatever_the_body_holds(status, kind, body):
    assert type(failure("GET http://h/x", status, JSON, body)) is kind


def test_the_servers_own_words_and_remedy_are_kept():
    body = {"error": {"code": "forbidden", "message": "This needs 'jobs:all'.", "remedy": "Ask an admin."}}
    error = failure("GET http://h/x", 403, JSON, json.dumps(body).encode())
    assert (error.message, error.remedy) == ("This needs 'jobs:all'.", "Ask an admin.")


@pytest.mark.parametrize("kind", by_code().values(), ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("shape", ["gesso", "comfyui"])
def test_an_error_of_gessos_own_arrives_as_it_left(kind, shape):
    told = {
        "gesso": {"code": kind.code, "message": "What.", "remedy": "Do."},
        "comfyui": {"type": kind.code, "message": "What.", "details": "Do.", "extra_info": {}},
    }[shape]
    body = json.dumps({"error": told, "node_errors": {}}).encode()
    error = failure("POST http://h/prompt", kind.status, JSON, body)
    assert type(error) is kind
    assert error.message == "What." and error.remedy in ("Do.", kind.remedy)


def test_what_comfyui_says_beside_its_message_is_kept():
    told = {
        "type": "invalid_prompt",
        "message": "Cannot execute",
        "details": "Node ID '#7'",
        "extra_info": {},
    }
    body = json.dumps({"error": told, "node_errors": {}}).encode()
    error = failure("POST http://h/prompt", 400, JSON, body)
    assert isinstance(error, errors.InvalidWorkflow)
    assert error.message == "Cannot execute: Node ID '#7'" and error.remedy == errors.InvalidWorkflow.remedy


def test_a_page_for_browsers_is_quoted_and_cut_short():
    page = b"<!DOCTYPE html>\n<title>Bad gateway</title>" + b"x" * 5000
    error = failure("GET http://h/x", 502, {"content-type": "text/html"}, page)
    assert "502" in error.message and "Bad gateway" in error.message and len(error.message) < 250


def test_being_sent_to_a_login_page_means_no_valid_key():
    error = failure("GET http://h/queue", 302, {"location": "/gesso/login"}, b"")
    assert type(error) is errors.Unauthorized
    assert "/gesso/login" in error.message and "--key" in error.remedy


def test_comfyuis_refusal_of_a_workflow_becomes_typed_problems():
    body = {
        "error": {
            "type": "prompt_outputs_failed_validation",
            "message": "Prompt outputs failed validation",
            "details": "",
            "extra_info": {},
        },
        "node_errors": {
            "3": {
                "errors": [
                    {
                        "type": "value_not_in_list",
                        "message": "Value not in list",
                        "details": "sampler_name: 'nope' not in ['euler']",
                        "extra_info": {"input_name": "sampler_name"},
                    }
                ],
                "dependent_outputs": ["9"],
                "class_type": "KSampler",
            }
        },
    }
    error = failure("POST http://h/prompt", 400, JSON, json.dumps(body).encode())
    assert isinstance(error, errors.InvalidWorkflow)
    assert error.body == body
    assert error.problems == (
        errors.Problem(
            node="3",
            class_type="KSampler",
            kind="value_not_in_list",
            input="sampler_name",
            message="Value not in list",
            details="sampler_name: 'nope' not in ['euler']",
        ),
    )


@pytest.mark.parametrize(("told", "expected"), [("7", 7.0), ("0.5", 0.5), ("-3", 0.0), ("soon", 1.0)])
def test_retry_after_is_read_and_never_negative(told, expected):
    assert retry_after_s({"retry-after": told}) == expected
    error = failure("GET u", 429, {"retry-after": told}, b"")
    assert isinstance(error, errors.OverLimit) and error.retry_after_s == expected


def test_retry_after_in_the_body_counts_where_there_is_no_header():
    assert retry_after_s({}, {"error": {"retry_after_s": 3}}) == 3.0
    assert retry_after_s({}, None) == 1.0


def test_an_answer_of_another_kind_says_what_came():
    error = misunderstood("GET http://h/queue", {"content-type": "text/html; charset=utf-8"}, b"<h1>hi</h1>")
    assert "text/html" in error.message and "<h1>hi</h1>" in error.message


def openai(message, code, param=None, status=400):
    told = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return failure("POST http://h/v1/x", status, JSON, json.dumps({"error": told}).encode())


def test_a_parameter_that_openais_shape_names_is_told_with_it():
    error = openai(f"'n' must be 1. {errors.InvalidParameter.remedy}", "invalid_value", "n")
    assert isinstance(error, errors.InvalidParameter) and (error.param, error.kind) == ("n", "invalid_value")
    assert (error.message, error.remedy) == ("'n' must be 1.", errors.InvalidParameter.remedy)


def test_a_remedy_that_stands_in_openais_message_is_said_once():
    error = openai("There is no model 'x'. There are a, b.", "model_not_found", status=404)
    assert isinstance(error, errors.UnknownModel)
    assert (error.message, error.remedy) == ("There is no model 'x'. There are a, b.", "")


@pytest.mark.parametrize(
    ("kind", "code"), [(errors.Unauthorized, "invalid_api_key"), (errors.OverLimit, "rate_limit_exceeded")]
)
def test_the_usual_remedy_is_told_apart_from_openais_message(kind, code):
    error = openai(f"What. {kind.remedy}", code, status=kind.status)
    assert type(error) is kind and (error.message, error.remedy) == ("What.", kind.remedy)
