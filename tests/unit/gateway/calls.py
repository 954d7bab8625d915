"""Calls an ASGI app without a server, and keeps every message it sent."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp


@dataclass(slots=True)
class Answer:
    """What came back, message by message."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    scope: dict[str, Any] = field(default_factory=dict)
    received: int = 0

    @property
    def status(self) -> int:
        return int(next(m["status"] for m in self.messages if m["type"].endswith("response.start")))

    @property
    def headers(self) -> dict[str, str]:
        start = next(m for m in self.messages if m["type"].endswith("response.start"))
        return {name.decode().lower(): value.decode() for name, value in start["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(m.get("body", b"") for m in self.messages if m["type"].endswith("response.body"))

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def types(self) -> list[str]:
        return [message["type"] for message in self.messages]


async def call(
    app: ASGIApp,
    target: str = "/",
    method: str = "GET",
    *,
    headers: Iterable[tuple[str, str]] = (),
    chunks: Iterable[bytes] = (b"",),
    kind: str = "http",
    extensions: dict[str, Any] | None = None,
    scope: dict[str, Any] | None = None,
) -> Answer:
    """One request; `chunks` is its body. A WebSocket connects, and hears of its end."""
    path, _, query = target.partition("?")
    answer = Answer()
    answer.scope = {
        "type": kind,
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
        "client": ("203.0.113.5", 40000),
        "extensions": extensions or {},
        **(scope or {}),
    }
    if kind == "websocket":
        del answer.scope["method"]
        incoming: Iterator[dict[str, Any]] = iter([{"type": "websocket.connect"}])
        end: dict[str, Any] = {"type": "websocket.disconnect", "code": 1005}
    else:
        parts = list(chunks)
        incoming = iter(
            {"type": "http.request", "body": part, "more_body": number < len(parts) - 1}
            for number, part in enumerate(parts)
        )
        end = {"type": "http.disconnect"}

    async def receive() -> dict[str, Any]:
        answer.received += 1
        return next(incoming, end)

    async def send(message: Any) -> None:
        answer.messages.append(dict(message))

    await app(answer.scope, receive, send)
    return answer
