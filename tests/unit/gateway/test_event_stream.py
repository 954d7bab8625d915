"""A stream of events: in order, the latest progress only, and ended with its client, key or server."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message

from gesso.gateway import event_stream
from gesso.gateway.event_stream import EVENTS_WAITING, EventStream

WAIT_S = 30.0


@dataclass(slots=True)
class Client:
    """What has been read; `open` is cleared while it does not read, `gone` set when it hangs up."""

    text: str = ""
    whole: bool = False
    open: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    ends: int = 0

    def __post_init__(self) -> None:
        self.open.set()

    async def receive(self) -> Message:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            assert (b"content-type", b"text/event-stream; charset=utf-8") in message["headers"]
            assert all(name != b"content-length" for name, _ in message["headers"])
            return
        await self.open.wait()
        self.text += message["body"].decode()
        self.whole = not message.get("more_body", False)
        self.heard.set()

    async def hears(self, text: str) -> None:
        async with asyncio.timeout(WAIT_S):
            while text not in self.text:
                self.heard.clear()
                await self.heard.wait()


async def nothing() -> list[tuple[str, Any]]:
    return []


def stream_to(
    client: Client, more: Callable[[], Awaitable[list[tuple[str, Any]]]] = nothing, every_s: float = 0.01
) -> EventStream:
    def ended() -> None:
        client.ends += 1

    return EventStream(more=more, every_s=every_s, on_end=ended)


def served(stream: EventStream, client: Client, **scope: Any) -> "asyncio.Task[None]":
    return asyncio.create_task(stream({"type": "http", **scope}, client.receive, client.send))


async def finished(task: "asyncio.Task[None]") -> None:
    async with asyncio.timeout(WAIT_S):
        await task


def test_events_come_in_order_and_the_end_after_them() -> None:
    async def scenario() -> None:
        client = Client()
        stream = stream_to(client)
        stream.send("job", {"state": "running"})
        stream.send("job", {"state": "queued"}, first=True)
        stream.send("job", {"state": "ended\nevent: forged"})
        stream.end()
        await finished(served(stream, client))
        events = [part.split("\n") for part in client.text.strip().split("\n\n")]
        assert events == [
            ["event: job", 'data: {"state": "queued"}'],
            ["event: job", 'data: {"state": "running"}'],
            ["event: job", 'data: {"state": "ended\\nevent: forged"}'],
        ]
        assert client.whole and client.ends == 1

    asyncio.run(scenario())


def test_what_nobody_sends_is_asked_for_again_and_again() -> None:
    async def scenario() -> None:
        asked = 0

        async def more() -> list[tuple[str, Any]]:
            nonlocal asked
            asked += 1
            return [("position", {"place": asked})]

        client = Client()
        task = served(stream_to(client, more), client)
        await client.hears('"place": 3')
        client.gone.set()
        await finished(task)
        assert client.ends == 1

    asyncio.run(scenario())


def test_a_silent_stream_is_kept_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        client = Client()
        task = served(stream_to(client), client)
        await client.hears(": still here\n\n")
        client.gone.set()
        await finished(task)

    monkeypatch.setattr(event_stream, "KEEP_ALIVE_S", 0.02)
    asyncio.run(scenario())


def test_of_progress_only_the_latest_waits() -> None:
    async def scenario() -> None:
        client = Client()
        client.open.clear()
        stream = stream_to(client)
        stream.send("job", {"state": "running"})
        task = served(stream, client)
        for step in range(5 * EVENTS_WAITING):
            stream.send_latest("progress", {"step": step})
        client.open.set()
        await client.hears(f'"step": {5 * EVENTS_WAITING - 1}')
        assert client.text.count("progress") <= 2
        stream.end()
        await finished(task)

    asyncio.run(scenario())


def test_a_client_that_does_not_read_is_let_go_of(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        client = Client()
        client.open.clear()
        stream = stream_to(client)
        task = served(stream, client)
        for number in range(2 * EVENTS_WAITING):
            stream.send("job", {"id": number})
            await asyncio.sleep(0)
        with pytest.raises(ClientDisconnect):
            await finished(task)
        assert client.ends == 1 and not client.whole

    monkeypatch.setattr(event_stream, "CLOSE_S", 0.01)
    asyncio.run(scenario())


def test_a_key_that_is_taken_back_ends_the_stream() -> None:
    async def scenario() -> None:
        client, revoked = Client(), asyncio.Event()

        async def until_revoked() -> str:
            await revoked.wait()
            return "This key was revoked."

        stream = stream_to(client)
        task = served(stream, client, **{"gesso.revoked": until_revoked})
        stream.send("job", {"id": "1"})
        await client.hears('"id": "1"')
        revoked.set()
        await finished(task)
        assert client.whole and client.ends == 1

    asyncio.run(scenario())
