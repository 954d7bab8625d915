"""The outermost layer: gives each request an id and writes the access log, without what is secret."""

import logging
import re
import secrets
import time
from urllib.parse import unquote_plus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gesso.gateway.responses import raw_path_of
from gesso.logs import request_id

logger = logging.getLogger("gesso.access_log")

# An id that a proxy in front has given is kept, if it cannot do harm in a log line.
GIVEN_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")
SECRET_NAMES = frozenset(
    {
        "token",
        "key",
        "api_key",
        "apikey",
        "access_token",
        "auth",
        "password",
        "secret",
        "clientid",
        "sid",
        "signature",
    }
)
KEY = re.compile(r"gesso(?:_|%5[fF])[A-Za-z0-9_%-]{8,}")
QUIET = frozenset({"/gesso/healthz", "/gesso/readyz", "/gesso/metrics"})
# A client that closed first, in nginx's way of counting.
CLOSED_EARLY = 499


class RequestLog:
    """Puts the id into scope["gesso.request_id"], the log's context and the answer's X-Request-Id."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        name = scope["gesso.request_id"] = _given_id(scope) or secrets.token_hex(8)
        header = (b"x-request-id", name.encode())
        status = CLOSED_EARLY
        begun = time.perf_counter()

        async def noting(message: Message) -> None:
            nonlocal status
            kind = message["type"]
            if kind == "http.response.start" or kind == "websocket.http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), header]
            elif kind == "websocket.accept":
                status = 101
            elif kind == "websocket.close" and status == CLOSED_EARLY:
                status = 403
            await send(message)

        token = request_id.set(name)
        try:
            await self._app(scope, receive, noting)
        finally:
            self._write(scope, status, (time.perf_counter() - begun) * 1000)
            request_id.reset(token)

    def _write(self, scope: Scope, status: int, took_ms: float) -> None:
        path = raw_path_of(scope)
        level = logging.DEBUG if path in QUIET else logging.INFO
        if logger.isEnabledFor(level):
            identity = scope.get("gesso.identity")
            method = "WEBSOCKET" if scope["type"] == "websocket" else scope["method"]
            shown = shown_target(*scope.get("gesso.shown", (path, scope.get("query_string", b""))))
            account = "-" if identity is None else identity.name
            logger.log(level, "%s %s %d %.1f ms %s", method, shown, status, took_ms, account)


def shown_target(path: str, query: bytes) -> str:
    """Path and query for a log line: printable ASCII, values of secret parameters as `***`, keys nowhere."""
    target = path
    if query:
        target += "?" + "&".join(_shown_pair(pair) for pair in query.decode("latin-1").split("&"))
    if "gesso" in target:
        target = KEY.sub("***", target)
    if not target.isascii() or not target.isprintable():
        target = target.encode("unicode_escape").decode("ascii")
    return target if len(target) <= 2000 else target[:2000] + "…"


def _shown_pair(pair: str) -> str:
    name, equals, _ = pair.partition("=")
    return f"{name}=***" if equals and unquote_plus(name).lower() in SECRET_NAMES else pair


def _given_id(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            return value.decode() if GIVEN_ID.fullmatch(value) else None
    return None
