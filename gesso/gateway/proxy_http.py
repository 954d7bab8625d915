"""Passes a request through to an engine and its answer back, without holding either in memory."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Sequence

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from gesso.engines.answer import Answer
from gesso.engines.comfyui import ComfyUI
from gesso.errors import EngineError, GessoError, NoEngine

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
OURS = frozenset(
    {
        b"host",
        b"authorization",
        b"cookie",
        b"origin",
        b"referer",
        b"comfy-user",
        b"gesso-engine",
        b"idempotency-key",
        b"forwarded",
        b"x-real-ip",
    }
)
# Answers up to this size are sent in one piece: most of the API, and one system call instead of two.
ONE_PIECE_BYTES = 1 << 16


class Proxied:
    """An ASGI response: an engine's answer to the same method and path.

    Of several engines the first whose status is not in `unless`; one that has not begun to answer after
    `patience_s` is passed over, but for the last. If all answer so, the first's answer. `query` replaces the
    request's own.
    """

    def __init__(
        self,
        engines: Sequence[ComfyUI],
        request: Request,
        path: str,
        *,
        unless: Collection[int] = (),
        patience_s: float | None = None,
        query: str | None = None,
    ) -> None:
        self._engines = engines
        self._request = request
        asked = request.scope["query_string"].decode("latin-1") if query is None else query
        self._target = f"{path}?{asked}" if asked else path
        self._unless = unless
        self._patience_s = patience_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with await self._answer() as answer:
            start = {
                "type": "http.response.start",
                "status": answer.status,
                "headers": [(k, v) for k, v in answer.headers if not _is_kept_back(k.lower())],
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

    async def _answer(self) -> Answer:
        headers = forwarded(self._request.scope["headers"])
        if self._request.method not in ("GET", "HEAD"):
            return await self._with_body(headers)
        missing: Answer | None = None
        failure: EngineError = NoEngine()
        try:
            for number, engine in enumerate(self._engines, 1):
                last = number == len(self._engines)
                try:
                    async with asyncio.timeout(None if last else self._patience_s):
                        answer = await engine.request(self._request.method, self._target, headers=headers)
                except (EngineError, TimeoutError) as error:
                    failure = error if isinstance(error, EngineError) else failure
                    continue
                if answer.status not in self._unless:
                    return answer
                if missing is None:
                    missing = answer
                else:
                    answer.close()
            if missing is None:
                raise failure
            answer, missing = missing, None
            return answer
        finally:
            if missing is not None:
                missing.close()

    async def _with_body(self, headers: list[tuple[str, str]]) -> Answer:
        """Sent on as it comes, and so to one engine only."""
        refused: list[GessoError] = []

        async def body() -> AsyncIterator[bytes]:
            try:
                async for chunk in self._request.stream():
                    yield chunk
            except GessoError as error:
                refused.append(error)
                raise

        try:
            return await self._engines[0].request(
                self._request.method, self._target, headers=headers, body=body()
            )
        except EngineError as error:
            if refused:
                # Too large, say: the engine is not to blame that we stopped sending.
                raise refused[0] from error
            raise


def _is_kept_back(header: bytes) -> bool:
    """Of an engine's answer: what speaks of the connection; cookies, which it would never get back, and
    which must not be taken for ours; and whose pages may read this, which is for us to say."""
    return header in HOP_BY_HOP or header == b"set-cookie" or header.startswith(b"access-control-")


def forwarded(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    """The request headers an engine gets to see."""
    return [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in headers
        if name not in HOP_BY_HOP and name not in OURS and not name.startswith(b"x-forwarded-")
    ]
