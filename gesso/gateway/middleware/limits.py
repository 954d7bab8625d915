"""Bounds on what a request may weigh: its headers, and its body even when no length was announced."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gesso.access.identity import Identity
from gesso.config.values import size_text
from gesso.errors import RequestError, TooLarge
from gesso.gateway.responses import raw_path_of

HEADER_COUNT = 200
HEADER_BYTES = 64 * 1024
# Our own routes take small JSON and forms only.
OWN_PREFIX, OWN_BODY_BYTES = "/gesso/", 1024 * 1024


class Limits:
    """Raises TooLarge before the body is read if its length was announced, else when it becomes too long.

    An account may be allowed less: who asks is known by the time that a route reads the body.
    """

    def __init__(self, app: ASGIApp, *, body_bytes: int) -> None:
        self._app = app
        self._body_bytes = body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        announced = _check_headers(scope)
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
            return
        path = raw_path_of(scope)
        limit = min(self._body_bytes, OWN_BODY_BYTES) if path.startswith(OWN_PREFIX) else self._body_bytes
        if announced > limit:
            raise _too_large(limit)
        taken = 0

        async def counting() -> Message:
            nonlocal taken
            own = None if path.startswith(OWN_PREFIX) else _own_limit(scope)
            if own is not None and announced > own:
                raise _too_large_for_account(own)
            message = await receive()
            if message["type"] == "http.request":
                taken += len(message.get("body", b""))
                if taken > limit:
                    raise _too_large(limit)
                if own is not None and taken > own:
                    raise _too_large_for_account(own)
            return message

        await self._app(scope, counting, send)


def _check_headers(scope: Scope) -> int:
    """The announced length of the body, 0 if none is. TooLarge for headers out of all proportion;
    RequestError for two hosts."""
    headers = scope["headers"]
    size = len(scope.get("raw_path") or b"") + len(scope.get("query_string", b""))
    length = hosts = 0
    for name, value in headers:
        size += len(name) + len(value)
        if name == b"content-length" and value.isdigit():
            length = int(value)
        hosts += name == b"host"
    if hosts > 1:
        # A proxy in front might have gone by the other one. RFC 9112, 3.2.
        raise RequestError("The request names more than one host.")
    if len(headers) > HEADER_COUNT or size > HEADER_BYTES:
        raise TooLarge(
            f"The request has more than {HEADER_COUNT} headers, or {HEADER_BYTES} bytes of them.",
            remedy="Send fewer headers; in a browser, clear the cookies of this site.",
        )
    return length


def _own_limit(scope: Scope) -> int | None:
    identity: Identity | None = scope.get("gesso.identity")
    return None if identity is None else identity.allowance.body


def _too_large_for_account(limit: int) -> TooLarge:
    return TooLarge(
        f"The request's body is larger than {size_text(limit)}, which is your limit.",
        remedy="Send less, or ask an administrator for more.",
    )


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The request's body is larger than the {limit} bytes that this address takes.")
