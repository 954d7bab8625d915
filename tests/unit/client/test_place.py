"""The list of jobs, from ComfyUI's queue and history."""

import pytest

from gesso.client.place import JobInfo, Place, listed, queue_entries
from gesso.errors import GatewayError


def entry(number, job):
    return [number, job, {"1": {}}, {}, ["1"]]


def status(kind, *messages):
    return {"status_str": kind, "completed": kind == "success", "messages": list(messages)}


def test_what_waits_is_in_the_order_in_which_it_will_run():
    queue = {
        "queue_running": [entry(7, "runs")],
        "queue_pending": [entry(9, "b"), entry(-8, "front"), entry(8, "a")],
    }
    found = [(place, one[1]) for place, one in queue_entries(queue)]
    assert found == [
        (Place.RUNNING, "runs"),
        (Place.QUEUED, "front"),
        (Place.QUEUED, "a"),
        (Place.QUEUED, "b"),
    ]


def test_the_list_tells_of_every_job_once_with_state_times_and_reason():
    history = {
        "old": {"outputs": {}, "status": status("success", ["execution_start", {"timestamp": 1000}])},
        "bad": {"outputs": {}, "status": status("error")},
        "gone": {"outputs": {}, "status": status("error", ["execution_interrupted", {"timestamp": 3000}])},
        "runs": {"outputs": {}, "status": status("success")},
    }
    queue = {"queue_running": [entry(1, "runs")], "queue_pending": []}
    assert list(listed(queue, history)) == [
        JobInfo(id="gone", state="cancelled", started=3.0, finished=3.0),
        JobInfo(id="bad", state="failed", error="Job bad failed, and the server does not say why."),
        JobInfo(id="old", state="succeeded", started=1.0, finished=1.0),
        JobInfo(id="runs", state="running"),
    ]


@pytest.mark.parametrize(
    "answer", [None, [], {}, {"queue_running": []}, {"queue_running": 1, "queue_pending": 1}]
)
def test_what_is_no_queue_is_not_taken_for_an_empty_one(answer):
    with pytest.raises(GatewayError):
        queue_entries(answer)
