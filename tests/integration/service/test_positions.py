"""Where jobs stand and when they start, as the API and its streams of events tell it, with a real engine."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gesso.client._sync.client import Client
from gesso.client.progress import Progress
from tests.events import DEADLINE_S, Stream
from tests.running import wait_for
from tests.service import RunningGesso, running_service

STEPS, STEP_S = 10, 0.2
# Long enough for any machine; it is cancelled.
LONG = 1000


def workflow(seed: int, steps: int = STEPS) -> dict[str, Any]:
    inputs = {"image": ["1", 0], "steps": steps, "seconds": STEP_S, "seed": seed}
    return {
        "1": {"class_type": "EmptyImage", "inputs": {"width": 32, "height": 32, "batch_size": 1, "color": 9}},
        "2": {"class_type": "SketchSteps", "inputs": inputs},
        "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": f"run{seed}"}},
    }


@pytest.fixture
def ada(service: RunningGesso) -> tuple[str, str]:
    """A key of another user's, and its id."""
    service.call("POST", "/gesso/api/users", {"name": "ada"})
    made = service.call("POST", "/gesso/api/keys", {"name": "test", "account": "ada"}).json()
    return made["token"], made["key"]["id"]


def test_waiting_jobs_of_two_users_have_places_and_estimates_and_streams_tell_of_them(
    service: RunningGesso, ada: tuple[str, str]
) -> None:
    key, key_id = ada
    took = []
    for seed in (1, 2):
        done = service.submit(workflow(seed))
        service.ended(done)
        job = service.job(done)
        assert job["position"] is None
        took.append(job["finished"] - job["started"])

    events = Stream(service.url + "/gesso/api/events", key)
    long = service.submit(workflow(3, steps=LONG))
    wait_for(lambda: service.job(long)["position"]["place"] == 0, DEADLINE_S)
    mine = [service.submit(workflow(seed)) for seed in (4, 5)]
    hers = service.submit(workflow(6), key=key)
    one = Stream(f"{service.url}/gesso/api/jobs/{hers}/events", key)

    # Who has had nothing yet comes before the other user's two, though submitted last.
    found = {job_id: service.job(job_id)["position"] for job_id in (hers, *mine)}
    assert [found[job_id]["place"] for job_id in (hers, *mine)] == [1, 2, 3]
    assert [found[job_id]["ahead"] for job_id in (hers, *mine)] == [0, 1, 2]
    for position in found.values():
        takes, starts = position["takes_s"], position["starts_in_s"]
        assert STEPS * STEP_S - 0.1 <= takes["likely"] <= max(took) + 0.1
        assert takes["low"] <= takes["likely"] <= takes["high"]
        assert 0 <= starts["low"] <= starts["likely"] <= starts["high"]
    assert found[mine[1]]["starts_in_s"]["likely"] > found[hers]["starts_in_s"]["likely"]
    listed = service.call("GET", "/gesso/api/jobs?state=queued").json()["jobs"]
    assert [job["position"]["place"] for job in listed if job["id"] in mine] == [2, 3]
    assert service.call("GET", f"/gesso/api/jobs/{mine[0]}/events", key=key).status == 404

    for stream in (one, events):
        wait_for(lambda stream=stream: stream.of("position", hers), DEADLINE_S)  # type: ignore[misc]
    assert service.call("POST", f"/gesso/api/jobs/{long}/cancel").status == 200
    one.wait_end()
    assert one.states(hers)[-1] == "succeeded" and one.events[-1][0] == "job"
    assert one.of("position", hers)[0]["place"] == 1
    steps = [data for kind, data in one.events if kind == "progress" and data["node"] == "2"]
    # Of what waits to be written only the latest goes out, and none after the end.
    assert 1 <= steps[-1]["step"] <= steps[-1]["steps"] == STEPS
    assert 0 < steps[-1]["fraction"] <= 1

    for job_id in (*mine, long):
        service.ended(job_id)
    assert service.job(mine[1])["position"] is None
    wait_for(lambda: events.states(hers)[-1:] == ["succeeded"], DEADLINE_S)
    assert list(dict.fromkeys(events.states(hers))) == ["queued", "running", "succeeded"]
    assert events.of("job", hers)[-1]["engine"] == "sketch"
    assert [data["place"] for data in events.of("position", hers)][0] == 1
    assert {data["id"] for kind, data in events.events} == {hers}

    # Its key was taken back.
    assert not events.ended
    assert service.call("DELETE", f"/gesso/api/keys/{key_id}").status < 300
    events.wait_end()


def test_the_stream_of_a_job_that_has_ended_says_so_and_ends(service: RunningGesso) -> None:
    job_id = service.submit(workflow(7, steps=1))
    service.ended(job_id)
    stream = Stream(f"{service.url}/gesso/api/jobs/{job_id}/events", service.key)
    stream.wait_end()
    assert stream.states(job_id) == ["succeeded"] and len(stream.events) == 1


def test_streams_end_when_gesso_stops(tmp_path: Path) -> None:
    with running_service(tmp_path) as service:
        stream = Stream(service.url + "/gesso/api/events", service.key)
        assert service.process is not None and stream.status == 200
        service.process.send_signal(signal.SIGTERM)
        stream.wait_end()
        assert service.wait() == 0
        assert "ASGI" not in service.log() and "Traceback" not in service.log()
        assert "timeout graceful shutdown" not in service.log()


def test_the_client_and_the_commands_say_where_a_waiting_job_stands(
    service: RunningGesso, tmp_path: Path
) -> None:
    service.ended(service.submit(workflow(11)))
    long = service.submit(workflow(12, steps=LONG))
    wait_for(lambda: service.job(long)["position"]["place"] == 0, DEADLINE_S)
    news: list[Progress] = []

    def hear(progress: Progress) -> None:
        news.append(progress)
        if progress.position is not None:
            service.call("POST", f"/gesso/api/jobs/{long}/cancel")

    with Client(service.url, service.key) as client:
        job = client.submit(workflow(13))
        waiting = service.submit(workflow(14, steps=1))
        listed = command(service, "jobs", "list").splitlines()
        assert "PLACE" in listed[0]
        # The first of them may be handed to the engine already, and is shown as running then.
        places = {words[0]: words[2] for words in map(str.split, listed[1:]) if words[2] != "-"}
        assert places == {job.id: "1", waiting: "2"}
        record = command(service, "jobs", "show", waiting)
        assert "2: 1 job ahead" in record and "takes" in record
        position = job.position()
        assert position is not None and position.place == 1 and position.takes_s is not None
        result = job.wait(hear, timeout_s=DEADLINE_S)
        assert result.outputs and job.position() is None
    told = [progress.position for progress in news if progress.position is not None]
    assert told[0].place == 1 and told[0].takes_s is not None
    assert news[-1].fraction == 1.0 and news[-1].position is None
    service.ended(waiting)
    assert "PLACE" not in command(service, "jobs", "list").splitlines()[0]


def command(service: RunningGesso, *words: str) -> str:
    environment = {**os.environ, "GESSO_URL": service.url, "GESSO_KEY": service.key}
    program = [sys.executable, "-m", "gesso", *words]
    return subprocess.run(program, env=environment, check=True, capture_output=True, text=True).stdout
