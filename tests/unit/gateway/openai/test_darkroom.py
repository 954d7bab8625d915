"""However many requests come at once, only a few pictures are in memory; and the event loop does not wait."""

import asyncio
import base64
import json
import threading
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from starlette.requests import Request

from gesso.errors import InvalidParameter
from gesso.gateway.openai.darkroom import AT_ONCE, Darkroom
from gesso.gateway.openai.forms import read_chat, read_edit
from gesso.protocol.openai_parameters import Route
from tests.running import wait_for


def test_only_a_few_work_at_once_and_who_gives_up_is_not_worked_for() -> None:
    at_work: list[int] = []
    may_end, most, lock = threading.Event(), [0], threading.Lock()

    def work(number: int) -> int:
        with lock:
            at_work.append(number)
            most[0] = max(most[0], len(at_work) - done[0])
        may_end.wait(10)
        with lock:
            done[0] += 1
        return number

    async def scenario() -> None:
        darkroom = Darkroom()
        asked = [asyncio.ensure_future(darkroom.run(work, number)) for number in range(3 * AT_ONCE)]
        await asyncio.to_thread(wait_for, lambda: len(at_work) == AT_ONCE, 10)
        asked.pop().cancel()
        await asyncio.sleep(0)
        may_end.set()
        assert await asyncio.gather(*asked) == list(range(3 * AT_ONCE - 1))

    done = [0]
    asyncio.run(scenario())
    assert most == [AT_ONCE] and 3 * AT_ONCE - 1 not in at_work


def picture() -> bytes:
    buffer = BytesIO()
    Image.new("RGBA", (8, 8)).save(buffer, "PNG")
    return buffer.getvalue()


LINK = {"url": f"data:image/png;base64,{base64.b64encode(picture()).decode()}"}
FORM = (
    b'--x\r\ncontent-disposition: form-data; name="prompt"\r\n\r\na heart\r\n'
    + b'--x\r\ncontent-disposition: form-data; name="image"; filename="a"\r\n\r\n%b\r\n' % picture()
    + b'--x\r\ncontent-disposition: form-data; name="mask"; filename="b"\r\n\r\n%b\r\n--x--' % picture()
)


def request(body: bytes, kind: str) -> Request:
    async def receive() -> Any:
        return {"type": "http.request", "body": body}

    return Request({"type": "http", "method": "POST", "headers": [(b"content-type", kind.encode())]}, receive)


class Noting(Darkroom):
    """One that knows in which thread it works."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: list[str] = []

    async def run(self, fn: Any, *args: object) -> Any:
        def noted() -> Any:
            self.threads.append(threading.current_thread().name)
            return fn(*args)

        return await super().run(noted)


def test_all_pictures_of_requests_are_read_in_it() -> None:
    async def scenario() -> None:
        darkroom = Noting()
        form = request(FORM, "multipart/form-data; boundary=x")
        asked, (source,), mask = await read_edit(form, Route.EDITS, darkroom)
        assert (asked.prompt, source.data, mask and mask.data) == ("a heart", picture(), picture())
        body = json.dumps({"prompt": "a heart", "images": [{"image_url": LINK}] * 2}).encode()
        assert len((await read_edit(request(body, "application/json"), Route.EDITS, darkroom))[1]) == 2
        said = [{"type": "text", "text": "a heart"}, {"type": "image_url", "image_url": LINK}]
        body = json.dumps({"messages": [{"role": "user", "content": said}]}).encode()
        chat, sources = await read_chat(request(body, "application/json"), darkroom)
        assert len(sources) == 1 and chat.pictures == ()
        assert len(darkroom.threads) == 5 and all(each.startswith("pictures") for each in darkroom.threads)

    asyncio.run(scenario())


@pytest.mark.parametrize("link", ["data:image/png;base64,%%%", "data:image/png;base64,aGVhcnQ="])
def test_what_is_found_there_to_be_no_picture_is_the_requests_fault(link: str) -> None:
    body = json.dumps({"prompt": "a heart", "image": link}).encode()
    with pytest.raises(InvalidParameter) as refused:
        asyncio.run(read_edit(request(body, "application/json"), Route.EDITS, Darkroom()))
    assert refused.value.param == "image"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (FORM.replace(b'"prompt"', b'"promt"'), "multipart/form-data; boundary=x"),
        (json.dumps({"promt": "a heart", "image": LINK["url"]}).encode(), "application/json"),
    ],
)
def test_no_picture_is_read_for_a_request_that_is_wrong_anyhow(body: bytes, kind: str) -> None:
    darkroom = Noting()
    with pytest.raises(InvalidParameter) as refused:
        asyncio.run(read_edit(request(body, kind), Route.EDITS, darkroom))
    assert refused.value.param == "promt" and darkroom.threads == []
