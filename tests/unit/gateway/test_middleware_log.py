"""The access log: one line a request, an id for each, and no secret in it."""

import asyncio
import logging
from typing import Any

import pytest
from starlette.responses import PlainTextResponse

from gesso.gateway.middleware.own_pages import OwnPages
from gesso.gateway.middleware.request_log import RequestLog, shown_target
from gesso.logs import request_id
from tests.unit.gateway.calls import call

SECRET = "gesso_" + "Q7-_" * 10 + "abc"


async def fine(scope: Any, receive: Any, send: Any) -> None:
    assert request_id.get() == scope["gesso.request_id"]
    await PlainTextResponse("fine", 201)(scope, receive, send)


def test_each_request_is_one_line_with_its_status(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        asyncio.run(call(RequestLog(fine), "/view?filename=a.png", "POST"))
    (record,) = caplog.records
    assert record.getMessage().startswith("POST /view?filename=a.png 201 ")


def test_no_header_value_and_no_secret_of_the_query_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    headers = [
        ("Authorization", f"Bearer {SECRET}"),
        ("Cookie", "gesso_session=c00kie"),
        ("X-Other", "he4der"),
    ]
    target = f"/view?token=t0ken&filename={SECRET}&API_KEY=s3cret&clientId=cl1ent&%74oken=enc0ded"
    with caplog.at_level(logging.DEBUG):
        asyncio.run(call(RequestLog(fine), target, headers=headers))
    for secret in (SECRET, SECRET[6:], "c00kie", "he4der", "t0ken", "s3cret", "cl1ent", "enc0ded"):
        assert secret not in caplog.text
    assert "token=***" in caplog.text


@pytest.mark.parametrize(
    ("path", "query", "shown"),
    [
        ("/k/" + SECRET + "/prompt", b"", "/k/***/prompt"),
        ("/k/" + SECRET.replace("_", "%5F", 1), b"", "/k/***"),
        ("/a\nINFO forged", b"", "/a\\nINFO forged"),
        ("/\x1b[2J", b"", "/\\x1b[2J"),
        ("/ä", "x=\u2028".encode(), "/\\xe4?x=\\xe2\\x80\\xa8"),
        ("/x", b"token", "/x?token"),
    ],
)
def test_a_line_is_printable_and_one_line(path: str, query: bytes, shown: str) -> None:
    assert shown_target(path, query) == shown


def test_a_line_is_not_endless() -> None:
    assert len(shown_target("/" + "x" * 50_000, b"")) <= 2001


def test_health_is_asked_too_often_to_be_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        asyncio.run(call(RequestLog(fine), "/gesso/healthz"))
    assert caplog.records == []


@pytest.mark.parametrize(
    ("given", "kept"), [("proxy-1234567", True), ("short", False), ("a b" * 5, False), ("x" * 65, False)]
)
def test_an_id_from_in_front_is_kept_if_it_is_harmless(given: str, kept: bool) -> None:
    answer = asyncio.run(call(RequestLog(fine), headers=[("X-Request-Id", given)]))
    assert (answer.headers["x-request-id"] == given) is kept
    assert request_id.get() is None


def test_every_request_has_its_own_id() -> None:
    ids = {asyncio.run(call(RequestLog(fine))).headers["x-request-id"] for _ in range(20)}
    assert len(ids) == 20


def test_a_request_without_an_answer_is_logged_as_closed_early(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError

    with caplog.at_level(logging.INFO), pytest.raises(RuntimeError):
        asyncio.run(call(RequestLog(broken)))
    assert " 499 " in caplog.text


def test_our_own_pages_allow_nothing_from_elsewhere_and_comfyuis_are_left_alone() -> None:
    async def plain(scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse("x")(scope, receive, send)

    ours = asyncio.run(call(OwnPages(plain), "/gesso/login")).headers
    assert "default-src 'none'" in ours["content-security-policy"]
    assert ours["x-content-type-options"] == "nosniff" and ours["cache-control"] == "no-store"
    for path in ("/", "/prompt", "/gessoish", "/assets/gesso/x"):
        assert "content-security-policy" not in asyncio.run(call(OwnPages(plain), path)).headers
