"""A small HTTP/1.1 client on a blocking socket: what it costs itself does not hide what is measured."""

import socket
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

TIMEOUT_S = 60.0
BLOCK = 1 << 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Status and body, the body only as long as it is wanted (see `Connection.drain`)."""

    status: int
    body: bytes


class Connection:
    """One connection, kept open; one request at a time."""

    def __init__(self, url: str, key: str = "") -> None:
        parts = urlsplit(url)
        self._host = f"{parts.hostname}:{parts.port}"
        self._key = f"Authorization: Bearer {key}\r\n" if key else ""
        self._socket = socket.create_connection((str(parts.hostname), int(parts.port or 80)), TIMEOUT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._spare = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def head(self, method: str, path: str, size: int = 0, kind: str = "application/json") -> bytes:
        """A request's head, ready to be sent any number of times."""
        body = f"Content-Type: {kind}\r\nContent-Length: {size}\r\n" if method != "GET" else ""
        return f"{method} {path} HTTP/1.1\r\nHost: {self._host}\r\n{self._key}{body}\r\n".encode()

    def call(self, method: str, path: str, body: bytes = b"", kind: str = "application/json") -> Answer:
        self._socket.sendall(self.head(method, path, len(body), kind) + body)
        status, size = self._read_head()
        return Answer(status=status, body=self._read(size))

    def timed(self, request: bytes) -> float:
        """Seconds from sending a GET, made by `head`, until its answer is there."""
        begun = time.perf_counter()
        self._socket.sendall(request)
        status, size = self._read_head()
        self._read(size)
        took = time.perf_counter() - begun
        if status != 200:
            raise AssertionError(f"{self._host} answered {status} to {request[:80]!r}")
        return took

    def send_large(self, path: str, body: memoryview, kind: str) -> Answer:
        """A POST whose body is not copied."""
        self._socket.sendall(self.head("POST", path, len(body), kind))
        self._socket.sendall(body)
        status, size = self._read_head()
        return Answer(status=status, body=self._read(size))

    def drain(self, path: str) -> int:
        """A GET whose body is counted and thrown away; its size."""
        self._socket.sendall(self.head("GET", path))
        status, size = self._read_head()
        if status != 200:
            raise AssertionError(f"{self._host} answered {status} to {path}")
        got, self._spare = len(self._spare), b""
        block = bytearray(BLOCK)
        while got < size:
            received = self._socket.recv_into(block)
            if not received:
                raise AssertionError(f"{self._host} broke off after {got} of {size} bytes")
            got += received
        return got

    def _read_head(self) -> tuple[int, int]:
        """An answer's status, and how long its body is."""
        while b"\r\n\r\n" not in self._spare:
            received = self._socket.recv(1 << 16)
            if not received:
                raise AssertionError(f"{self._host} closed the connection")
            self._spare += received
        head, self._spare = self._spare.split(b"\r\n\r\n", 1)
        lower = head.lower()
        at = lower.find(b"\r\ncontent-length:")
        if at >= 0:
            size = int(lower[at + 17 :].split(b"\r\n", 1)[0])
        elif b"transfer-encoding: chunked" in lower:
            raise AssertionError(f"{self._host} answered in chunks, which this client does not read")
        else:
            size = 0
        return int(head[9:12]), size

    def _read(self, size: int) -> bytes:
        while len(self._spare) < size:
            received = self._socket.recv(1 << 16)
            if not received:
                raise AssertionError(f"{self._host} broke off")
            self._spare += received
        body, self._spare = self._spare[:size], self._spare[size:]
        return body
