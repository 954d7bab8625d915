"""Bounds on bodies, announced or not, and on headers."""

import asyncio
from typing import Any

import pytest

from gesso.access.identity import Identity, Via
from gesso.access.limits import Allowance
from gesso.access.scopes import Role
from gesso.errors import RequestError, TooLarge
from gesso.gateway.middleware.limits import HEADER_BYTES, HEADER_COUNT, OWN_BODY_BYTES, Limits
from tests.unit.gateway.calls import Answer, call

LIMIT = 2 * OWN_BODY_BYTES


async def reader(scope: Any, receive: Any, send: Any) -> None:
    size = 0
    while True:
        message = await receive()
        size += len(message.get("body", b""))
        if not message.get("more_body"):
            break
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(size).encode()})


def sent(target: str = "/upload/image", **more: Any) -> Answer:
    return asyncio.run(call(Limits(reader, body_bytes=LIMIT), target, "POST", **more))


def test_a_body_of_just_the_limit_passes_and_one_byte_more_does_not() -> None:
    halves = [b"x" * (LIMIT // 2)] * 2
    assert sent(chunks=halves).body == str(LIMIT).encode()
    assert sent(chunks=halves, headers=[("Content-Length", str(LIMIT))]).status == 200
    with pytest.raises(TooLarge):
        sent(chunks=[*halves, b"x"])


def test_an_announced_length_is_refused_before_anything_is_read() -> None:
    app = Limits(reader, body_bytes=LIMIT)
    with pytest.raises(TooLarge, match=str(LIMIT)):
        asyncio.run(call(app, "/prompt", "POST", headers=[("Content-Length", str(LIMIT + 1))]))


def test_a_body_without_a_length_is_refused_as_soon_as_it_is_too_long() -> None:
    taken = []

    def endless() -> Any:
        for number in range(100):
            taken.append(number)
            yield b"x" * OWN_BODY_BYTES

    async def lazy(scope: Any, receive: Any, send: Any) -> None:
        parts = endless()

        async def one() -> dict[str, Any]:
            return {"type": "http.request", "body": next(parts), "more_body": True}

        await Limits(reader, body_bytes=LIMIT)(scope, one, send)

    with pytest.raises(TooLarge):
        asyncio.run(call(lazy, "/prompt", "POST"))
    assert taken == [0, 1, 2]


def test_our_own_routes_take_less() -> None:
    with pytest.raises(TooLarge):
        sent("/gesso/api/keys", headers=[("Content-Length", str(OWN_BODY_BYTES + 1))])
    assert sent("/gesso/api/keys", chunks=[b"x" * OWN_BODY_BYTES]).status == 200


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_headers_out_of_all_proportion_are_refused(kind: str) -> None:
    for headers in ([("A", "x" * HEADER_BYTES)], [("A", "x")] * (HEADER_COUNT + 1)):
        with pytest.raises(TooLarge):
            sent(headers=headers, kind=kind)
    with pytest.raises(TooLarge):
        sent("/x?" + "q" * HEADER_BYTES, kind=kind)


def test_an_account_may_be_allowed_a_smaller_body_than_others() -> None:
    ada = Identity(
        account_id="1",
        name="ada",
        role=Role.USER,
        scopes=frozenset(),
        key_id="k",
        via=Via.KEY,
        allowance=Allowance(body=1000),
    )
    scope = {"gesso.identity": ada}
    assert sent(chunks=[b"x" * 500] * 2, scope=scope).body == b"1000"
    with pytest.raises(TooLarge, match="1 KB, which is your limit"):
        sent(chunks=[b"x" * 500] * 3, scope=scope)
    with pytest.raises(TooLarge, match="1 KB"):
        sent(headers=[("Content-Length", "1001")], scope=scope)
    # Or an administrator could shut himself out of the route that changes limits.
    assert sent("/gesso/api/keys", chunks=[b"x" * 2000], scope=scope).status == 200


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_a_request_to_two_hosts_is_refused(kind: str) -> None:
    with pytest.raises(RequestError, match="more than one host"):
        sent(kind=kind, headers=[("Host", "here"), ("Host", "elsewhere")])
