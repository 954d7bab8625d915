"""The engine client against servers scripted to the letter: submitting, locating, cancelling, files."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from gesso.engines.comfyui import Absent, Cancellation, ComfyUI, Finished, Pending, Running
from gesso.engines.transport import reaching
from gesso.errors import EngineError, EngineRefused, EngineUnreachable, InvalidWorkflow, NotFound
from gesso.protocol.files import FileRef
from tests.integration.engines.servers import client, listening, serving
from tests.running import free_port

MINE = "11111111-1111-4111-8111-111111111111"
OTHER = "22222222-2222-4222-8222-222222222222"
PROMPT = {"1": {"class_type": "EmptyImage", "inputs": {}}}


def item(prompt_id: str) -> list[Any]:
    return [0, prompt_id, PROMPT, {}, ["1"]]


class Script:
    """An engine whose queue is a list of moments: each GET /queue shows the next one."""

    def __init__(self, moments: Iterable[tuple[list[str], list[str]]], history: Iterable[str] = ()) -> None:
        self.moments = list(moments)
        self.history = set(history)
        self.asked: list[tuple[str, Any]] = []
        self.answers: dict[str, web.Response] = {}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = json.loads(await request.read() or b"null")
        if request.method == "POST":
            self.asked.append((request.path, body))
            return self.answers.get(request.path) or web.json_response({"prompt_id": MINE, "node_errors": {}})
        if request.path.startswith("/history/"):
            known = request.path.removeprefix("/history/")
            return web.json_response({known: {"outputs": {"1": {}}}} if known in self.history else {})
        running, pending = self.moments.pop(0) if len(self.moments) > 1 else self.moments[0]
        return web.json_response(
            {
                "queue_running": [item(each) for each in running],
                "queue_pending": [item(each) for each in pending],
            }
        )


def with_engine(script: Script, act: Callable[[ComfyUI], Coroutine[Any, Any, Any]]) -> Any:
    async def main() -> Any:
        async with serving(script.handle) as url, client(url) as engine:
            return await act(engine)

    return asyncio.run(main())


LOCATIONS = [
    ([([MINE], [OTHER])], (), Running()),
    ([([OTHER], [MINE])], (), Pending()),
    ([([], [])], [MINE], Finished(item={"outputs": {"1": {}}})),
    ([([OTHER], [])], [OTHER], Absent()),
    # Handed over just after the first look at the queue.
    ([([], []), ([], [MINE])], (), Pending()),
]


@pytest.mark.parametrize(("moments", "history", "expected"), LOCATIONS)
def test_prompt_is_located(moments: Any, history: Any, expected: Any) -> None:
    assert with_engine(Script(moments, history), lambda engine: engine.locate(MINE)) == expected


def test_prompt_that_is_said_to_have_ended_is_looked_for_in_the_history_first() -> None:
    async def twice(engine: ComfyUI) -> list[Any]:
        return [await engine.locate(MINE), await engine.locate(MINE, ended=True)]

    script = Script([([MINE], [])], [MINE])
    assert with_engine(script, twice) == [Running(), Finished(item={"outputs": {"1": {}}})]


def test_prompt_that_is_said_to_have_ended_but_has_not_is_found_in_the_queue() -> None:
    script = Script([([MINE], [])])
    assert with_engine(script, lambda engine: engine.locate(MINE, ended=True)) == Running()


def test_end_of_another_prompt_is_not_taken_for_this_ones() -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        if request.path == "/queue":
            return web.json_response({"queue_running": [], "queue_pending": []})
        return web.json_response({MINE: {"prompt": item(OTHER), "outputs": {"1": {"images": []}}}})

    async def main() -> None:
        async with serving(handle) as url, client(url) as engine:
            with pytest.raises(EngineRefused, match="another prompt"):
                await engine.locate(MINE)

    asyncio.run(main())


def test_prompt_that_ends_between_two_questions_is_found_in_the_history() -> None:
    script = Script([([MINE], []), ([], [])], [MINE])

    async def twice(engine: ComfyUI) -> list[Any]:
        return [await engine.locate(MINE), await engine.locate(MINE)]

    assert with_engine(script, twice) == [Running(), Finished(item={"outputs": {"1": {}}})]


def test_waiting_prompt_is_deleted_and_nothing_interrupted() -> None:
    script = Script([([OTHER], [MINE]), ([OTHER], [])])
    assert with_engine(script, lambda engine: engine.cancel(MINE)) is Cancellation.DELETED
    assert script.asked == [("/queue", {"delete": [MINE]})]


def test_running_prompt_is_interrupted_by_name() -> None:
    script = Script([([MINE], [OTHER])])
    assert with_engine(script, lambda engine: engine.cancel(MINE)) is Cancellation.INTERRUPTED
    assert script.asked == [("/interrupt", {"prompt_id": MINE})]


def test_prompt_that_begins_to_run_while_being_deleted_is_interrupted() -> None:
    script = Script([([], [MINE]), ([MINE], [])])
    assert with_engine(script, lambda engine: engine.cancel(MINE)) is Cancellation.INTERRUPTED
    assert [path for path, _ in script.asked] == ["/queue", "/interrupt"]


@pytest.mark.parametrize("history", [[], [MINE]])
def test_another_prompt_is_never_interrupted(history: list[str]) -> None:
    script = Script([([OTHER], [])], history)
    assert with_engine(script, lambda engine: engine.cancel(MINE)) is Cancellation.NOTHING
    assert script.asked == []


def test_submission_carries_our_ids_and_only_what_was_given() -> None:
    script = Script([([], [])])

    async def submit(engine: ComfyUI) -> Any:
        return await engine.submit(prompt_id=MINE, client_id="us", prompt=PROMPT, extra_data={"a": 1})

    assert with_engine(script, submit) == {}
    sent = {"prompt": PROMPT, "prompt_id": MINE, "client_id": "us", "extra_data": {"a": 1}}
    assert script.asked == [("/prompt", sent)]


def test_targets_are_passed_on() -> None:
    script = Script([([], [])])
    with_engine(
        script,
        lambda engine: engine.submit(prompt_id=MINE, client_id="us", prompt=PROMPT, targets=["1"]),
    )
    assert script.asked[0][1]["partial_execution_targets"] == ["1"]


def submit(engine: ComfyUI) -> Coroutine[Any, Any, Any]:
    return engine.submit(prompt_id=MINE, client_id="us", prompt=PROMPT)


def test_half_refused_prompt_returns_its_node_errors() -> None:
    script = Script([([], [])])
    errors = {"2": {"errors": [], "dependent_outputs": ["2"], "class_type": "SaveImage"}}
    script.answers["/prompt"] = web.json_response({"prompt_id": MINE, "number": 1, "node_errors": errors})
    assert with_engine(script, submit) == errors


def test_refused_prompt_is_invalid_with_the_engines_own_words() -> None:
    body = {
        "error": {
            "type": "prompt_outputs_failed_validation",
            "message": "Prompt outputs failed validation",
            "details": "",
            "extra_info": {},
        },
        "node_errors": {
            "1": {
                "errors": [
                    {
                        "type": "value_not_in_list",
                        "message": "Value not in list",
                        "details": "x",
                        "extra_info": {"input_name": "sampler_name"},
                    }
                ],
                "dependent_outputs": ["9"],
                "class_type": "KSampler",
            }
        },
    }
    script = Script([([], [])])
    script.answers["/prompt"] = web.json_response(body, status=400)
    with pytest.raises(InvalidWorkflow, match="failed validation") as caught:
        with_engine(script, submit)
    assert caught.value.body == body
    assert [problem.kind for problem in caught.value.problems if problem.node == "1"] == ["value_not_in_list"]


REFUSALS = [
    web.Response(status=500),
    web.Response(status=401),
    web.Response(status=302, headers={"Location": "/login"}),
    web.Response(text="<html>", content_type="text/html"),
    web.json_response([]),
    web.json_response({"prompt_id": OTHER}),
    web.Response(text="no JSON", status=400),
]


@pytest.mark.parametrize("at", range(len(REFUSALS)))
def test_any_other_answer_is_a_refusal(at: int) -> None:
    script = Script([([], [])])
    script.answers["/prompt"] = REFUSALS[at]
    with pytest.raises(EngineRefused):
        with_engine(script, submit)


def test_nobody_there_is_unreachable() -> None:
    async def main() -> None:
        async with client(f"http://127.0.0.1:{free_port()}") as engine:
            await submit(engine)

    with pytest.raises(EngineUnreachable, match="gpu0"):
        asyncio.run(main())


@pytest.mark.parametrize("taken", [True, False])
def test_line_that_breaks_while_submitting_is_followed_by_a_question(taken: bool) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        return

    async def main() -> Any:
        script = Script([([MINE] if taken else [], [])])
        async with listening(talk) as broken, serving(script.handle) as url, client(broken) as engine:
            send = engine._call

            async def send_once(method: str, path: str, *args: Any, **options: Any) -> Any:
                engine.url = broken if path == "/prompt" else url
                return await send(method, path, *args, **options)

            engine._call = send_once  # type: ignore[method-assign]
            return await submit(engine)

    if taken:
        assert asyncio.run(main()) == {}
    else:
        with pytest.raises(EngineUnreachable):
            asyncio.run(main())


def test_file_is_fetched_in_pieces_with_its_type() -> None:
    names: list[str] = []

    async def view(request: web.Request) -> web.Response:
        names.append(request.raw_path)
        return web.Response(body=b"x" * 300_000, content_type="image/png")

    async def main() -> tuple[str, int | None, int]:
        async with serving(view) as url, client(url) as engine:
            async with engine.fetch(FileRef(filename="a b&c.png", subfolder="s/t", type="temp")) as file:
                return file.content_type, file.size, sum([len(chunk) async for chunk in file.chunks])

    assert asyncio.run(main()) == ("image/png", 300_000, 300_000)
    assert names == ["/view?filename=a+b%26c.png&subfolder=s/t&type=temp"]


@pytest.mark.parametrize(("status", "error"), [(404, NotFound), (500, EngineRefused), (302, EngineRefused)])
def test_file_that_is_not_given_is_an_error(status: int, error: type[Exception]) -> None:
    async def view(request: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Location": "/login"})

    async def main() -> None:
        async with serving(view) as url, client(url) as engine, engine.fetch(FileRef(filename="a")):
            raise AssertionError("there is no file")

    with pytest.raises(error):
        asyncio.run(main())


def test_file_that_breaks_off_is_not_taken_for_whole() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
        await writer.drain()

    async def main() -> None:
        async with listening(talk) as url, client(url) as engine:
            async with engine.fetch(FileRef(filename="a")) as file:
                async for _ in file.chunks:
                    pass

    with pytest.raises(EngineUnreachable):
        asyncio.run(main())


def test_upload_is_multipart_and_overwrites(tmp_path: Path) -> None:
    source = tmp_path / "content"
    source.write_bytes(b"\x89PNG" * 1000)
    seen: dict[str, Any] = {}

    async def upload(request: web.Request) -> web.Response:
        form = await request.post()
        picture = form["image"]
        assert isinstance(picture, web.FileField)
        seen.update({name: form[name] for name in ("type", "subfolder", "overwrite")})
        seen.update(filename=picture.filename, content=picture.file.read())
        return web.json_response({"name": "b.png", "subfolder": "gesso", "type": "input"})

    async def main() -> FileRef:
        async with serving(upload) as url, client(url) as engine:
            return await engine.upload(source, name="a.png", subfolder="gesso")

    assert asyncio.run(main()) == FileRef(filename="b.png", subfolder="gesso", type="input")
    assert seen == {
        "type": "input",
        "subfolder": "gesso",
        "overwrite": "true",
        "filename": "a.png",
        "content": b"\x89PNG" * 1000,
    }


def test_request_is_passed_on_untouched_and_its_answer_comes_raw() -> None:
    seen: list[web.Request] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request)
        await request.read()
        return web.Response(
            status=302,
            body=b"\x1f\x8bnot really",
            headers=[("Location", "/x"), ("Set-Cookie", "a=1"), ("Content-Encoding", "gzip")],
        )

    async def pieces() -> AsyncIterator[bytes]:
        yield b"one "
        yield b"two"

    async def main() -> None:
        async with serving(handler) as url, client(url, {"Authorization": "Bearer ours"}) as engine:
            answer = await engine.request(
                "POST",
                "/userdata/workflows%2Fa%20b.json?overwrite=true&x=%2F",
                headers=[("authorization", "Bearer theirs"), ("X-A", "1"), ("X-A", "2")],
                body=pieces(),
            )
            async with answer:
                assert answer.status == 302
                assert (b"Location", b"/x") in answer.headers
                assert answer.header("set-cookie") == "a=1"
                assert await answer.read() == b"\x1f\x8bnot really"

    asyncio.run(main())
    request = seen[0]
    assert len(seen) == 1
    assert request.raw_path == "/userdata/workflows%2Fa%20b.json?overwrite=true&x=%2F"
    assert request.headers.getall("Authorization") == ["Bearer ours"]
    assert request.headers.getall("X-A") == ["1", "2"]
    assert not {"User-Agent", "Accept-Encoding", "Origin", "Cookie"} & set(request.headers)


def every(kind: type[BaseException]) -> list[type[BaseException]]:
    return [kind, *(each for child in kind.__subclasses__() for each in every(child))]


@pytest.mark.parametrize("kind", sorted({*every(aiohttp.ClientError), TimeoutError, OSError}, key=repr))
def test_every_error_of_the_http_client_becomes_ours(kind: type[BaseException]) -> None:
    # Their constructors want connections and requests that are not here.
    simple = {"__init__": lambda self: None, "__str__": lambda self: "broken"}
    facts = {"os_error": OSError("broken"), "message": "broken"}
    error = type("Raised", (kind,), {**simple, **facts})()
    with pytest.raises(EngineError) as caught, reaching("gpu0", "GET /x"):
        raise error
    assert caught.value.__cause__ is error
    assert isinstance(caught.value, EngineRefused if _is_answer(kind) else EngineUnreachable)


def _is_answer(kind: type[BaseException]) -> bool:
    """Something came back: not what was asked for, but not nothing either."""
    silent = (OSError, aiohttp.ClientConnectionError, aiohttp.ClientPayloadError)
    return issubclass(kind, aiohttp.ClientError) and not issubclass(kind, silent)
