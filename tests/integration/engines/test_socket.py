"""One socket to an engine: it negotiates, sorts, comes back, and is not held up by a slow listener."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiohttp import web

from gesso.engines.socket import Listener, Message, Reconnected, Socket
from gesso.protocol.frames import PreviewWithMetadata, encode_preview_with_metadata
from tests.integration.engines.servers import client, serving

LIMIT_S = 10.0


class Stage:
    """A server whose sockets the test speaks through: `told` is what each client said."""

    def __init__(self) -> None:
        self.sockets: asyncio.Queue[web.WebSocketResponse] = asyncio.Queue()
        self.told: asyncio.Queue[Any] = asyncio.Queue()
        self.asked: list[web.Request] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await self.sockets.put(socket)
        async for frame in socket:
            await self.told.put(json.loads(frame.data))
        return socket

    async def next(self) -> web.WebSocketResponse:
        async with asyncio.timeout(LIMIT_S):
            return await self.sockets.get()


@asynccontextmanager
async def connected(stage: Stage) -> AsyncIterator[Socket]:
    async with serving(stage.handle) as url, client(url, {"Authorization": "Bearer ours"}) as engine:
        socket = Socket(engine, "us")
        running = asyncio.create_task(socket.run())
        try:
            yield socket
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running


async def heard(listener: Listener) -> Any:
    async with asyncio.timeout(LIMIT_S):
        return await listener.get()


def message(kind: str, **data: Any) -> str:
    return json.dumps({"type": kind, "data": data})


def test_first_thing_said_is_what_we_understand() -> None:
    async def main() -> None:
        stage = Stage()
        async with connected(stage) as socket:
            assert await socket.opened(LIMIT_S)
            upstream = await stage.next()
            flags = {"type": "feature_flags", "data": {"supports_preview_metadata": True}}
            async with asyncio.timeout(LIMIT_S):
                assert await stage.told.get() == flags
            assert stage.asked[0].query["clientId"] == "us"
            assert stage.asked[0].headers["Authorization"] == "Bearer ours"
            await upstream.close()

    asyncio.run(main())


def test_listener_hears_its_prompt_in_order_and_nothing_else() -> None:
    async def main() -> None:
        stage = Stage()
        async with connected(stage) as socket:
            upstream = await stage.next()
            assert await socket.opened(LIMIT_S)
            async with (
                socket.listen("a") as mine,
                socket.listen("a") as also_mine,
                socket.listen("b") as other,
            ):
                await upstream.send_str(message("execution_start", prompt_id="a"))
                picture = PreviewWithMetadata(metadata={"prompt_id": "a"}, image=b"jpeg")
                await upstream.send_bytes(encode_preview_with_metadata(picture.metadata, picture.image))
                await upstream.send_str("rubbish")
                await upstream.send_bytes(b"rubbish")
                await upstream.send_str(message("executing", node=None, prompt_id="a"))
                for listener in (mine, also_mine):
                    assert await heard(listener) == Message(type="execution_start", data={"prompt_id": "a"})
                    assert await heard(listener) == PreviewWithMetadata(
                        metadata={"prompt_id": "a"}, image=b"jpeg"
                    )
                    assert (await heard(listener)).data == {"node": None, "prompt_id": "a"}
                assert other.empty()
            # Nobody listens any more: what comes is dropped.
            await upstream.send_str(message("execution_start", prompt_id="a"))
            await upstream.close()

    asyncio.run(main())


def test_socket_comes_back_and_tells_listeners_that_they_missed_something() -> None:
    async def main() -> None:
        stage = Stage()
        async with connected(stage) as socket:
            upstream = await stage.next()
            assert await socket.opened(LIMIT_S)
            await upstream.send_str(message("status", status={"exec_info": {"queue_remaining": 1}}))
            async with socket.listen("a") as mine:
                await upstream.send_str(message("execution_start", prompt_id="a"))
                assert (await heard(mine)).type == "execution_start"
                assert (socket.queue_remaining, socket.executing) == (1, "a")
                await upstream.close()
                again = await stage.next()
                assert await heard(mine) == Reconnected()
                assert socket.connections == 2
                # What it did before is unknown now, not idle.
                assert (socket.queue_remaining, socket.executing) == (None, None)
                await again.send_str(message("progress", prompt_id="a", value=1))
                assert (await heard(mine)).type == "progress"
            await again.close()

    asyncio.run(main())


def test_socket_waits_for_an_engine_that_is_not_there_yet() -> None:
    async def main() -> None:
        stage = Stage()
        async with serving(stage.handle) as url, client("http://127.0.0.1:9") as engine:
            socket = Socket(engine, "us")
            running = asyncio.create_task(socket.run())
            assert not await socket.opened(0.2)
            assert not socket.connected
            engine.url = url
            assert await socket.opened(LIMIT_S)
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
            assert not socket.connected

    asyncio.run(main())


def test_engine_that_refuses_the_upgrade_is_tried_again() -> None:
    async def main() -> None:
        tries: list[int] = []
        stage = Stage()

        async def handle(request: web.Request) -> web.StreamResponse:
            tries.append(1)
            return web.Response(status=401) if len(tries) < 3 else await stage.handle(request)

        async with serving(handle) as url, client(url) as engine:
            socket = Socket(engine, "us")
            running = asyncio.create_task(socket.run())
            async with asyncio.timeout(LIMIT_S):
                while not socket.connected:
                    socket.hurry()
                    await asyncio.sleep(0.01)
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
        assert len(tries) == 3

    asyncio.run(main())


def test_listener_that_never_reads_holds_up_nobody() -> None:
    async def main() -> None:
        stage = Stage()
        async with connected(stage) as socket:
            upstream = await stage.next()
            assert await socket.opened(LIMIT_S)
            async with socket.listen("slow") as slow, socket.listen("quick") as quick:
                for number in range(200):
                    await upstream.send_bytes(
                        encode_preview_with_metadata({"prompt_id": "slow"}, bytes(10_000))
                    )
                    await upstream.send_str(message("progress", prompt_id="slow", value=number))
                await upstream.send_str(message("execution_success", prompt_id="quick"))
                assert (await heard(quick)).type == "execution_success"
                items = [slow.get_nowait() for _ in range(slow.qsize())]
            values = [each.data["value"] for each in items if isinstance(each, Message)]
            assert values == list(range(200))
            assert sum(isinstance(each, PreviewWithMetadata) for each in items) < 10
            await upstream.close()

    asyncio.run(main())


def test_large_messages_are_taken() -> None:
    async def main() -> None:
        stage = Stage()
        async with connected(stage) as socket:
            upstream = await stage.next()
            assert await socket.opened(LIMIT_S)
            async with socket.listen("a") as mine:
                await upstream.send_str(message("executed", prompt_id="a", text="x" * (8 << 20)))
                assert len((await heard(mine)).data["text"]) == 8 << 20
            await upstream.close()

    asyncio.run(main())


def test_wait_for_the_socket_can_be_cancelled_in_the_very_moment_it_opens() -> None:
    async def main() -> None:
        async with client("http://127.0.0.1:9") as engine:
            socket = Socket(engine, "us")
            waiting = asyncio.create_task(socket.opened(LIMIT_S))
            await asyncio.sleep(0)
            socket._open.set()
            waiting.cancel()
            done, _ = await asyncio.wait({waiting})
            assert done.pop().cancelled()

    asyncio.run(main())
