"""Bytes that no client library would send, and what comes back for them."""

import re
import socket
import time
from contextlib import suppress
from dataclasses import dataclass

CHUNK = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a connection gave: the statuses of its answers in order, all its bytes, whether it was closed."""

    statuses: tuple[int, ...]
    content: bytes
    closed: bool

    @property
    def text(self) -> str:
        return self.content.decode("latin-1")


def exchange(
    port: int, sent: bytes, then: bytes = b"", *, wait_s: float = 10.0, quiet_s: float = 0.3
) -> Outcome:
    """Send, `then` when an answer has begun; read until the server closes, or is silent for `quiet_s`."""
    received, closed = b"", False
    with socket.create_connection(("127.0.0.1", port), wait_s) as line:
        with suppress(ConnectionError):
            line.sendall(sent)
        deadline = time.monotonic() + wait_s
        while time.monotonic() < deadline:
            line.settimeout(quiet_s if received else max(0.01, deadline - time.monotonic()))
            try:
                part = line.recv(CHUNK)
            except TimeoutError:
                break
            except ConnectionError:
                part = b""
            if not part:
                closed = True
                break
            received += part
            if then:
                with suppress(ConnectionError):
                    line.sendall(then)
                then = b""
    return Outcome(statuses=statuses(received), content=received, closed=closed)


def statuses(received: bytes) -> tuple[int, ...]:
    """Of all answers in a stream of bytes."""
    return tuple(int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", received))
