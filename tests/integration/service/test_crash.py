"""kill -9, of gesso and of its engine: the job ends succeeded, once."""

import io
import json
import os
import signal
import urllib.request
import uuid
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.crash import POINTS
from tests.running import wait_for
from tests.service import PLAIN, RunningGesso, running_service

STEPS: dict[str, Any] = {
    "1": PLAIN["1"],
    "2": {"class_type": "SketchSteps", "inputs": {"image": ["1", 0], "steps": 10, "seconds": 0.1, "seed": 3}},
    "3": PLAIN["3"],
}


def submit_until_accepted(service: RunningGesso, job_id: str, prompt: dict[str, Any]) -> None:
    """What a careful client does: the same request again, with the same id, until there is an answer."""

    def accepted() -> bool:
        try:
            reply = service.call("POST", "/prompt", {"prompt": prompt, "prompt_id": job_id})
        except OSError:
            if service.process is not None and service.process.poll() is not None:
                service.wait()
                service.launch()
            return False
        return reply.status == 200 and reply.json()["prompt_id"] == job_id

    wait_for(accepted, 60)


def executions(service: RunningGesso) -> list[dict[str, Any]]:
    """What the engine's own history holds."""
    with urllib.request.urlopen(service.engine()["url"] + "/history", timeout=10) as answer:
        return list(json.load(answer).values())


@pytest.mark.parametrize("point", POINTS)
def test_job_ends_succeeded_once_wherever_gesso_is_killed(point: str, tmp_path: Path) -> None:
    job_id = str(uuid.uuid4())
    with running_service(tmp_path, program=("tests.crash", point)) as service:
        submit_until_accepted(service, job_id, STEPS)
        wait_for(lambda: len(service.logs) > 1 or service.process.poll() is not None, 60)
        if len(service.logs) == 1:
            assert service.wait() == -signal.SIGKILL, service.log()
            service.launch()
        item = service.ended(job_id)
        assert item["status"]["status_str"] == "success", item
        assert Image.open(io.BytesIO(service.picture(item))).size == (48, 32)
        # A gesso that begins anew tries its engine, too, and takes that out of the engine's history at once.
        wait_for(lambda: len(executions(service)) == 1)
        assert list(service.call("GET", "/history").json()) == [job_id]
        assert service.call("GET", "/queue").json() == {"queue_running": [], "queue_pending": []}
        assert "Traceback" not in service.log()


def test_engine_killed_in_the_middle_comes_back_and_the_job_runs_again(tmp_path: Path) -> None:
    with running_service(tmp_path) as service:
        before = service.engine()
        reply = service.call("POST", "/prompt", {"prompt": STEPS}).json()
        job_id = reply["prompt_id"]
        wait_for(lambda: service.call("GET", f"/gesso/api/jobs/{job_id}").json()["state"] == "running")
        wait_for(lambda: urlopen_queue(before["url"]))
        os.kill(before["pid"], signal.SIGKILL)
        item = service.ended(job_id)
        after = service.engine()
        job = service.call("GET", f"/gesso/api/jobs/{job_id}").json()
        assert item["status"]["status_str"] == "success"
        assert after["pid"] != before["pid"]
        assert job["attempt"] == 2
        assert Image.open(io.BytesIO(service.picture(item))).size == (48, 32)


def urlopen_queue(url: str) -> Any:
    with urllib.request.urlopen(url + "/queue", timeout=10) as answer:
        return json.load(answer)["queue_running"]


def test_job_that_kills_every_engine_is_given_up_after_its_attempts(tmp_path: Path) -> None:
    toml = '[jobs]\nmax_attempts = 2\n[[engine]]\nname = "sketch"\nkind = "sketch"\n'
    with running_service(tmp_path, toml) as service:
        job_id = service.call("POST", "/prompt", {"prompt": STEPS}).json()["prompt_id"]
        for _ in range(2):
            os.kill(wait_for(lambda: next_victim(service), 60), signal.SIGKILL)
        item = service.ended(job_id)
        assert item["status"]["status_str"] == "error"
        kind, data = item["status"]["messages"][-1]
        assert kind == "execution_error"
        assert data["exception_type"] == "gesso.job_lost"
        assert "2 times" in data["exception_message"]


def next_victim(service: RunningGesso) -> int:
    """The PID of the engine, once it executes something; 0 before."""
    engine = service.engine()
    try:
        return int(engine["pid"]) if urlopen_queue(engine["url"]) else 0
    except OSError:
        return 0
