"""The HTTP server: uvicorn, told where to listen and when to stop by us."""

import gc
import logging
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from gesso.errors import ConfigError
from gesso.gateway.connection import Connection

BACKLOG = 2048
# Browsers and libraries reuse connections; a proxy in front must not find one closed that it holds open.
KEEP_ALIVE_S = 75
# How long requests in progress may take to end after gesso was told to stop.
GRACE_S = 5
# A client's WebSocket message: the frontend sends flags of a few hundred bytes.
MESSAGE_BYTES = 1 << 20


# uvicorn takes a WebSocket that was refused with an HTTP answer for one that was not answered; and writes a
# traceback for each message that is no text, with which any client could fill the log.
NO_NEWS = (
    "ASGI callable returned without completing handshake.",
    "Invalid UTF-8 sequence received from client.",
)


def _is_news(record: logging.LogRecord) -> bool:
    return record.getMessage() not in NO_NEWS


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """The bound socket; ConfigError, saying what to do, where the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    with listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise ConfigError(
                f"gesso cannot listen on {host}:{port}: {error.strerror or error}.",
                remedy="Stop what listens there, or choose another address: `gesso up --listen 127.0.0.1:0` "
                "takes a free port, `gateway.listen` in gesso.toml sets it for good.",
            ) from error
        listener.listen(BACKLOG)
        yield listener


class Server(uvicorn.Server):
    """uvicorn without its own signal handling: what stops, and in which order, service.py says."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        on_started: Callable[[], None],
        on_stopping: Sequence[Callable[[], None]] = (),
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                lifespan="off",
                interface="asgi3",
                http=Connection,
                ws="websockets-sansio",
                ws_max_size=MESSAGE_BYTES,
                ws_per_message_deflate=False,
                log_config=None,
                log_level="warning",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=GRACE_S,
            )
        )
        self._on_started = on_started
        self._on_stopping = on_stopping
        logging.getLogger("uvicorn.error").addFilter(_is_news)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # What stands now stands to the end: no collection need walk it again, request after request.
        gc.collect()
        gc.freeze()
        self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # What would go on for ever ends now; the rest has GRACE_S.
        for end in self._on_stopping:
            end()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def stop(self) -> None:
        """Accept no more, let requests in progress end, then return from `serve`."""
        self.should_exit = True
