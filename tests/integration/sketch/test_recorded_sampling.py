"""The recorded runs that sample, with sketch's own model in the place of theirs: heard and kept the same."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gesso.protocol import frames
from tests.integration.sketch.exchange import differences, renaming, send, send_json
from tests.integration.sketch.listening import Listener, listening
from tests.integration.sketch.test_recorded_runs import (
    SAMPLER,
    assert_frame,
    assert_same_messages,
    assert_same_queue,
    heard,
    run_before,
    statuses,
    submit,
    without_pictures,
)
from tests.recordings import FOLDER, load
from tests.running import running_sketch

pytestmark = [
    pytest.mark.recordings,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="no recordings beside this checkout"),
]

CHECKPOINT = "random_sd15.safetensors"
LIMIT_S = 60.0


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with running_sketch(tmp_path / "data", "--alias", CHECKPOINT) as sketch:
        yield sketch.url


def test_sampler_workflow_is_heard_and_kept_as_recorded(url: str) -> None:
    assert_run(url, load("run-sampler-with-preview-metadata.json"), negotiate=True)


def test_another_seed_finds_the_rest_in_the_cache_as_recorded(url: str) -> None:
    run_before(url, load("run-sampler-with-preview-metadata.json")["http"][0]["request"]["prompt"])
    assert_run(url, load("run-sampler-with-legacy-previews.json"), negotiate=False)


def assert_run(url: str, recording: Any, *, negotiate: bool) -> None:
    want_submit, want_history = recording["http"]
    with listening(url, negotiate=negotiate) as listener:
        answer = submit(url, listener, want_submit["request"]["prompt"])
        prompt_id = answer.json["prompt_id"]
        listener.wait_end(prompt_id, LIMIT_S)
    history = send(url, "GET", f"/history/{prompt_id}")
    theirs = {
        prompt_id: want_submit["json"]["prompt_id"],
        listener.client_id: want_submit["request"]["client_id"],
    }
    rename = renaming(theirs)
    assert differences(want_submit, answer, rename) == []
    assert differences(want_history, history, rename) == []
    assert_same_messages(without_pictures(recording["websocket"]), rename(heard(listener)))
    for frame in listener.frames():
        assert_frame(frames.decode(frame), prompt_id, negotiate)


def hang(url: str) -> None:
    """The sampler stays in its first step: what is done meanwhile falls into it, however fast it is."""
    assert send_json(url, "POST", "/sketch/faults", {"fault": "hang:1"}).status == 200


def go_on(url: str) -> None:
    assert send(url, "DELETE", "/sketch/faults").status == 200


def test_interrupted_sampler_is_heard_and_kept_as_recorded(url: str) -> None:
    recording = load("run-interrupted.json")
    [want_submit, want_queue, want_remaining, want_interrupt, want_history] = recording["http"]
    hang(url)
    with listening(url) as listener:
        answer = submit(url, listener, want_submit["request"]["prompt"])
        prompt_id = answer.json["prompt_id"]
        listener.wait_type("progress")
        queue, remaining = send(url, "GET", "/queue"), send(url, "GET", "/prompt")
        interrupt = send_json(url, "POST", "/interrupt", {"prompt_id": prompt_id})
        go_on(url)
        listener.wait_end(prompt_id, LIMIT_S)
    rename = renaming(
        {
            prompt_id: want_submit["json"]["prompt_id"],
            listener.client_id: want_submit["request"]["client_id"],
        }
    )
    for want, got in (
        (want_submit, answer),
        (want_queue, queue),
        (want_remaining, remaining),
        (want_interrupt, interrupt),
        (want_history, send(url, "GET", f"/history/{prompt_id}")),
    ):
        assert differences(want, got, rename) == []
    assert_same_messages(without_pictures(recording["websocket"]), rename(heard(listener)))


def test_queue_behind_a_sampler_is_as_recorded(url: str) -> None:
    exchanges = load("run-queue-delete-clear-interrupt.json")["http"]
    names: dict[str, str] = {}
    # Its loaders had run before, for another seed.
    run_before(url, load("run-interrupted.json")["http"][0]["request"]["prompt"])
    hang(url)
    with listening(url) as listener:
        for index, want in enumerate(exchanges[:3]):
            front = {"front": True} if want["request"].get("front") else {}
            answer = submit(url, listener, want["request"]["prompt"], **front)
            names[answer.json["prompt_id"]] = want["json"]["prompt_id"]
            names[listener.client_id] = want["request"]["client_id"]
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
        go_on(url)
        listener.wait_end(running, LIMIT_S)
    assert differences(exchanges[-1], send(url, "GET", f"/history/{running}"), rename) == []
    assert_same_statuses(listener, rename)


def assert_same_statuses(listener: Listener, rename: Any) -> None:
    recording = load("run-queue-delete-clear-interrupt.json")
    assert statuses(rename(heard(listener))) == statuses(recording["websocket"])
    assert [each["data"]["node_id"] for each in listener.messages("execution_interrupted")] == [SAMPLER]
