"""The engine client against a real server: a whole run, a cancelled one, and files both ways."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from gesso.engines.comfyui import Absent, Cancellation, ComfyUI, Finished, Pending, Running
from gesso.engines.probe import Fact
from gesso.engines.socket import Listener, Message, Socket
from gesso.errors import InvalidWorkflow
from gesso.protocol.files import FileRef, output_files
from gesso.protocol.frames import PreviewWithMetadata
from tests.integration.engines.servers import client
from tests.running import running_sketch

LIMIT_S = 30.0


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_sketch(tmp_path_factory.mktemp("sketch") / "engine") as sketch:
        yield sketch.url


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[tuple[ComfyUI, Socket]]:
    async with client(url) as engine:
        socket = Socket(engine, f"test-{uuid.uuid4().hex}")
        running = asyncio.create_task(socket.run())
        assert await socket.opened(LIMIT_S)
        try:
            yield engine, socket
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running


def with_engine(url: str, act: Callable[[ComfyUI, Socket], Coroutine[Any, Any, Any]]) -> Any:
    async def main() -> Any:
        async with connected(url) as (engine, socket), asyncio.timeout(LIMIT_S):
            return await act(engine, socket)

    return asyncio.run(main())


def painting(*, steps: int = 2, seconds: float = 0.0, seed: int = 0) -> dict[str, Any]:
    return {
        "1": {
            "class_type": "EmptyImage",
            "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": seed},
        },
        "2": {
            "class_type": "SketchSteps",
            "inputs": {"image": ["1", 0], "steps": steps, "seconds": seconds, "seed": seed},
        },
        "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": "t"}},
    }


async def until(listener: Listener, kind: str) -> list[Any]:
    heard: list[Any] = []
    while not (heard and isinstance(heard[-1], Message) and heard[-1].type == kind):
        heard.append(await listener.get())
    return heard


async def until_end(listener: Listener) -> list[Any]:
    """Success alone comes before the history has it; `executing` of no node comes after."""
    heard = await until(listener, "executing")
    while heard[-1].data["node"] is not None:
        heard += await until(listener, "executing")
    return heard


def test_probe_and_catalog_are_an_engines(url: str) -> None:
    async def act(engine: ComfyUI, socket: Socket) -> None:
        assert (await engine.probe()).ready is Fact.YES
        assert b"EmptyImage" in await engine.object_info()

    with_engine(url, act)


def test_run_is_followed_to_its_history_and_its_file(url: str) -> None:
    async def act(engine: ComfyUI, socket: Socket) -> None:
        prompt_id = str(uuid.uuid4())
        async with socket.listen(prompt_id) as listener:
            await engine.submit(prompt_id=prompt_id, client_id=socket.client_id, prompt=painting(seed=7))
            heard = await until_end(listener)
        kinds = [each.type for each in heard if isinstance(each, Message)]
        assert kinds[0] == "execution_start"
        assert {"executing", "progress", "executed"} <= set(kinds)
        previews = [each for each in heard if isinstance(each, PreviewWithMetadata)]
        assert previews
        assert all(each.metadata["prompt_id"] == prompt_id for each in previews)
        found = await engine.locate(prompt_id)
        assert isinstance(found, Finished)
        (ref,) = output_files(found.item["outputs"])
        async with engine.fetch(ref) as file:
            content = b"".join([chunk async for chunk in file.chunks])
        assert file.content_type == "image/png"
        assert file.size in (None, len(content))
        assert content.startswith(b"\x89PNG")

    with_engine(url, act)


def test_cancel_takes_the_one_named_and_spares_the_others(url: str) -> None:
    async def act(engine: ComfyUI, socket: Socket) -> None:
        first, second, third = (str(uuid.uuid4()) for _ in range(3))
        async with socket.listen(first) as at_first, socket.listen(third) as at_third:
            for number, prompt_id in enumerate((first, second, third)):
                prompt = painting(steps=300 if prompt_id == first else 2, seconds=0.05, seed=100 + number)
                await engine.submit(prompt_id=prompt_id, client_id=socket.client_id, prompt=prompt)
            await until(at_first, "progress")
            assert await engine.locate(first) == Running()
            assert await engine.locate(second) == Pending()
            assert await engine.cancel(second) is Cancellation.DELETED
            assert await engine.locate(second) == Absent()
            assert await engine.locate(first) == Running()
            assert await engine.cancel(first) is Cancellation.INTERRUPTED
            await until(at_first, "execution_interrupted")
            await until_end(at_third)
            assert await engine.cancel(third) is Cancellation.NOTHING

    with_engine(url, act)


def test_withdrawing_spares_what_has_begun_or_ended(url: str) -> None:
    async def act(engine: ComfyUI, socket: Socket) -> None:
        first, second = (str(uuid.uuid4()) for _ in range(2))
        async with socket.listen(first) as at_first:
            for number, prompt_id in enumerate((first, second)):
                prompt = painting(steps=40 if prompt_id == first else 2, seconds=0.05, seed=200 + number)
                await engine.submit(prompt_id=prompt_id, client_id=socket.client_id, prompt=prompt)
            await until(at_first, "progress")
            assert not await engine.withdraw(first)
            assert await engine.withdraw(second)
            assert await engine.locate(second) == Absent()
            assert not await engine.withdraw(second), "nothing waits there any more"
            await until(at_first, "execution_success")
            assert not await engine.withdraw(first)

    with_engine(url, act)


def test_refused_prompt_says_which_input(url: str) -> None:
    async def act(engine: ComfyUI, socket: Socket) -> None:
        prompt = painting()
        prompt["1"]["inputs"]["width"] = "wide"
        with pytest.raises(InvalidWorkflow) as caught:
            await engine.submit(prompt_id=str(uuid.uuid4()), client_id=socket.client_id, prompt=prompt)
        assert [(each.node, each.input) for each in caught.value.problems if each.input] == [("1", "width")]

    with_engine(url, act)


def test_upload_can_be_used_and_read_back(url: str, tmp_path: Path) -> None:
    source = tmp_path / "content"
    Image.new("RGB", (8, 8), "red").save(source, "PNG")

    async def act(engine: ComfyUI, socket: Socket) -> None:
        for _ in range(2):
            ref = await engine.upload(source, name="abc.png", subfolder="gesso")
            assert ref == FileRef(filename="abc.png", subfolder="gesso", type="input")
        async with engine.fetch(ref) as file:
            assert b"".join([chunk async for chunk in file.chunks]) == source.read_bytes()

    with_engine(url, act)
