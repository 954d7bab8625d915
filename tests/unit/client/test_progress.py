"""How far a job is, from the messages ComfyUI sends."""

import json

import pytest

from gesso.client.progress import Progress, Tracker
from gesso.protocol.frames import encode_preview, encode_preview_with_metadata

PROMPT = {
    "1": {"class_type": "EmptyImage", "inputs": {}},
    "2": {"class_type": "KSampler", "inputs": {}},
    "3": {"class_type": "VAEDecode", "inputs": {}},
    "4": {"class_type": "SaveImage", "inputs": {}},
}


@pytest.fixture
def tracker():
    return Tracker("mine", PROMPT)


def message(kind, job="mine", **data):
    return json.dumps({"type": kind, "data": {"prompt_id": job, **data}})


def state(value, most, name="running"):
    return {"value": value, "max": most, "state": name}


def test_the_fraction_counts_nodes_and_the_part_of_the_running_one(tracker):
    assert tracker.feed(message("execution_start")) == Progress(fraction=0.0)
    assert tracker.feed(message("execution_cached", nodes=["1"])).fraction == 0.25
    entered = tracker.feed(message("executing", node="2"))
    assert entered == Progress(fraction=0.25, node="2", class_type="KSampler")
    half = tracker.feed(message("progress", node="2", value=10, max=20))
    assert half == Progress(fraction=0.375, node="2", class_type="KSampler", step=10, steps=20)
    assert tracker.feed(message("executing", node="3")).fraction == 0.5


def test_progress_state_alone_is_enough(tracker):
    news = tracker.feed(message("progress_state", nodes={"1": state(1, 1, "finished"), "2": state(5, 20)}))
    assert news == Progress(fraction=0.3125, node="2", class_type="KSampler", step=5, steps=20)


def test_a_node_that_counts_nothing_has_no_steps(tracker):
    news = tracker.feed(message("progress_state", nodes={"1": state(0.0, 1.0)}))
    assert (news.node, news.step, news.steps) == ("1", None, None)


@pytest.mark.parametrize("kind", ["execution_success", "execution_error", "execution_interrupted"])
def test_the_end_is_noticed(tracker, kind):
    tracker.feed(message(kind))
    assert tracker.ended


def test_executing_nothing_is_the_end_too(tracker):
    tracker.feed(message("executing", node=None))
    assert tracker.ended


def test_another_jobs_messages_are_passed_over(tracker):
    assert tracker.feed(message("executing", job="other", node="2")) is None
    assert tracker.feed(message("execution_success", job="other")) is None
    assert not tracker.ended and tracker.now() == Progress(fraction=0.0)


def test_a_second_attempt_starts_anew(tracker):
    tracker.feed(message("executing", node="1"))
    tracker.feed(message("executing", node="2"))
    assert tracker.feed(message("execution_start")) == Progress(fraction=0.0)


def test_nodes_made_while_running_do_not_count_beyond_the_whole(tracker):
    for node in ("1", "2", "2.0.1", "2.0.2", "3", "4"):
        news = tracker.feed(message("executed", node=node, output={}))
    assert news.fraction == 1.0


def test_without_the_workflow_the_node_is_still_told():
    news = Tracker("mine", None).feed(message("executing", node="7"))
    assert news == Progress(fraction=0.0, node="7")


def test_an_empty_queue_is_noticed(tracker):
    tracker.feed(json.dumps({"type": "status", "data": {"status": {"exec_info": {"queue_remaining": 1}}}}))
    assert not tracker.idle
    tracker.feed(json.dumps({"type": "status", "data": {"status": {"exec_info": {"queue_remaining": 0}}}}))
    assert tracker.idle


def test_a_preview_with_metadata_belongs_to_the_job_it_names(tracker):
    mine = encode_preview_with_metadata({"prompt_id": "mine", "image_type": "image/jpeg"}, b"picture")
    other = encode_preview_with_metadata({"prompt_id": "other", "image_type": "image/jpeg"}, b"picture")
    assert tracker.feed(mine).preview == b"picture"
    assert tracker.feed(other) is None


def test_an_old_preview_belongs_to_the_job_while_a_node_of_it_runs(tracker):
    frame = encode_preview(b"picture", "image/png")
    assert tracker.feed(frame) is None
    tracker.feed(message("executing", node="2"))
    assert tracker.feed(frame) == Progress(fraction=0.0, node="2", class_type="KSampler", preview=b"picture")
    tracker.feed(message("execution_success"))
    assert tracker.feed(frame) is None


@pytest.mark.parametrize(
    "rubbish",
    [
        "",
        "no json",
        "[]",
        "null",
        '{"type": "progress"}',
        '{"type": "progress", "data": []}',
        '{"type": "status", "data": {"status": 3}}',
        message("progress", node="2", value="x", max=None),
        message("progress", node="2", value=1, max=0),
        message("progress_state", nodes={"2": 5}),
        message("execution_cached", nodes=None),
        message("something.new", node="2"),
        b"",
        b"\x00\x00\x00\x63rubbish",
        b"\x00\x00\x00\x04\xff\xff\xff\xff{",
    ],
)
def test_rubbish_does_no_harm(tracker, rubbish):
    tracker.feed(rubbish)
    assert tracker.now().fraction == 0.0 and not tracker.ended


def test_a_progress_that_is_printed_shows_no_bytes():
    assert "preview" not in repr(Progress(fraction=0.5, preview=b"\xff\xd8" * 9000))
