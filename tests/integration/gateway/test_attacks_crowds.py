"""Many who come and say nothing, or little: they cost a place for a while, and nobody else anything."""

import contextlib
import resource
import socket
import time
from collections.abc import Iterator, Sequence
from typing import Any

import psutil
import pytest

from tests.integration.gateway.conftest import Besieged
from tests.integration.gateway.test_attacks_http import WEBSOCKET
from tests.running import wait_for

MANY = 1000
# On a machine where the tests have two slow cores to themselves it is a few milliseconds.
PATIENCE_S = 5.0


@pytest.fixture(autouse=True, scope="module")
def _places_for_sockets() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4 * MANY)), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextlib.contextmanager
def crowd(port: int, beginning: bytes, count: int = MANY) -> Iterator[Sequence[socket.socket]]:
    """So many connections, each of which has sent only this."""
    with contextlib.ExitStack() as stack:
        lines = []
        for _ in range(count):
            line = stack.enter_context(socket.create_connection(("127.0.0.1", port), 30))
            line.sendall(beginning)
            lines.append(line)
        yield lines


def open_files(besieged: Besieged) -> int:
    assert besieged.service.process is not None
    return psutil.Process(besieged.service.process.pid).num_fds()


def memory(besieged: Besieged) -> int:
    assert besieged.service.process is not None
    return int(psutil.Process(besieged.service.process.pid).memory_info().rss)


def assert_others_are_served(besieged: Besieged) -> None:
    for _ in range(20):
        begun = time.monotonic()
        assert besieged.ada.ask("GET", "/queue").status == 200
        assert besieged.nobody.ask("GET", "/gesso/healthz").status == 200
        assert time.monotonic() - begun < PATIENCE_S


HALF: dict[str, bytes] = {
    "nothing": b"",
    "half a line": b"GET /que",
    "half a head": b"GET /queue HTTP/1.1\r\nHost: x\r\nX-Slow: ",
    "half a WebSocket": "\r\n".join(["GET /ws HTTP/1.1", "Host: x", *WEBSOCKET]).encode(),
    "half a body": b"POST /queue HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nhalf",
    "half a chunk": b"POST /queue HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\nhalf",
}


@pytest.mark.parametrize("name", HALF)
def test_a_thousand_half_requests_cost_others_nothing(besieged: Besieged, name: str) -> None:
    before, weight = open_files(besieged), memory(besieged)
    with crowd(besieged.port, HALF[name]):
        assert_others_are_served(besieged)
        assert memory(besieged) - weight < MANY * 100_000
    wait_for(lambda: open_files(besieged) <= before + 10, 60)


def test_half_bodies_of_a_user_cost_others_nothing(besieged: Besieged) -> None:
    """They are let in, and their routes wait for the rest."""
    before = open_files(besieged)
    for path in ("/prompt", "/upload/image", "/userdata/x", "/gesso/api/keys"):
        half = besieged.head(
            f"POST {path} HTTP/1.1",
            "Content-Type: multipart/form-data; boundary=x",
            "Content-Length: 100000",
            key=besieged.ben.key,
        )
        with crowd(besieged.port, half + b"half", MANY // 4):
            assert_others_are_served(besieged)
    wait_for(lambda: open_files(besieged) <= before + 10, 60)


def test_head_that_comes_letter_by_letter_is_cut_off(besieged: Besieged) -> None:
    """However steadily: the whole of it must be there in time. That the time ends, is tested with less of it
    (`test_connection.py`); here, that many of them at once hold up nobody."""
    with crowd(besieged.port, b"GET /queue HTTP/1.1\r\nX: ", 200) as lines:
        for _ in range(20):
            for line in lines:
                line.sendall(b"x")
        assert_others_are_served(besieged)


def test_who_asks_and_does_not_read_holds_up_nobody(besieged: Besieged) -> None:
    asking = besieged.head("GET /object_info HTTP/1.1", key=besieged.ben.key) * 50
    before, weight = open_files(besieged), memory(besieged)
    with contextlib.ExitStack() as stack:
        for _ in range(50):
            line = socket.socket()
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stack.enter_context(line)
            line.connect(("127.0.0.1", besieged.port))
            line.settimeout(5)
            with contextlib.suppress(OSError):
                line.sendall(asking)
        assert_others_are_served(besieged)
        assert memory(besieged) - weight < 300_000_000
    wait_for(lambda: open_files(besieged) <= before + 10, 60)


def test_sockets_that_leave_without_a_word_are_let_go(besieged: Besieged) -> None:
    opening = besieged.head("GET /ws HTTP/1.1", *WEBSOCKET, key=besieged.ben.key)
    for _ in range(3):
        with crowd(besieged.port, opening, 90) as lines:
            for line in lines:
                assert line.recv(12) == b"HTTP/1.1 101"
            assert_others_are_served(besieged)
        wait_for(lambda: limits_of_ben(besieged)["sockets"]["used"] == 0, 60)


def limits_of_ben(besieged: Besieged) -> Any:
    return besieged.ben.ask("GET", "/gesso/api/limits").json()["limits"]


def test_a_thousand_wrong_keys_are_a_thousand_refusals(besieged: Besieged) -> None:
    """They are not remembered, and the right one is not slowed down by them."""
    for number in range(MANY):
        wrong = {"Authorization": f"Bearer gesso_{number:043d}"}
        assert besieged.nobody.ask("GET", "/queue", None, wrong).status == 401
    assert_others_are_served(besieged)
