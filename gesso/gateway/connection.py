"""uvicorn's connection, bounded: what a stranger sends ends in time and in size."""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# From the first byte (or the opening) to the end of a request's head.
HEAD_S = 30.0
# Head, trailers and the framing of chunks. More than one read from the network brings, since a read may
# hold the end of one request and the beginning of the next; the limit that clients are told is lower.
AROUND_BODY_BYTES = 512 * 1024


class Connection(HttpToolsProtocol):
    """Closes what sends a head too slowly, or without end: uvicorn would wait, and keep all of it."""

    _waiting = True  # for the end of a head
    _deadline: asyncio.TimerHandle | None = None
    _received = 0
    _body = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._received += len(data)
        if self._received - self._body > AROUND_BODY_BYTES + self._body // 4:
            self.transport.abort()
        elif self._deadline is None and self._is_idle():
            self._arm()

    def on_message_begin(self) -> None:
        self._waiting, self._received, self._body = True, 0, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._waiting = False
        self._disarm()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._body += len(body)
        super().on_body(body)

    def _is_idle(self) -> bool:
        """Whether what arrives belongs to no request in work: to a head, or to a body answered already."""
        answered = self.cycle is not None and self.cycle.response_complete
        return self._waiting or (answered and self.timeout_keep_alive_task is None)

    def _arm(self) -> None:
        self._deadline = self.loop.call_later(HEAD_S, self.timeout_keep_alive_handler)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
