"""A slow listener loses pictures, never messages; and a socket knows whose a nameless frame is."""

import json
from typing import Any

import pytest

from gesso.engines.comfyui import ComfyUI
from gesso.engines.socket import PREVIEWS_WAITING, Delivery, Listener, Message, Socket
from gesso.protocol.frames import PreviewWithMetadata, Text, encode_preview, encode_text


def picture(number: int) -> PreviewWithMetadata:
    return PreviewWithMetadata(metadata={"n": number}, image=b"")


def taken(listener: Listener) -> list[Delivery]:
    return [listener.get_nowait() for _ in range(listener.qsize())]


def test_slow_listener_keeps_every_message_and_only_the_latest_pictures() -> None:
    listener = Listener()
    for number in range(50):
        listener.put_nowait(picture(number))
        listener.put_nowait(Message(type="progress", data={"value": number}))
    items = taken(listener)
    assert [each.data["value"] for each in items if isinstance(each, Message)] == list(range(50))
    pictures = [each.metadata["n"] for each in items if isinstance(each, PreviewWithMetadata)]
    assert pictures == list(range(50 - PREVIEWS_WAITING, 50))


def test_pictures_that_are_results_are_kept_however_slow_the_listener() -> None:
    listener = Listener()
    results = [
        PreviewWithMetadata(metadata={"image_type": "image/png", "n": n}, image=b"") for n in range(50)
    ]
    for result in results:
        listener.put_nowait(result)
    assert taken(listener) == results


def test_pictures_taken_make_room_for_others() -> None:
    listener = Listener()
    for number in range(3 * PREVIEWS_WAITING):
        listener.put_nowait(picture(number))
        assert listener.get_nowait() == picture(number)
    assert listener.empty()


@pytest.fixture
def socket() -> Socket:
    # Frames are handed over as run() does; no session is ever used.
    engine = ComfyUI(name="gpu0", url="http://127.0.0.1:1", session=None)  # type: ignore[arg-type]
    return Socket(engine, "c")


def say(socket: Socket, kind: str, data: Any) -> None:
    socket._text(json.dumps({"type": kind, "data": data}))


def hear(socket: Socket, prompt_id: str) -> Listener:
    listener = Listener()
    socket._listeners.setdefault(prompt_id, []).append(listener)
    return listener


def test_messages_go_to_their_prompt_only(socket: Socket) -> None:
    mine, other = hear(socket, "a"), hear(socket, "b")
    say(socket, "progress", {"value": 1, "prompt_id": "a"})
    assert len(taken(mine)) == 1
    assert other.empty()


def test_nameless_picture_and_text_belong_to_the_prompt_being_executed(socket: Socket) -> None:
    mine = hear(socket, "a")
    say(socket, "execution_start", {"prompt_id": "a"})
    say(socket, "executing", {"node": "3", "prompt_id": "a"})
    taken(mine)
    socket._binary(encode_preview(b"jpeg", "image/jpeg"))
    socket._binary(encode_text("3", "half way"))
    preview, text = taken(mine)
    assert isinstance(preview, PreviewWithMetadata)
    assert preview.metadata["prompt_id"] == "a"
    assert preview.metadata["node_id"] == "3"
    assert preview.metadata["image_type"] == "image/jpeg"
    assert isinstance(text, Text)
    assert text.text == "half way"


@pytest.mark.parametrize(
    ("kind", "node"), [("execution_success", "3"), ("execution_error", "3"), ("executing", None)]
)
def test_after_its_end_a_prompt_gets_no_nameless_pictures(
    socket: Socket, kind: str, node: str | None
) -> None:
    mine = hear(socket, "a")
    say(socket, "execution_start", {"prompt_id": "a"})
    say(socket, kind, {"node": node, "prompt_id": "a"})
    taken(mine)
    socket._binary(encode_preview(b"jpeg", "image/jpeg"))
    assert mine.empty()


def test_rubbish_is_ignored(socket: Socket) -> None:
    mine = hear(socket, "a")
    say(socket, "execution_start", {"prompt_id": "a"})
    taken(mine)
    for text in ("", "{", "[]", '"x"', '{"type": 3}', '{"type": "x", "data": []}'):
        socket._text(text)
    for frame in (b"", b"\0", b"\0\0\0\x09rubbish", b"\0\0\0\x04\xff\xff\xff\xff{}"):
        socket._binary(frame)
    assert mine.empty()


def test_status_tells_how_much_is_queued_and_goes_to_nobody(socket: Socket) -> None:
    mine = hear(socket, "a")
    say(socket, "execution_start", {"prompt_id": "a"})
    taken(mine)
    say(socket, "status", {"status": {"exec_info": {"queue_remaining": 2}}})
    assert socket.queue_remaining == 2
    assert mine.empty()
    say(socket, "status", {"status": {}})
    assert socket.queue_remaining is None


def test_unknown_kind_without_prompt_goes_to_the_prompt_being_executed(socket: Socket) -> None:
    mine = hear(socket, "a")
    say(socket, "execution_start", {"prompt_id": "a"})
    say(socket, "some-node-pack.chooser", {"urls": []})
    assert [each.type for each in taken(mine) if isinstance(each, Message)][-1] == "some-node-pack.chooser"


def test_longest_silence_is_measured_between_messages_and_not_after_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    listener, now = Listener(), [100.0]
    monkeypatch.setattr("gesso.engines.socket.time.monotonic", lambda: now[0])
    for after_s, item in (
        (50.0, Message(type="execution_start", data={})),  # it waited until then
        (3.0, Message(type="progress", data={"value": 1})),
        (7.0, picture(1)),
        (1.0, Message(type="execution_success", data={})),
        (90.0, Message(type="executing", data={"node": None})),
    ):
        now[0] += after_s
        listener.put_nowait(item)
    assert listener.silence_s == 7.0
    assert listener.begun_at == 150.0 and listener.ended_at == 161.0
