"""A request passed to engines: in turn, bounded, and without what is between the caller and us."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.requests import Request
from starlette.types import ASGIApp

from gesso.engines.comfyui import ComfyUI
from gesso.engines.transport import open_session
from gesso.errors import EngineUnreachable, TooLarge
from gesso.gateway.middleware.limits import Limits
from gesso.gateway.proxy_http import Proxied
from tests.pack import Pack, pack_engine
from tests.running import free_port
from tests.unit.gateway.calls import Answer, call


@pytest.fixture
def two() -> Iterator[tuple[Pack, Pack]]:
    with pack_engine() as one, pack_engine() as other:
        yield one, other


def passed(urls: list[str], path: str, method: str = "GET", **asked: Any) -> Answer:
    """What a client gets of these engines."""
    limit = asked.pop("limit", 1 << 20)
    options: dict[str, Any] = {"unless": {404}, "patience_s": 0.3, **asked.pop("options", {})}

    async def main() -> Answer:
        async with open_session() as session:
            engines = [ComfyUI(name=url, url=url, session=session) for url in urls]

            async def app(scope: Any, receive: Any, send: Any) -> None:
                request = Request(scope, receive, send)
                await Proxied(engines, request, path, **options)(scope, receive, send)

            limited: ASGIApp = Limits(app, body_bytes=limit)
            return await call(limited, path, method, **asked)

    return asyncio.run(main())


def test_the_first_that_has_it_answers(two: tuple[Pack, Pack]) -> None:
    one, other = two
    other.answers["/x"] = "other"
    assert passed([one.url, other.url], "/x").json == "other"
    one.answers["/x"] = "one"
    assert passed([one.url, other.url], "/x").json == "one"
    assert passed([one.url, other.url], "/none").status == 404


def test_one_that_is_silent_or_gone_is_passed_over(two: tuple[Pack, Pack]) -> None:
    one, other = two
    other.answers["/x"] = "other"
    one.silent.add("/x")
    assert passed([one.url, other.url], "/x").json == "other"
    gone = f"http://127.0.0.1:{free_port()}"
    assert passed([gone, other.url], "/x").json == "other"
    # That one has it not is known, that another has it is not.
    assert passed([other.url, gone], "/none").status == 404
    with pytest.raises(EngineUnreachable):
        passed([gone], "/x")


def test_a_body_that_grows_too_large_is_the_callers_fault(two: tuple[Pack, Pack]) -> None:
    one, _ = two
    with pytest.raises(TooLarge):
        passed([one.url], "/x", "POST", chunks=[b"x" * 60_000] * 4, limit=100_000)
    assert not one.sent


def test_what_concerns_the_caller_and_us_stays_with_us(two: tuple[Pack, Pack]) -> None:
    one, _ = two
    one.answers["/x"] = {}
    one.headers |= {"Set-Cookie": "a=b", "Access-Control-Allow-Origin": "*", "X-Pack": "1"}
    ours = ("Authorization", "Cookie", "Origin", "Referer", "Comfy-User", "Gesso-Engine", "X-Forwarded-For")
    headers = [(name, "secret") for name in (*ours, "Forwarded", "X-Real-IP")]
    answer = passed([one.url], "/x", headers=[*headers, ("Accept", "text/x")])
    assert answer.headers["x-pack"] == "1"
    assert not {"set-cookie", "access-control-allow-origin"} & answer.headers.keys()
    sent = one.last("/x").headers
    assert "secret" not in sent.values()
    assert sent["accept"] == "text/x"
