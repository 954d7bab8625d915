"""ETags: whoever asks again for what has not changed is told so in a few bytes."""

import hashlib

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


def etag_of(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def is_known(asked: Headers, etag: str) -> bool:
    """Whether the request says that its sender has this already."""
    known = asked.get("if-none-match", "")
    return any(each.strip().removeprefix("W/") in (etag, "*") for each in known.split(","))


class Unchanged:
    """Gives JSON answers to GET an ETag, and 304 in place of one that the caller has."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        held: Message | None = None
        body = b""

        async def holding(message: Message) -> None:
            nonlocal held, body
            if message["type"] == "http.response.start" and _is_json(message):
                held = message
            elif held is None:
                await send(message)
            else:
                body += message.get("body", b"")
                if not message.get("more_body", False):
                    await _answer(scope, held, body, send)

        await self._app(scope, receive, holding)


def _is_json(message: Message) -> bool:
    """A whole answer, of known length: what comes in pieces is not held back."""
    headers = Headers(raw=message["headers"])
    whole = message["status"] == 200 and "content-length" in headers
    return whole and headers.get("content-type", "").startswith("application/json")


async def _answer(scope: Scope, start: Message, body: bytes, send: Send) -> None:
    etag = etag_of(body)
    headers = MutableHeaders(raw=[*start["headers"]])
    headers["etag"] = etag
    if is_known(Headers(scope=scope), etag):
        for name in ("content-length", "content-type"):
            del headers[name]
        start, body = {**start, "status": 304}, b""
    await send({**start, "headers": headers.raw})
    await send({"type": "http.response.body", "body": body})
