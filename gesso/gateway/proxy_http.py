"""Passes a request through to an engine and its answer back, without holding either in memory."""

from collections.abc import Iterable

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from gesso.engines.comfyui import ComfyUI

# RFC 9110 §7.6.1: these speak of one connection, not of the message.
HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
# What identifies the caller to us is nobody else's business; Origin is judged by us, and ComfyUI
# would refuse a foreign one on loopback; Comfy-User is a claim, and who the user is we know.
OURS = frozenset({b"host", b"authorization", b"cookie", b"origin", b"referer", b"comfy-user"})
# Answers up to this size are sent in one piece: most of the API, and one system call instead of two.
ONE_PIECE_BYTES = 1 << 16


class Proxied:
    """An ASGI response: the engine's answer to the same method and path."""

    def __init__(self, engine: ComfyUI, request: Request, path: str) -> None:
        self._engine = engine
        self._request = request
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = self._request
        query = request.scope["query_string"].decode("latin-1")
        target = f"{self._path}?{query}" if query else self._path
        headers = forwarded(request.scope["headers"])
        has_body = request.method not in ("GET", "HEAD")
        body = request.stream() if has_body else None
        async with await self._engine.request(request.method, target, headers=headers, body=body) as answer:
            start = {
                "type": "http.response.start",
                "status": answer.status,
                "headers": [(k, v) for k, v in answer.headers if k.lower() not in HOP_BY_HOP],
            }
            if answer.size is not None and answer.size <= ONE_PIECE_BYTES:
                content = await answer.read()
                await send(start)
                await send({"type": "http.response.body", "body": content})
                return
            await send(start)
            async for chunk in answer.chunks():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})


def forwarded(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    """The request headers an engine gets to see."""
    return [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in headers
        if name not in HOP_BY_HOP and name not in OURS and not name.startswith(b"x-forwarded-")
    ]
