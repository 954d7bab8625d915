"""Whole runs are heard as they were recorded: every message, in its order, and what history keeps."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gesso.protocol import frames
from tests.integration.sketch.conftest import judge
from tests.integration.sketch.exchange import (
    Answer,
    compare,
    differences,
    renaming,
    send,
    send_json,
)
from tests.integration.sketch.listening import Listener, listening
from tests.integration.sketch.workflows import plain, steps
from tests.recordings import FOLDER, load
from tests.running import running_sketch, wait_for

pytestmark = [
    pytest.mark.recordings,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="no recordings beside this checkout"),
]

Message = dict[str, Any]
FRAME: Message = {"binary": None}
SAMPLER = "3"


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """Started anew for every run: numbers and caches begin where the recording's did."""
    if (other := judge()) is not None:
        send_json(other[0], "POST", "/free", {"free_memory": True, "unload_models": True})
        yield other[0]
        return
    with running_sketch(tmp_path / "data") as sketch:
        yield sketch.url


def submit(url: str, listener: Listener, prompt: Any, **more: Any) -> Answer:
    return send_json(url, "POST", "/prompt", {"prompt": prompt, "client_id": listener.client_id, **more})


def heard(listener: Listener) -> list[Message]:
    return [FRAME if isinstance(message, bytes) else message for message in listener.heard]


def without_pictures(messages: list[Message]) -> list[Message]:
    """Recorded frames, with or without their bytes, as ours are counted."""
    return [FRAME if "binary" in message else message for message in messages]


def assert_same_messages(want: list[Message], got: list[Message]) -> None:
    assert [each.get("type", "frame") for each in got] == [each.get("type", "frame") for each in want]
    for number, (theirs, ours) in enumerate(zip(want, got, strict=True)):
        assert compare(theirs, ours, (f"message {number}",)) == []


def by_node(messages: list[Message]) -> list[Message]:
    """Which of two cached outputs is told first is chance: the order of a set."""
    executed = iter(sorted((m for m in messages if m["type"] == "executed"), key=lambda m: m["data"]["node"]))
    ordered = [next(executed) if each["type"] == "executed" else each for each in messages]
    return [each for each in ordered if each["type"] != "progress_state"]


@pytest.mark.parametrize(
    "name", ["plain-images", "plain-images-all-cached", "client-chosen-prompt-id", "error-in-node"]
)
def test_run_is_heard_and_kept_as_recorded(name: str, url: str) -> None:
    recording = load(f"run-{name}.json")
    want_submit, want_history = recording["http"]
    request = want_submit["request"]
    if name == "plain-images-all-cached":
        run_before(url, request["prompt"])
    chosen = {"prompt_id": str(uuid.uuid4())} if "prompt_id" in request else {}
    with listening(url) as listener:
        answer = submit(url, listener, request["prompt"], **chosen)
        prompt_id = answer.json["prompt_id"]
        assert prompt_id == chosen.get("prompt_id", prompt_id)
        listener.wait_end(prompt_id)
    history = send(url, "GET", f"/history/{prompt_id}")
    names = {prompt_id: want_submit["json"]["prompt_id"], listener.client_id: request["client_id"]}
    rename = renaming(names)
    assert differences(want_submit, answer, rename) == []
    found = differences(
        without_traceback(want_history), history, lambda value: without_traceback(rename(value))
    )
    assert found == []
    want, got = without_traceback(recording["websocket"]), without_traceback(rename(heard(listener)))
    if name == "plain-images-all-cached":
        want, got = by_node(want), by_node(got)
    assert_same_messages(want, got)


def without_traceback(value: Any) -> Any:
    """The lines of a traceback are the engine's own; that they are texts is what can be compared."""
    if isinstance(value, list):
        return [without_traceback(each) for each in value]
    if not isinstance(value, dict):
        return value
    if "traceback" in value:
        assert all(isinstance(line, str) for line in value["traceback"])
    return {key: without_traceback(each) for key, each in value.items() if key != "traceback"}


def run_before(url: str, prompt: Any) -> None:
    with listening(url) as listener:
        listener.wait_end(submit(url, listener, prompt).json["prompt_id"])


def of_sampler(messages: list[Message]) -> list[Message]:
    """The part of a run that tells of the sampler, other nodes taken out of its `progress_state`."""
    found = []
    for message in messages:
        if message == FRAME:
            found.append(message)
            continue
        type_, data = message["type"], message["data"]
        if type_ == "progress_state" and SAMPLER in data["nodes"] and set(data["nodes"]) <= before(SAMPLER):
            only = {SAMPLER: data["nodes"][SAMPLER]}
            found.append({"type": type_, "data": {**data, "nodes": only}})
        elif type_ in ("progress", "executing") and data["node"] == SAMPLER:
            found.append(message)
    return found


def before(node: str) -> set[str]:
    """The nodes that run before the sampler, and itself, in the recordings and in ours."""
    return {"4", "5", "6", "7", node}


@pytest.mark.parametrize(
    ("name", "negotiate"), [("sampler-with-preview-metadata", True), ("sampler-with-legacy-previews", False)]
)
def test_steps_are_told_as_a_samplers(name: str, negotiate: bool, url: str) -> None:
    """SketchSteps for KSampler; what loads and decodes around it needs models, and comes later."""
    if judge() is not None:
        pytest.skip("SketchSteps is sketch's own")
    recording = load(f"run-{name}.json")
    with listening(url, negotiate=negotiate) as listener:
        prompt_id = submit(url, listener, steps(4)).json["prompt_id"]
        listener.wait_end(prompt_id)
    theirs = recording["http"][0]["json"]["prompt_id"]
    want = of_sampler(without_pictures(recording["websocket"]))
    got = of_sampler(renaming({prompt_id: theirs})(heard(listener)))
    assert_same_messages(want, got)
    assert want.count(FRAME) == 4
    for frame in listener.frames():
        assert_frame(frames.decode(frame), prompt_id, negotiate)


def assert_frame(frame: object, prompt_id: str, negotiate: bool) -> None:
    if not negotiate:
        assert isinstance(frame, frames.Preview)
        assert (frame.mime, frame.image[:2]) == ("image/jpeg", b"\xff\xd8")
        return
    assert isinstance(frame, frames.PreviewWithMetadata)
    assert frame.image[:2] == b"\xff\xd8"
    assert frame.metadata == {
        "node_id": SAMPLER,
        "prompt_id": prompt_id,
        "display_node_id": SAMPLER,
        "parent_node_id": None,
        "real_node_id": SAMPLER,
        "image_type": "image/jpeg",
    }


def test_interrupted_run_is_told_as_recorded(url: str) -> None:
    """From the first step on; what the sampler's loaders tell before needs models, and comes later."""
    if judge() is not None:
        pytest.skip("SketchSteps is sketch's own")
    recording = load("run-interrupted.json")
    [_, want_queue, want_remaining, want_interrupt, want_history] = recording["http"]
    with listening(url) as listener:
        prompt_id = submit(url, listener, steps(30, 0.1)).json["prompt_id"]
        listener.wait_type("progress")
        queue, remaining = send(url, "GET", "/queue"), send(url, "GET", "/prompt")
        interrupt = send_json(url, "POST", "/interrupt", {"prompt_id": prompt_id})
        listener.wait_end(prompt_id)
    rename = renaming({prompt_id: "951498de-30d6-4d14-affa-855be822fa42", "SketchSteps": "KSampler"})
    assert differences(want_remaining, remaining) == []
    assert differences(want_interrupt, interrupt) == []
    assert_same_queue(want_queue, queue, rename)
    history = rename(
        send(url, "GET", want_history["path"].replace("951498de-30d6-4d14-affa-855be822fa42", prompt_id)).json
    )
    assert_same_status(want_history["json"], history)
    assert_same_ending(recording["websocket"], rename(heard(listener)))


def assert_same_ending(want: list[Message], got: list[Message]) -> None:
    """From `execution_interrupted` on, less the nodes that had run before."""
    ends = []
    for messages in (want, got):
        start = next(i for i, each in enumerate(messages) if each.get("type") == "execution_interrupted")
        assert isinstance(messages[start]["data"].pop("executed"), list)
        ends.append(messages[start:])
    assert_same_messages(*ends)


def assert_same_status(want: Any, got: Any) -> None:
    [theirs], [ours] = want.values(), got.values()
    assert ours.keys() == theirs.keys()
    for entry in (theirs, ours):
        assert (entry["outputs"], entry["meta"]) == ({}, {})
        start, cached, end = entry["status"]["messages"]
        assert isinstance(end[1].pop("executed"), list)
        assert isinstance(cached[1].pop("nodes"), list)
    assert compare(theirs["status"], ours["status"]) == []


def assert_same_queue(want: Message, got: Answer, rename: Any) -> None:
    """The same prompts at the same places; the graphs of those that sample are other ones."""
    theirs, ours = want["json"], rename(got.json)
    assert differences({**want, "json": ours}, got, rename) == []
    assert ours.keys() == theirs.keys()
    for part in ("queue_running", "queue_pending"):
        assert [item[1] for item in ours[part]] == [item[1] for item in theirs[part]]
        assert [item[0] < 0 for item in ours[part]] == [item[0] < 0 for item in theirs[part]]
        for their_item, our_item in zip(theirs[part], ours[part], strict=True):
            assert [type(each) for each in our_item[1:]] == [type(each) for each in their_item[1:]]
            assert set(our_item[3]) == set(their_item[3])
            assert sorted(our_item[4]) == sorted(their_item[4])


def test_queue_is_ordered_deleted_cleared_and_interrupted_as_recorded(url: str) -> None:
    """With SketchSteps as the prompt that keeps the engine busy, in the place of KSampler."""
    if judge() is not None:
        pytest.skip("SketchSteps is sketch's own")
    recording = load("run-queue-delete-clear-interrupt.json")
    exchanges = recording["http"]
    names: dict[str, str] = {"SketchSteps": "KSampler"}
    prompts = [steps(30, 0.2), plain(77), plain(78)]
    with listening(url) as listener:
        for index, want in enumerate(exchanges[:3]):
            front = {"front": True} if want["request"].get("front") else {}
            answer = submit(url, listener, prompts[index], **front)
            names[answer.json["prompt_id"]] = want["json"]["prompt_id"]
            assert differences(want, answer, renaming(names)) == []
            if index == 0:
                running = answer.json["prompt_id"]
                listener.wait_type("progress")
        rename, back = renaming(names), renaming({theirs: ours for ours, theirs in names.items()})
        for want in exchanges[3:-1]:
            if want["method"] == "GET":
                assert_same_queue(want, send(url, "GET", want["path"]), rename)
            else:
                answer = send_json(url, "POST", want["path"], back(want["request"]))
                assert differences(want, answer) == []
        listener.wait_end(running)
    assert_same_status(exchanges[-1]["json"], rename(send(url, "GET", f"/history/{running}").json))
    assert statuses(rename(heard(listener))) == statuses(recording["websocket"])
    assert_same_ending(recording["websocket"], rename(heard(listener)))


def statuses(messages: list[Message]) -> list[str]:
    """How many prompts were left, each time it was told."""
    return [json.dumps(each["data"]["status"]) for each in messages if each.get("type") == "status"]


def test_history_is_readable_once_the_end_is_told(url: str) -> None:
    with listening(url) as listener:
        for color in range(5):
            prompt_id = submit(url, listener, plain(color)).json["prompt_id"]
            listener.wait_end(prompt_id)
            assert prompt_id in send(url, "GET", f"/history/{prompt_id}").json
    assert wait_for(lambda: send(url, "GET", "/prompt").json == {"exec_info": {"queue_remaining": 0}})
