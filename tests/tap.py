"""A tap in front of a server: hands bytes on both ways, and keeps those that were sent to the server."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class Tap:
    """Listens at `url`; `heard` is all that anybody has said to the server behind it."""

    url: str
    _pieces: list[bytes] = field(default_factory=list)

    def heard(self) -> bytes:
        return b"".join(self._pieces)


@contextmanager
def tapped(port: int) -> Iterator[Tap]:
    """A tap on what listens on this port of the loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        tap = Tap(url=f"http://127.0.0.1:{listener.getsockname()[1]}")
        open_: list[socket.socket] = []

        def accept() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    server = socket.create_connection(("127.0.0.1", port))
                    open_.extend((client, server))
                    _start(_pump, client, server, tap._pieces)
                    _start(_pump, server, client, None)

        _start(accept)
        try:
            yield tap
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            for each in open_:
                each.close()


def _start(work: Callable[..., None], *arguments: object) -> None:
    threading.Thread(target=work, args=arguments, daemon=True).start()


def _pump(source: socket.socket, target: socket.socket, keep: list[bytes] | None) -> None:
    with suppress(OSError):
        while piece := source.recv(1 << 16):
            if keep is not None:
                keep.append(piece)
            target.sendall(piece)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
