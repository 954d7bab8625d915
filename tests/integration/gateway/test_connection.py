"""Connections that never come to a request cost neither memory nor a place for ever."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from gesso.gateway import connection
from tests.integration.gateway.door import Door, opened

LINE = b"X-Filler: " + b"x" * 16_000 + b"\r\n"
UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
CHUNKED = b"POST /prompt HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


async def _until_closed(door: Door, beginning: bytes, more: bytes = b"", limit: int = 1000) -> int:
    """How often `more` was sent until the server closed the connection."""
    place = urlsplit(door.url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    sent = 0
    try:
        writer.write(beginning)
        while more and sent < limit:
            writer.write(more)
            await writer.drain()
            sent += 1
        async with asyncio.timeout(10):
            await reader.read()
    except ConnectionError:
        pass
    finally:
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)
    return sent


@pytest.mark.parametrize(
    ("beginning", "more"),
    [
        (b"GET / HTTP/1.1\r\n", LINE),
        (b"GET / HTTP/1.1\r\nX-Long: ", b"x" * 16_000),
        (b"GET /", b"x" * 16_000),
        (CHUNKED + b"0\r\n", LINE),
        (CHUNKED + b"1;", b"x" * 16_000),
    ],
    ids=["headers", "one header", "path", "trailers", "chunk extension"],
)
def test_a_head_without_end_is_cut_off(tmp_path: Path, beginning: bytes, more: bytes) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door:
            assert await _until_closed(door, beginning, more) < 1000

    asyncio.run(main())


@pytest.mark.parametrize(
    "beginning",
    [b"", b"\r\n", b"GET / HTT", b"GET / HTTP/1.1\r\nX: ", b"GET /who HTTP/1.1\r\nHost: x\r\n\r\nGET"],
    ids=["nothing", "empty line", "half a line", "half a head", "second head"],
)
def test_a_head_that_never_ends_is_closed_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beginning: bytes
) -> None:
    monkeypatch.setattr(connection, "HEAD_S", 0.1)

    async def main() -> None:
        async with opened(tmp_path) as door:
            await _until_closed(door, beginning)

    asyncio.run(main())


def test_a_request_in_work_is_given_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_S", 0.1)

    async def pieces() -> AsyncIterator[bytes]:
        end = asyncio.get_running_loop().time() + 0.3
        while asyncio.get_running_loop().time() < end:
            yield b"x"
            await asyncio.sleep(0.02)

    async def main() -> None:
        async with opened(tmp_path) as door, door.client(door.ada) as client:
            assert (await client.post("/prompt", content=pieces())).json() > 1
            assert (await client.post("/prompt", content=b"x")).json() == 1

    asyncio.run(main())


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Length: 10\r\n\r\nhalf",
        b"Content-Length: 10\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n",
    ],
    ids=["half", "nothing", "half in chunks", "no end of trailers"],
)
@pytest.mark.parametrize("who", ["ada", "nobody"])
def test_a_body_that_never_ends_is_closed_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: bytes, who: str
) -> None:
    monkeypatch.setattr(connection, "BODY_S", 0.1)

    async def main() -> None:
        async with opened(tmp_path) as door:
            key = f"Authorization: Bearer {door.ada}\r\n".encode() if who == "ada" else b""
            await _until_closed(door, b"POST /prompt HTTP/1.1\r\nHost: x\r\n" + key + body)

    asyncio.run(main())


def test_a_key_in_a_trailer_is_no_key(tmp_path: Path) -> None:
    """What follows the body is not read as if it stood before it."""

    async def main() -> None:
        async with opened(tmp_path) as door:
            place = urlsplit(door.url)
            reader, writer = await asyncio.open_connection(place.hostname, place.port)
            trailer = f"Authorization: Bearer {door.ada}\r\n\r\n".encode()
            writer.write(CHUNKED + b"2\r\n{}\r\n0\r\n" + trailer)
            assert (await reader.readline()).startswith(b"HTTP/1.1 401 ")
            writer.close()
            await writer.wait_closed()

    asyncio.run(main())


@pytest.mark.parametrize(
    "more",
    [b"Content-Length: 5\r\n\r\nhello", b"X: x\r\n" * 150 + b"\r\n", b"X: " + b"x" * 10_000 + b"\r\n\r\n"],
    ids=["body", "many headers", "long header"],
)
def test_an_upgrade_that_cannot_be_read_is_answered_and_closed(tmp_path: Path, more: bytes) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door:
            place = urlsplit(door.url)
            reader, writer = await asyncio.open_connection(place.hostname, place.port)
            writer.write(UPGRADE + more)
            async with asyncio.timeout(10):
                assert (await reader.read()).startswith(b"HTTP/1.1 4")
            writer.close()
            await writer.wait_closed()

    asyncio.run(main())
