"""uvicorn's connection, bounded: what a stranger sends ends in time and in size."""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# From the first byte (or the opening) to the end of a request's head.
HEAD_S = 30.0
# Without a byte of a body that was announced, while we would read it.
BODY_S = 60.0
# Head, trailers and the framing of chunks. More than one read from the network brings, since a read may
# hold the end of one request and the beginning of the next; the limit that clients are told is lower.
AROUND_BODY_BYTES = 512 * 1024


class Connection(HttpToolsProtocol):
    """Closes what sends too slowly, or a head without end: uvicorn would wait, and keep all of it."""

    _waiting = True  # for the end of a head
    _unfinished = False  # a body
    _deadline: asyncio.TimerHandle | None = None
    _received = 0
    _body = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._arm(HEAD_S)

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._received += len(data)
        if self._received - self._body > AROUND_BODY_BYTES + self._body // 4:
            self.transport.abort()
        elif self._unfinished and not self._is_answered():
            self._arm(BODY_S)
        elif self._deadline is None and self._is_idle():
            self._arm(HEAD_S)

    def on_message_begin(self) -> None:
        self._waiting, self._received, self._body = True, 0, 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        # What follows a body must not count as if it had stood before it: who asks is known by then.
        if self._waiting:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._waiting, self._unfinished = False, True
        self._disarm()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._body += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._unfinished = False
        self._disarm()
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        self._unfinished = self._waiting = False
        self._disarm()
        super().handle_websocket_upgrade()
        # It says nothing, and waits for ever, where the head is none that it can read.
        if not getattr(self.transport.get_protocol(), "handshake_initiated", True):
            self.send_400_response("This cannot become a WebSocket: it has a body, or too large headers.")

    def _is_idle(self) -> bool:
        """Whether what arrives belongs to no request in work: to a head, or to a body answered already."""
        return self._waiting or (self._is_answered() and self.timeout_keep_alive_task is None)

    def _is_answered(self) -> bool:
        return self.cycle is not None and self.cycle.response_complete

    def _arm(self, seconds: float) -> None:
        self._disarm()
        self._deadline = self.loop.call_later(seconds, self._late)

    def _late(self) -> None:
        if self._unfinished and self.flow.read_paused:
            self._arm(BODY_S)  # it is we who do not read
        else:
            self.timeout_keep_alive_handler()

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
