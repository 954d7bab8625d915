"""The one writer of errors: every error in every dialect, sockets, answers already begun, the unexpected."""

import asyncio
import inspect
import logging
from typing import Any

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp

from gesso import errors
from gesso.errors import (
    Conflict,
    EngineError,
    EngineUnreachable,
    Forbidden,
    GessoError,
    InvalidParameter,
    InvalidWorkflow,
    JobCancelled,
    MethodNotAllowed,
    NoEngine,
    OverLimit,
    Problem,
    StorageError,
    TooLarge,
    Unauthorized,
)
from gesso.gateway.middleware.bodies import body_of
from gesso.gateway.middleware.failures import Failures
from gesso.gateway.responses import Dialect
from tests.unit.gateway.calls import Answer, call

EVERY = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, GessoError)]
PLACE = {
    Dialect.COMFYUI: "/prompt",
    Dialect.OPENAI: "/v1/images/generations",
    Dialect.A1111: "/sdapi/v1/txt2img",
    Dialect.GESSO: "/gesso/api/jobs",
}
# Codes that programs written for OpenAI look for.
OPENAIS_OWN: dict[type[GessoError], str] = {
    InvalidParameter: "invalid_value",
    OverLimit: "rate_limit_exceeded",
    Unauthorized: "invalid_api_key",
}
HTML = [("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")]


def raising(error: BaseException, before: tuple[dict[str, Any], ...] = ()) -> ASGIApp:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in before:
            await send(message)
        raise error

    return Failures(app)


def answer_to(error: BaseException, target: str = "/prompt", method: str = "POST", **more: Any) -> Answer:
    return asyncio.run(call(raising(error), target, method, **more))


def test_the_table_below_is_about_every_error() -> None:
    assert len(EVERY) >= 24 and GessoError in EVERY


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
def test_every_error_has_a_body_in_every_dialect(kind: type[GessoError], dialect: Dialect) -> None:
    error = kind()
    answer = answer_to(error, PLACE[dialect])
    assert answer.status == kind.status
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.headers["cache-control"] == "no-store"
    match dialect:
        case Dialect.COMFYUI:
            assert answer.json == {
                "error": {
                    "type": kind.code,
                    "message": error.message.removesuffix("."),
                    "details": error.remedy,
                    "extra_info": answer.json["error"]["extra_info"],
                },
                "node_errors": {},
            }
        case Dialect.OPENAI:
            told = answer.json["error"]
            assert set(told) == {"message", "type", "param", "code"}
            assert told["code"] == OPENAIS_OWN.get(kind, kind.code) and error.message in told["message"]
        case Dialect.A1111:
            assert answer.json["detail"].startswith(error.message)
        case Dialect.GESSO:
            told = answer.json["error"]
            assert (told["code"], told["message"], told["remedy"]) == (kind.code, error.message, error.remedy)


def test_openais_library_is_told_which_parameter_is_wrong() -> None:
    error = InvalidParameter("'n' must be at most 10.", param="n")
    assert answer_to(error, "/v1/images/generations").json["error"] == {
        "message": "'n' must be at most 10. Change or leave out the named parameter.",
        "type": "invalid_request_error",
        "param": "n",
        "code": "invalid_value",
    }


def test_an_invalid_workflow_is_told_in_comfyuis_own_words() -> None:
    body = {"error": {"type": "prompt_no_outputs"}, "node_errors": {"3": {}}}
    problem = Problem(node="3", class_type="KSampler", kind="value_not_in_list", message="Value not in list")
    error = InvalidWorkflow(body=body, problems=(problem,))
    assert answer_to(error).json == body
    told = answer_to(error, "/gesso/api/x").json["error"]
    assert told["problems"][0]["node"] == "3"


def test_over_limit_says_when_to_come_back() -> None:
    for seconds, header in ((0.2, "1"), (2.1, "3")):
        answer = answer_to(OverLimit(retry_after_s=seconds), "/gesso/api/jobs")
        assert answer.headers["retry-after"] == header
        assert answer.json["error"]["retry_after_s"] == seconds


def test_a_refused_method_names_those_allowed() -> None:
    assert answer_to(MethodNotAllowed(allowed=("GET", "POST"))).headers["allow"] == "GET, POST"


@pytest.mark.parametrize(
    ("error", "repeats"),
    [
        (OverLimit(), True),
        (NoEngine(), True),
        (JobCancelled(), False),
        (Conflict(), False),
        (GessoError(), False),
    ],
)
def test_openais_library_is_told_what_is_not_worth_repeating(error: GessoError, repeats: bool) -> None:
    assert ("x-should-retry" not in answer_to(error, "/v1/images/edits").headers) is repeats
    assert "x-should-retry" not in answer_to(error, "/prompt").headers


@pytest.mark.parametrize(
    ("headers", "method", "status"),
    [
        (HTML, "GET", 302),
        ([*HTML, ("Sec-Fetch-Mode", "navigate")], "GET", 302),
        ([*HTML, ("Sec-Fetch-Mode", "cors")], "GET", 401),
        (HTML, "POST", 401),
        ([("Accept", "*/*")], "GET", 401),
        ([], "GET", 401),
    ],
)
def test_only_a_person_opening_a_page_is_led_to_the_login(
    headers: list[tuple[str, str]], method: str, status: int
) -> None:
    answer = answer_to(Unauthorized(), "/queue", method, headers=headers)
    assert answer.status == status
    assert answer.headers["cache-control"] == "no-store"
    if status == 401:
        assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("/", "/gesso/login"),
        ("/a%2Fb?x=1&y=ä", "/gesso/login?next=/a%252Fb%3Fx%3D1%26y%3D%C3%83%C2%A4"),
        ("//elsewhere", "/gesso/login?next=//elsewhere"),
    ],
)
def test_the_login_leads_back(target: str, location: str) -> None:
    assert answer_to(Unauthorized(), target, "GET", headers=HTML).headers["location"] == location


def test_the_unexpected_is_500_with_the_request_id_and_logged_with_its_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    for dialect, target in PLACE.items():
        caplog.clear()
        answer = answer_to(ZeroDivisionError("inner detail"), target, scope={"gesso.request_id": "abc123def"})
        assert answer.status == 500
        assert b"abc123def" in answer.body and b"inner detail" not in answer.body, dialect
        assert "ZeroDivisionError: inner detail" in caplog.text


def test_a_server_error_is_logged_with_its_cause_and_a_callers_error_is_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    error = StorageError("no room")
    error.__cause__ = OSError(28, "the cause")
    answer_to(error)
    assert "no room" in caplog.text and "the cause" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.INFO):
        answer_to(Forbidden())
    assert caplog.text == ""


def test_an_answer_that_has_begun_is_left_unfinished_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    start = {"type": "http.response.start", "status": 200, "headers": []}
    part = {"type": "http.response.body", "body": b"half", "more_body": True}
    answer = asyncio.run(call(raising(RuntimeError("in the middle"), (start, part))))
    assert answer.messages == [start, part]
    assert "in the middle" in caplog.text


def test_an_error_of_a_task_group_is_told_as_if_alone() -> None:
    group = ExceptionGroup("tasks", [ExceptionGroup("inner", [Conflict("taken")])])
    assert answer_to(group).status == 409
    assert answer_to(ExceptionGroup("tasks", [Conflict(), KeyError()])).status == 500


def test_a_client_that_went_away_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    assert answer_to(ClientDisconnect()).messages == []
    assert caplog.text == ""


def test_cancelling_passes_through() -> None:
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(call(raising(asyncio.CancelledError())))


def test_too_large_is_answered_at_once_and_the_rest_of_the_body_dropped() -> None:
    answer = answer_to(TooLarge(), chunks=[b"x"] * 50)
    assert answer.status == 413 and answer.headers["connection"] == "close"
    assert answer.received == 50
    assert answer.types[:2] == ["http.response.start", "http.response.body"]
    assert answer.messages[-1] == {"type": "http.response.body", "body": b""}


def test_a_socket_is_refused_before_the_upgrade_with_a_real_answer() -> None:
    answer = answer_to(
        Unauthorized(), "/ws", headers=HTML, kind="websocket", extensions={"websocket.http.response": {}}
    )
    assert answer.types == ["websocket.http.response.start", "websocket.http.response.body"]
    assert answer.status == 401 and answer.json["error"]["type"] == "unauthorized"


def test_a_socket_is_refused_by_closing_where_the_server_can_do_no_more() -> None:
    assert answer_to(Forbidden(), "/ws", kind="websocket").messages == [
        {"type": "websocket.close", "code": 1008}
    ]


@pytest.mark.parametrize(("error", "code"), [(Forbidden("no" * 100), 1008), (KeyError("x"), 1011)])
def test_an_open_socket_is_closed_with_code_and_reason(error: Exception, code: int) -> None:
    accept = {"type": "websocket.accept"}
    answer = asyncio.run(call(raising(error, (accept,)), kind="websocket"))
    assert answer.types == ["websocket.accept", "websocket.close"]
    assert answer.messages[1]["code"] == code
    assert len(answer.messages[1]["reason"].encode()) <= 123


def test_a_socket_that_is_closed_already_is_not_closed_again() -> None:
    before = (
        {"type": "websocket.accept"},
        {"type": "websocket.send", "text": ""},
        {"type": "websocket.close"},
    )
    answer = asyncio.run(call(raising(KeyError("late"), before), kind="websocket"))
    assert answer.types == ["websocket.accept", "websocket.send", "websocket.close"]


def test_other_dialects_tell_the_remedy_in_their_one_sentence() -> None:
    error = NoEngine()
    for dialect in (Dialect.OPENAI, Dialect.A1111):
        assert error.remedy in str(body_of(error, dialect))


def test_a_person_who_comes_before_the_engines_waits_on_a_page() -> None:
    error = NoEngine("No engine is ready: <main> is starting.")
    page = answer_to(error, "/", "GET", headers=HTML)
    assert page.status == 503
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["refresh"] == "3"
    assert b"&lt;main&gt; is starting" in page.body
    for target, method, headers in (("/", "GET", []), ("/prompt", "POST", HTML)):
        assert answer_to(error, target, method, headers=headers).json["error"]["type"] == "no_engine"


@pytest.mark.parametrize("error", [NoEngine(), EngineUnreachable("'one' did not answer GET /view in time")])
def test_what_an_engine_does_is_logged_in_a_line_and_is_no_defect(
    error: EngineError, caplog: pytest.LogCaptureFixture
) -> None:
    error.__cause__ = TimeoutError()
    answer_to(error)
    [record] = caplog.records
    assert error.message in record.message and record.exc_info is None
