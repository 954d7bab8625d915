"""The middleware on a real server, asked by real clients: refusals, limits, failures, sockets, the log."""

import asyncio
import io
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin

from gesso.access import tokens
from gesso.logs import TextRecords, redaction
from tests.integration.gateway.door import BODY_BYTES, Door, opened


def test_only_a_right_key_opens(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door:
            expired = await door.access.create_key("ada", "old", expires=2e9)
            await door.db.tx(
                lambda conn: conn.exec_driver_sql('UPDATE "key" SET expires = 5 WHERE expires > 1e9')
            )
            revoked = await door.access.create_key("ada", "gone")
            async with door.client(revoked.token) as client:
                assert (await client.get("/who")).json() == "ada"
                await door.access.revoke_key(revoked.key.id)
                assert (await client.get("/who")).status_code == 401
            for key in (None, "wrong", tokens.new_key(), expired.token, revoked.token):
                async with door.client(key) as client:
                    answer = await client.get("/who")
                    assert answer.status_code == 401, key
                    assert answer.json()["error"]["type"] == "unauthorized"
                    assert "x-request-id" in answer.headers
            async with door.client(door.ada) as client:
                assert (await client.get("/who")).json() == "ada"
                await door.access.set_disabled("ada", True)
                assert (await client.get("/who")).status_code == 401

    asyncio.run(main())


def test_a_route_that_is_not_there_is_told_in_its_dialect_and_only_to_those_let_in(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door:
            async with door.client() as client:
                assert (await client.get("/nope")).status_code == 401
            async with door.client(door.ada) as client:
                assert (await client.get("/nope")).json()["error"]["type"] == "not_found"
                assert (await client.get("/v1/nope")).json()["error"]["code"] == "not_found"
                assert "detail" in (await client.get("/sdapi/v1/nope")).json()
                ours = await client.get("/gesso/api/nope")
                assert (ours.status_code, ours.json()["error"]["code"]) == (404, "not_found")
                refused = await client.delete("/prompt")
                assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
                refused = await client.put("/gesso/api/whoami")
                assert (refused.status_code, refused.headers["allow"]) == (405, "GET")
                assert refused.json()["error"]["code"] == "method_not_allowed"

    asyncio.run(main())


async def _pieces(size: int) -> AsyncIterator[bytes]:
    for _ in range(0, size, 65536):
        yield b"x" * 65536


def test_a_body_that_is_too_large_is_answered_so_that_the_client_hears_it(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door, door.client(door.ada, timeout=30) as client:
            assert (await client.post("/prompt", content=b"x" * BODY_BYTES)).json() == BODY_BYTES
            announced = await client.post("/prompt", content=b"x" * (BODY_BYTES * 20))
            chunked = await client.post("/api/prompt", content=_pieces(BODY_BYTES * 20))
            for answer in (announced, chunked):
                assert answer.status_code == 413
                assert answer.json()["error"]["type"] == "too_large"
            openai = await client.post("/v1/images/edits", content=_pieces(BODY_BYTES * 2))
            assert openai.json()["error"]["code"] == "too_large"
            assert (await client.post("/prompt", content=b"x")).json() == 1

    asyncio.run(main())


def test_a_chunked_body_that_is_too_large_for_our_own_api_is_told_as_such(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door, door.client(door.ada) as client:
            headers = {"Content-Type": "application/json"}
            answer = await client.post("/gesso/api/keys", content=_pieces(1_500_000), headers=headers)
            assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")

    asyncio.run(main())


async def _raw(door: Door, request: bytes) -> bytes:
    """What a server answers to bytes that no client library would send."""
    place = urlsplit(door.url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    try:
        writer.write(request)
        await writer.drain()
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize(
    "target",
    [
        "//who",
        "/./who",
        "/x/../who",
        "/%2e%2e/who",
        "/gesso/login/../../who",
        "/gesso/%6cogin",
        "/who%00",
        "/%ff",
    ],
)
def test_crooked_paths_open_nothing(tmp_path: Path, target: str) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door:
            head = f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            assert (await _raw(door, f"{head}\r\n".encode())).startswith(b"HTTP/1.1 401 ")
            keyed = f"{head}Authorization: Bearer {door.ada}\r\n\r\n".encode()
            answer = await _raw(door, keyed)
            assert answer.startswith(b"HTTP/1.1 404 ") or target == "/gesso/%6cogin", answer

    asyncio.run(main())


def test_an_absolute_address_is_taken_for_its_path(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door:
            lines = "GET http://elsewhere/who HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            assert (await _raw(door, f"{lines}\r\n".encode())).startswith(b"HTTP/1.1 401 ")
            answer = await _raw(door, f"{lines}Authorization: Bearer {door.ada}\r\n\r\n".encode())
            assert answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b'"ada"')

    asyncio.run(main())


def test_headers_out_of_all_proportion_are_refused(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door, door.client(door.ada) as client:
            assert (await client.get("/who", headers={"X-Big": "x" * 60_000})).status_code == 200
            assert (await client.get("/who", headers={"X-Big": "x" * 70_000})).status_code == 413
            many = [(f"X-{number}", "x") for number in range(250)]
            assert (await client.get("/who", headers=many)).status_code == 413

    asyncio.run(main())


def test_the_unexpected_is_500_with_the_id_that_the_log_has(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door, door.client(door.ada) as client:
            answer = await client.get("/broken")
            assert answer.status_code == 500 and "inside" not in answer.text
            assert answer.json()["error"]["extra_info"]["request_id"] == answer.headers["x-request-id"]
            assert "ZeroDivisionError: something inside" in caplog.text

    asyncio.run(main())


def test_an_answer_that_breaks_in_the_middle_is_seen_to_be_broken(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door, door.client(door.ada) as client:
            with pytest.raises(httpx.RemoteProtocolError):
                await client.get("/half")
            assert (await client.get("/who")).status_code == 200

    asyncio.run(main())


def test_an_unreadable_store_is_503_and_no_way_in(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door:
            await door.db.tx(lambda conn: conn.exec_driver_sql('ALTER TABLE "key" RENAME TO "gone"'))
            async with door.client(door.ada) as client:
                for path in ("/who", "/gesso/api/whoami"):
                    answer = await client.get(path)
                    assert answer.status_code == 503, answer.text
                    assert "accounts_unreadable" in answer.text
                assert (await client.get("/gesso/healthz")).status_code == 200
                signing_in = await client.post("/gesso/login", data={"key": door.ada})
                assert signing_in.status_code == 503 and "set-cookie" not in signing_in.headers
            with pytest.raises(InvalidStatus):
                await connect(f"{door.url.replace('http', 'ws')}/ws", additional_headers=_key(door.ada))

    asyncio.run(main())


def _key(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def _refusal(url: str, headers: dict[str, str]) -> tuple[int, str]:
    with pytest.raises(InvalidStatus) as caught:
        await connect(url, additional_headers=headers)
    response = caught.value.response
    return response.status_code, (response.body or b"").decode()


def test_a_socket_is_refused_before_the_upgrade(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door:
            url = door.url.replace("http", "ws")
            for headers in (
                {},
                _key("wrong"),
                _key(tokens.new_key()),
                {"Cookie": "gesso_session=" + "x" * 43},
            ):
                status, body = await _refusal(f"{url}/ws?clientId=a", headers)
                assert status == 401 and '"unauthorized"' in body
            assert (await _refusal(f"{url}/nope", _key(door.ada)))[0] == 404
            narrow = await door.access.create_key("ada", "narrow", scopes=["keys:own"])
            status, body = await _refusal(f"{url}/api/ws", _key(narrow.token))
            assert status == 403 and "jobs:own" in body

    asyncio.run(main())


def test_a_socket_by_cookie_is_refused_to_another_sites_page(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door:
            login = await door.access.open_login(await door.access.identify_key(door.ada))
            cookie = {"Cookie": f"gesso_session={login.token}"}
            url = door.url.replace("http", "ws") + "/ws"
            status, body = await _refusal(url, {**cookie, "Origin": "http://evil.example"})
            assert status == 403 and '"forbidden"' in body
            async with connect(url, additional_headers=cookie, origin=Origin(door.url)) as socket:
                await socket.send("hello")
                assert await socket.recv() == "hello"

    asyncio.run(main())


def test_an_open_socket_ends_with_its_key(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door:
            key = await door.access.create_key("ada", "socket")
            url = door.url.replace("http", "ws") + "/ws"
            async with (
                connect(url, additional_headers=_key(key.token)) as ended,
                connect(url, additional_headers=_key(door.ada)) as other,
            ):
                await ended.send("hello")
                assert await ended.recv() == "hello"
                await door.access.revoke_key(key.key.id)
                async with asyncio.timeout(5):
                    with pytest.raises(ConnectionClosed) as caught:
                        await ended.recv()
                assert caught.value.rcvd is not None and caught.value.rcvd.code == 1008
                await other.send("still here")
                assert await other.recv() == "still here"

    asyncio.run(main())


def test_a_socket_whose_app_fails_is_closed_as_failed(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door:
            url = door.url.replace("http", "ws") + "/ws"
            async with connect(url, additional_headers=_key(door.ada)) as socket:
                await socket.send("break")
                with pytest.raises(ConnectionClosed) as caught:
                    await socket.recv()
                assert caught.value.rcvd is not None and caught.value.rcvd.code == 1011

    asyncio.run(main())


def test_nothing_secret_reaches_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The access log as a file, and whatever else anybody logged while it was written."""
    written = io.StringIO()
    output = logging.StreamHandler(written)
    output.setFormatter(TextRecords(redaction))
    # The client, in the same process, may log what it asks.
    output.addFilter(lambda record: not record.name.startswith(("httpx", "httpcore", "websockets.client")))
    logging.getLogger().addHandler(output)
    secrets = []

    async def main() -> None:
        async with opened(tmp_path) as door:
            wrong = tokens.new_key()
            secrets.extend([door.ada, door.admin, wrong])
            async with door.client(door.ada) as client:
                made = await client.post("/gesso/api/keys", json={"name": "made"})
                secrets.append(made.json()["token"])
                await client.get(f"/who?token={wrong}&key=other-secret")
                await client.get(f"/k/{wrong}/prompt")
                await client.get("/broken")
                await client.post("/gesso/login", data={"key": wrong})
                signed_in = await client.post("/gesso/login", data={"key": door.admin})
                cookie = signed_in.cookies["gesso_session"]
                secrets.extend([cookie, "other-secret"])
            async with door.client(cookies={"gesso_session": cookie}) as client:
                await client.get("/who", headers={"X-Api-Key": wrong})
                await client.post("/gesso/logout")
            await _refusal(door.url.replace("http", "ws") + f"/ws?token={wrong}", _key(wrong))

    caplog.handler.addFilter(output.filter)
    try:
        with caplog.at_level(logging.INFO):
            asyncio.run(main())
    finally:
        logging.getLogger().removeHandler(output)
        caplog.handler.removeFilter(output.filter)
    text = written.getvalue() + caplog.text
    assert "without completing handshake" not in text
    assert text.count("/who") >= 2 and "WEBSOCKET /ws?token=*** 401" in text
    assert "POST /gesso/login 303" in text and " ada" in text
    for secret in secrets:
        assert secret not in text
        assert secret.removeprefix("gesso_")[:20] not in text
