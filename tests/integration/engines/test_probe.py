"""What a probe makes of servers that answer, refuse, hang or lie."""

import asyncio
import time
from collections.abc import Mapping

import pytest
from aiohttp import web

from gesso.engines.probe import Fact, Outcome, Probe
from tests.integration.engines.servers import Handler, Raw, client, listening, serving
from tests.running import free_port

STATS = {"system": {"comfyui_version": "0.3.64"}, "devices": []}


def probe(handler: Handler, *, headers: Mapping[str, str] | None = None, timeout_s: float = 5.0) -> Probe:
    async def main() -> Probe:
        async with serving(handler) as url, client(url, headers) as engine:
            return await engine.probe(timeout_s=timeout_s)

    return asyncio.run(main())


def probe_raw(talk: Raw, timeout_s: float = 5.0) -> Probe:
    async def main() -> Probe:
        async with listening(talk) as url, client(url) as engine:
            return await engine.probe(timeout_s=timeout_s)

    return asyncio.run(main())


def says(answer: bytes) -> Raw:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()

    return talk


async def healthy(request: web.Request) -> web.Response:
    return web.json_response(STATS)


async def guarded(request: web.Request) -> web.Response:
    if request.headers.get("Authorization") != "Bearer right":
        return web.json_response({"error": "who are you"}, status=401)
    return web.json_response(STATS)


async def forbidding(request: web.Request) -> web.Response:
    return web.Response(status=403)


async def login(request: web.Request) -> web.Response:
    if request.path == "/login":
        return web.json_response(STATS)
    raise web.HTTPFound("/login?next=/system_stats")


async def html(request: web.Request) -> web.Response:
    return web.Response(text="<html>Sign in</html>", content_type="text/html")


async def failing(request: web.Request) -> web.Response:
    return web.json_response(STATS, status=503)


def test_healthy_engine_is_alive_and_ready() -> None:
    result = probe(healthy)
    assert (result.outcome, result.alive, result.ready) == (Outcome.OK, Fact.YES, Fact.YES)
    assert result.asked.endswith("/system_stats")
    assert (result.status, result.version) == (200, "0.3.64")
    assert result.content_type == "application/json; charset=utf-8"
    assert result.took_ms > 0
    assert abs(result.at - time.time()) < 60


@pytest.mark.parametrize(
    ("handler", "outcome"),
    [
        (guarded, Outcome.UNAUTHORIZED),
        (forbidding, Outcome.FORBIDDEN),
        (login, Outcome.LOGIN),
        (html, Outcome.HTML),
        (failing, Outcome.SERVER_ERROR),
    ],
)
def test_answering_engine_is_alive_but_not_ready(handler: Handler, outcome: Outcome) -> None:
    result = probe(handler)
    assert (result.outcome, result.alive, result.ready) == (outcome, Fact.YES, Fact.NO)


def test_probe_shows_the_credential_that_traffic_shows() -> None:
    assert probe(guarded, headers={"Authorization": "Bearer right"}).ready is Fact.YES
    assert probe(guarded, headers={"Authorization": "Bearer wrong"}).outcome is Outcome.UNAUTHORIZED


def test_nobody_listening_is_refused() -> None:
    async def main() -> Probe:
        async with client(f"http://127.0.0.1:{free_port()}") as engine:
            return await engine.probe()

    result = asyncio.run(main())
    assert (result.outcome, result.alive, result.ready) == (Outcome.REFUSED, Fact.NO, Fact.NO)


def test_name_that_nobody_has_is_told_from_a_refusal() -> None:
    async def main() -> Probe:
        async with client("http://no-such-host.invalid:8188") as engine:
            return await engine.probe()

    assert asyncio.run(main()).outcome is Outcome.NAME_UNKNOWN


def test_silence_is_unknown_and_ends_in_time() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    started = time.monotonic()
    result = probe_raw(silent, timeout_s=0.2)
    assert time.monotonic() - started < 5.0
    assert (result.outcome, result.alive, result.ready) == (Outcome.TIMED_OUT, Fact.UNKNOWN, Fact.UNKNOWN)


def test_body_that_never_ends_is_unknown_too() -> None:
    async def dripping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n{")
        await reader.read()

    assert probe_raw(dripping, timeout_s=0.2).outcome is Outcome.TIMED_OUT


RAW = {
    "closed without a word": (b"", Outcome.DISCONNECTED),
    "no HTTP": (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", Outcome.NOT_HTTP),
    "closed within the body": (
        b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"system": {',
        Outcome.DISCONNECTED,
    ),
    "closed within a chunk": (
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{"system": {',
        Outcome.DISCONNECTED,
    ),
    "whole answer of half a JSON": (
        b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{"system": {',
        Outcome.NOT_JSON,
    ),
}


@pytest.mark.parametrize("case", RAW)
def test_broken_answer_is_told_apart(case: str) -> None:
    answer, outcome = RAW[case]
    result = probe_raw(says(answer))
    assert result.outcome is outcome
    assert result.ready is not Fact.YES


def test_endless_answer_is_not_read_to_its_end() -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
        while not writer.is_closing():
            writer.write(b" " * 65536)
            await writer.drain()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await endless(reader, writer)
        except ConnectionError:
            return

    assert probe_raw(talk).outcome is Outcome.NOT_JSON
