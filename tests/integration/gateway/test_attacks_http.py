"""Bytes that are no HTTP, or more than one thing at once: each ends in a clear refusal or a close."""

import re
import time

import pytest

from tests.integration.gateway.conftest import Besieged
from tests.integration.gateway.raw_http import Outcome, exchange

# What a smuggler wants answered as a request of its own.
SECOND = "GET /gesso/healthz?smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
POST, GET, WS = (f"{start} HTTP/1.1" for start in ("POST /queue", "GET /queue", "GET /ws"))
END = "0\r\n\r\n"
CHUNKED = "Transfer-Encoding: chunked"
WEBSOCKET = (
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)

# First line, headers, what follows the head. Each is refused, and what follows is not taken for a request.
SMUGGLED: dict[str, tuple[str, tuple[str, ...], str]] = {
    "two lengths": (POST, ("Content-Length: 2", "Content-Length: 60"), "{}"),
    "the same length twice": (
        POST,
        ("Content-Length: 2", "Content-Length: 2"),
        "{}",
    ),
    "list of lengths": (POST, ("Content-Length: 2, 2",), "{}"),
    "negative length": (POST, ("Content-Length: -2",), "{}"),
    "length with a sign": (POST, ("Content-Length: +2",), "{}"),
    "length in hex": (POST, ("Content-Length: 0x2",), "{}"),
    "length of thirty digits": (POST, ("Content-Length: " + "9" * 30,), "{}"),
    "length and chunks": (POST, ("Content-Length: 5", CHUNKED), END),
    "chunks and length": (POST, (CHUNKED, "Content-Length: 5"), END),
    "identity": (POST, ("Transfer-Encoding: identity",), "{}"),
    "chunked, then identity": (
        POST,
        ("Transfer-Encoding: chunked, identity",),
        END,
    ),
    "two transfer encodings": (
        POST,
        (CHUNKED, "Transfer-Encoding: identity"),
        END,
    ),
    "xchunked": (POST, ("Transfer-Encoding: xchunked",), END),
    "chunked after a tab": (
        POST,
        ("Transfer-Encoding: \x0bchunked",),
        END,
    ),
    "space before the colon": (
        POST,
        ("Transfer-Encoding : chunked",),
        END,
    ),
    "chunks in HTTP/1.0": ("POST /queue HTTP/1.0", (CHUNKED,), END),
    "chunk size that is none": (POST, (CHUNKED,), "zz\r\n{}\r\n0\r\n\r\n"),
    "negative chunk": (POST, (CHUNKED,), "-2\r\n{}\r\n0\r\n\r\n"),
    "chunk beyond all numbers": (
        POST,
        (CHUNKED,),
        "F" * 17 + "\r\n{}\r\n0\r\n\r\n" + SECOND,
    ),
    "chunk that is longer": (POST, (CHUNKED,), "2\r\n{}0\r\n\r\n"),
    "chunks with bare line feeds": (POST, (CHUNKED,), "2\n{}\n0\n\n"),
    "folded header": (GET, ("X: a\r\n Content-Length: 60",), ""),
    "carriage return in a header": (GET, ("X: a\rContent-Length: 60",), ""),
    "line feed in a header": (GET, ("X: a\nContent-Length: 60",), ""),
    "NUL in a header": (GET, ("X: a\0b",), ""),
    "NUL in the path": ("GET /queue\0 HTTP/1.1", (), ""),
    "header without a name": (GET, (": x",), ""),
    "header with brackets": (GET, ("X(): x",), ""),
    "CONNECT": ("CONNECT elsewhere.example:443 HTTP/1.1", (), ""),
    "WebSocket with a body": (WS, (*WEBSOCKET, "Content-Length: 5"), "hello"),
}


@pytest.mark.parametrize("name", SMUGGLED)
def test_request_of_two_meanings_has_none(besieged: Besieged, name: str) -> None:
    first, headers, rest = SMUGGLED[name]
    outcome = exchange(besieged.port, besieged.head(first, *headers) + (rest + SECOND).encode())
    assert len(outcome.statuses) == 1 and 400 <= outcome.statuses[0] < 500, outcome
    assert outcome.closed
    assert '"alive"' not in outcome.text


# First line, headers, and what must come: the status, or None for a close without a word.
ODD: dict[str, tuple[str, tuple[str, ...], int | None]] = {
    "asterisk": ("OPTIONS * HTTP/1.1", (), 404),
    "asterisk to get": ("GET * HTTP/1.1", (), 404),
    "path without a slash": ("GET queue HTTP/1.1", (), 400),
    "path of another system": (r"GET \\elsewhere\queue HTTP/1.1", (), 400),
    "fragment": ("GET /gesso/login#/../queue HTTP/1.1", (), 200),
    "method in lower case": ("get /queue HTTP/1.1", (), 400),
    "TRACE": ("TRACE /queue HTTP/1.1", (), 405),
    "PROPFIND": ("PROPFIND /queue HTTP/1.1", (), 405),
    "method of 5 000 letters": ("A" * 5000 + " /queue HTTP/1.1", (), 400),
    "path of 200 000 letters": ("GET /" + "a" * 200_000 + " HTTP/1.1", (), 400),
    "query of 200 000 letters": ("GET /queue?" + "a" * 200_000 + " HTTP/1.1", (), 400),
    "HTTP/2": ("PRI * HTTP/2.0", (), 400),
    "HTTP/9.9": ("GET /queue HTTP/9.9", (), 400),
    "upgrade to HTTP/2": (
        "GET /queue HTTP/1.1",
        ("Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings"),
        200,
    ),
    "two hosts": (GET, ("Host: elsewhere",), 400),
    "two keys": (GET, ("Authorization: Bearer x",), 401),
    "WebSocket's address without an upgrade": (WS, (), 404),
    "WebSocket elsewhere": (GET, WEBSOCKET, 404),
    "WebSocket under a climbing path": ("GET /x/../ws HTTP/1.1", WEBSOCKET, 404),
    "WebSocket under an encoded path": ("GET /%2e%2e/ws HTTP/1.1", WEBSOCKET, 404),
    "WebSocket by POST": ("POST /ws HTTP/1.1", WEBSOCKET, 405),
    "WebSocket of an old version": (
        WS,
        tuple(each.replace("13", "7") for each in WEBSOCKET),
        400,
    ),
    "WebSocket without a nonce": (WS, WEBSOCKET[:3], 400),
    "WebSocket with three hundred headers": (WS, (*WEBSOCKET, *["X: x"] * 300), 400),
    "three hundred headers": (GET, ("X: x",) * 300, 413),
    "header of 100 000 letters": (GET, ("X: " + "x" * 100_000,), 413),
    "ten thousand cookies": (GET, ("Cookie: " + "a=b; " * 10_000,), 200),
    "body that is announced as endless": (POST, (f"Content-Length: {2**63 - 1}",), 413),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_request_is_told_what_is_wrong(besieged: Besieged, name: str) -> None:
    first, headers, expected = ODD[name]
    outcome = exchange(besieged.port, besieged.head(first, *headers))
    assert outcome.statuses == (() if expected is None else (expected,)), outcome.text[:500]


RUBBISH = {
    "TLS": bytes.fromhex("16030100a5010000a10303") + b"x" * 160,
    "bytes": b"\0\xff" * 500,
    "empty lines": b"\r\n" * 100 + b"rubbish\r\n\r\n",
    "HTTP/0.9": b"GET /queue\r\n\r\n",
    "no key": b"GET /queue HTTP/1.0\r\n\r\n",
    "bare line feeds": b"GET /queue HTTP/1.1\nHost: x\n\n",
    "SSH": b"SSH-2.0-OpenSSH_9.7\r\n",
    "SMB": bytes.fromhex("000000a4ff534d42720000000018012800000000"),
}


@pytest.mark.parametrize("name", RUBBISH)
def test_what_speaks_another_protocol_is_refused_and_closed(besieged: Besieged, name: str) -> None:
    outcome = exchange(besieged.port, RUBBISH[name])
    assert outcome.closed and outcome.statuses in ((400,), (401,)), outcome


def test_each_request_on_a_connection_proves_itself(besieged: Besieged) -> None:
    both = besieged.head("GET /gesso/api/whoami HTTP/1.1") + besieged.head(
        "GET /gesso/api/whoami HTTP/1.1", key=""
    )
    outcome = exchange(besieged.port, both, quiet_s=1.0)
    assert outcome.statuses == (200, 401), outcome


@pytest.mark.parametrize("host", ["elsewhere.example", 'x"><script>', "x/../y", "127.0.0.1:1", "", "[::1]"])
def test_name_of_the_host_is_repeated_nowhere(besieged: Besieged, host: str) -> None:
    """No cache can be poisoned with it, and nobody be led elsewhere."""
    for path in ("/", "/gesso", "/gesso/", "/gesso/login?next=/x", "/gesso/logout", "/nope"):
        head = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-Host: {host}\r\nAccept: text/html\r\n\r\n"
        outcome = exchange(besieged.port, head.encode(), quiet_s=0.1)
        assert outcome.statuses and outcome.statuses[0] < 500
        assert not host or host not in outcome.text
        location = re.search(r"(?im)^location: (.*)$", outcome.text)
        assert location is None or location[1].startswith("/gesso/")


def websocket_frame(first: int, payload: bytes, *, mask: bool = True, length: int | None = None) -> bytes:
    """A frame; `length` is what it says it holds."""
    size = len(payload) if length is None else length
    kind = size if size < 126 else 126 if size < 1 << 16 else 127
    extended = b"" if size < 126 else size.to_bytes(2 if size < 1 << 16 else 8, "big")
    head = bytes([first, kind | (0x80 if mask else 0)]) + extended
    return head + (b"\0\0\0\0" if mask else b"") + payload


TEXT, CONTINUED, PING, CLOSE, LAST = 1, 0, 9, 8, 0x80
FRAMES: dict[str, bytes] = {
    "an endless message": websocket_frame(LAST | TEXT, b"x", length=1 << 62),
    "a message beyond the limit": websocket_frame(LAST | TEXT, b"x" * (2 << 20)),
    "one in many pieces": websocket_frame(TEXT, b"x" * (1 << 19))
    + websocket_frame(CONTINUED, b"x" * (1 << 19)) * 4,
    "one without a mask": websocket_frame(LAST | TEXT, b"{}", mask=False),
    "reserved bits": websocket_frame(LAST | 0x70 | TEXT, b"{}"),
    "an unknown kind": websocket_frame(LAST | 5, b"{}"),
    "a continuation of nothing": websocket_frame(LAST | CONTINUED, b"{}"),
    "a message within a message": websocket_frame(TEXT, b"a") + websocket_frame(LAST | TEXT, b"b"),
    "a ping in pieces": websocket_frame(PING, b"x"),
    "a ping of 200 bytes": websocket_frame(LAST | PING, b"x" * 200),
    "no text": websocket_frame(LAST | TEXT, b"\xff\xfe"),
    "a close of one byte": websocket_frame(LAST | CLOSE, b"x"),
    "a close with no code": websocket_frame(LAST | CLOSE, (5).to_bytes(2, "big")),
    "no frames at all": b"GET / HTTP/1.1\r\n\r\n",
}


@pytest.mark.parametrize("name", FRAMES)
def test_frame_that_breaks_the_rules_ends_its_socket(besieged: Besieged, name: str) -> None:
    opening = besieged.head("GET /ws HTTP/1.1", *WEBSOCKET)
    outcome = exchange(besieged.port, opening, FRAMES[name], wait_s=20, quiet_s=20)
    assert outcome.statuses == (101,)
    assert outcome.closed, "the socket is still open"
    assert besieged.ada.ask("GET", "/queue").status == 200


def test_flood_of_pings_and_messages_delays_nobody(besieged: Besieged) -> None:
    flood = websocket_frame(LAST | PING, b"x") * 20_000 + websocket_frame(LAST | TEXT, b"{}") * 20_000
    begun = time.monotonic()
    opening = besieged.head("GET /ws HTTP/1.1", *WEBSOCKET)
    outcome = exchange(besieged.port, opening, flood, quiet_s=1.0)
    assert outcome.statuses == (101,)
    assert besieged.ada.ask("GET", "/queue").status == 200
    assert time.monotonic() - begun < 30


def test_tests_can_tell_a_good_request(besieged: Besieged) -> None:
    """The refusals above are of what is wrong, and not of how it is sent."""
    good: Outcome = exchange(besieged.port, besieged.head(POST, "Content-Length: 2") + b"{}")
    assert good.statuses == (200,)
    chunks = besieged.head(POST, CHUNKED) + b"2\r\n{}\r\n0\r\n\r\n"
    assert exchange(besieged.port, chunks + SECOND.encode(), quiet_s=1.0).statuses == (200, 200)
