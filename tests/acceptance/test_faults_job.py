"""An engine that goes wrong in a job: what gesso says of it and does about it, and how the job ends."""

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.faulty_fleet import PATIENCE_S, Faulty, end_of, engine, faulty, submit
from tests.integration.sketch.exchange import send
from tests.integration.sketch.workflows import steps
from tests.running import wait_for
from tests.service import RunningGesso

SPARE = engine(name="spare")
MANY = "restarts = 50\n"
WITHOUT_GESSO = json.dumps({"prompt": steps(2, 0.01, 77)}).encode()


def picture_of(service: RunningGesso, done: dict[str, Any]) -> Image.Image:
    return Image.open(io.BytesIO(service.picture(service.ended(done["id"]), "9")))


@pytest.mark.parametrize(
    ("fault", "finding", "evidence"),
    [
        ("crash-in-job:3", "crashed", "exit code 1: "),
        ("killed:3", "(killed|out-of-memory)", "ended by SIGKILL (9)"),
        ("exit:139:0.2", "crashed", "exit code 139: ended by SIGSEGV (11)"),
    ],
)
def test_engine_that_dies_in_a_job_is_restarted_and_the_job_runs_again(
    fault: str, finding: str, evidence: str, tmp_path: Path
) -> None:
    with faulty(tmp_path) as service:
        sketch = Faulty(service)
        before = sketch.now()
        sketch.inflict(fault)
        done = end_of(service, submit(service, 20))
        assert (done["state"], done["attempt"]) == ("succeeded", 2)
        # What it died of is told still, while the next one proves itself. Whether the kernel killed it
        # for lack of memory, only the kernel tells.
        [found] = sketch.now()["findings"]
        assert re.fullmatch(finding, found["name"])
        assert found["evidence"].startswith(evidence)
        assert picture_of(service, done).size == (64, 64)
        after = sketch.wait("ready", "busy")
        assert after["pid"] != before["pid"]
        assert after["restarts"] == 1
        assert sketch.told() == ["starting", "ready", "failing", "starting", "ready"]


def test_engine_that_dies_of_every_job_is_given_up_and_another_does_them(tmp_path: Path) -> None:
    with faulty(tmp_path, "crash-in-job", fleet="restarts = 1\n", more=SPARE) as service:
        broken, spare = Faulty(service), Faulty(service, "spare")
        jobs: list[str] = []

        def given_up() -> bool:
            jobs.append(submit(service, 4, seed=len(jobs)))
            return broken.state == "stopped-after-failures"

        wait_for(given_up, PATIENCE_S, every_s=0.3)
        done = [end_of(service, each) for each in jobs]
        assert {(each["state"], each["engine"]) for each in done} == {("succeeded", "spare")}
        assert (broken.now()["restarts"], broken.deaths()) == (1, 2)
        assert broken.findings() == ["crashed"]
        assert (spare.now()["restarts"], spare.findings()) == (0, [])


def test_job_that_kills_every_engine_ends_and_says_so(tmp_path: Path) -> None:
    with faulty(tmp_path, "crash-in-job", fleet=MANY) as service:
        done = end_of(service, submit(service))
        assert (done["state"], done["error"]["code"], done["attempt"]) == ("failed", "job_lost", 3)
        sketch = Faulty(service)
        wait_for(lambda: sketch.deaths() == 3)
        assert sketch.wait("ready")["restarts"] == 3


def test_engine_that_ends_after_some_jobs_loses_none(tmp_path: Path) -> None:
    with faulty(tmp_path, "crash-after:2", fleet=MANY) as service:
        done = [end_of(service, submit(service, 4, seed=seed)) for seed in range(5)]
        assert {each["state"] for each in done} == {"succeeded"}
        assert Faulty(service).deaths() >= 2


def test_lost_socket_costs_neither_the_job_nor_the_engine(tmp_path: Path) -> None:
    with faulty(tmp_path, "ws-drop:2") as service:
        sketch = Faulty(service)
        before = sketch.now()
        done = [end_of(service, submit(service, 20, seed=seed)) for seed in range(3)]
        assert {(each["state"], each["attempt"]) for each in done} == {("succeeded", 1)}
        after = sketch.wait("ready")
        assert (after["pid"], after["restarts"]) == (before["pid"], 0)
        assert set(sketch.told()) <= {"starting", "ready"}


def test_engine_that_hears_nothing_for_a_while_is_not_taken_for_dead(tmp_path: Path) -> None:
    # Longer than a probe waits for an answer: as when a large model is loaded.
    with faulty(tmp_path) as service:
        sketch = Faulty(service)
        before = sketch.now()
        sketch.inflict("deaf:9")
        job_id = submit(service, 5)
        wait_for(lambda: "timed out" in sketch.now()["reason"], PATIENCE_S)
        seen = sketch.now()
        assert seen["state"] in ("busy", "unknown")
        assert seen["findings"] == []
        done = end_of(service, job_id)
        assert (done["state"], done["attempt"]) == ("succeeded", 1)
        after = sketch.wait("ready")
        assert (after["pid"], after["restarts"]) == (before["pid"], 0)


def test_engine_that_answers_but_is_frozen_is_restarted_and_its_job_runs_again(tmp_path: Path) -> None:
    limits = "hang_floor_s = 2\nhang_limit_s = 3\n"
    with faulty(tmp_path, fleet=limits) as service:
        sketch = Faulty(service)
        before = sketch.now()
        sketch.inflict("frozen:2")
        job_id = submit(service)
        evidence = sketch.found("hang")["evidence"]
        assert re.match(r"no progress with a job for \d+ s, where 3 s is the limit", evidence)
        assert "step 2 of 10 of SketchSteps (node 3), and says that it is still at work on it" in evidence
        done = end_of(service, job_id)
        assert (done["state"], done["attempt"]) == ("succeeded", 2)
        assert picture_of(service, done).size == (64, 64)
        after = sketch.wait("ready", "busy")
        assert (after["pid"] != before["pid"], after["restarts"]) == (True, 1)
        assert sketch.told() == ["starting", "ready", "wedged", "starting", "ready"]


def test_job_of_an_engine_that_hangs_is_done_by_another(tmp_path: Path) -> None:
    limits = "hang_floor_s = 2\nhang_limit_s = 3\nrestarts = 1\n"
    with faulty(tmp_path, "hang:2", fleet=limits, more=SPARE) as service:
        jobs = [submit(service, seed=seed) for seed in range(4)]
        done = [end_of(service, each) for each in jobs]
        assert {(each["state"], each["engine"]) for each in done} == {("succeeded", "spare")}
        assert Faulty(service, "spare").findings() == []


def test_poisoned_engine_is_restarted_before_its_next_job_hangs(tmp_path: Path) -> None:
    with faulty(tmp_path, fleet=MANY) as service:
        sketch = Faulty(service)
        before = sketch.now()
        sketch.inflict("device-side-assert:hang")
        jobs = [submit(service, seed=seed) for seed in range(2)]
        found = sketch.found("cuda-poisoned")
        assert "CUDA error: device-side assert triggered" in found["evidence"]
        done = [end_of(service, each) for each in jobs]
        assert {each["state"] for each in done} == {"succeeded"}
        assert done[0]["attempt"] == 2
        after = sketch.wait("ready", "busy")
        assert (after["pid"] != before["pid"], after["restarts"]) == (True, 1)
        assert sketch.told() == ["starting", "ready", "failing", "starting", "ready"]


def test_full_disk_of_an_engine_is_named_and_another_does_the_job(tmp_path: Path) -> None:
    with faulty(tmp_path, "disk-full", more=SPARE) as service:
        sketch = Faulty(service)
        before = sketch.now()
        jobs = [submit(service, 4, seed=seed) for seed in range(4)]
        assert "[Errno 28] No space left on device" in sketch.found("disk-full")["evidence"]
        done = [end_of(service, each) for each in jobs]
        assert {(each["state"], each["engine"]) for each in done} == {("succeeded", "spare")}
        # To start it anew makes no room.
        after = sketch.wait("ready")
        assert (after["pid"], after["restarts"], sketch.deaths()) == (before["pid"], 0, 0)


def test_full_memory_of_the_card_ends_the_job_and_not_the_engine(tmp_path: Path) -> None:
    with faulty(tmp_path, "oom:1") as service:
        sketch = Faulty(service)
        before = sketch.now()
        done = end_of(service, submit(service))
        assert done["state"] == "failed"
        assert done["error"]["exception_type"] == "torch.OutOfMemoryError"
        sketch.found("cuda-out-of-memory")
        assert end_of(service, submit(service, seed=1))["state"] == "succeeded"
        wait_for(lambda: sketch.findings() == [])
        assert (sketch.now()["pid"], sketch.now()["restarts"]) == (before["pid"], 0)


def test_engine_that_leaks_is_restarted_between_jobs_without_losing_one(tmp_path: Path) -> None:
    limit = 'memory_limit = "300MB"\n'
    with faulty(tmp_path, more=engine("leak:100", name="leaky", more=limit)) as service:
        # Only the one that leaks is asked.
        assert service.call("POST", "/gesso/api/engines/sketch/stop").status in (200, 202)
        leaky = Faulty(service, "leaky")
        before = leaky.now()
        jobs = [submit(service, 20, seed=seed) for seed in range(6)]
        found = leaky.found("leak")
        assert "its limit is 300 MB" in found["evidence"]
        done = [end_of(service, each) for each in jobs]
        assert {(each["state"], each["attempt"]) for each in done} == {("succeeded", 1)}
        wait_for(lambda: leaky.now()["pid"] not in (None, before["pid"]), PATIENCE_S)
        assert "restarted between jobs" in service.log()
        # That is no failure.
        assert leaky.deaths() == 0
        assert "failing" not in leaky.told()


def test_history_without_the_job_is_no_success(tmp_path: Path) -> None:
    with faulty(tmp_path, "wrong-history:empty") as service:
        done = end_of(service, submit(service, 4))
        assert done["state"] == "failed"
        assert "neither queue nor history" in str(done["error"])
        assert Faulty(service).now()["restarts"] == 0


def test_picture_of_another_prompt_is_nobodys_result(tmp_path: Path) -> None:
    with faulty(tmp_path, more=SPARE) as service:
        sketch = Faulty(service)
        # It has a picture of another prompt, which it would hand out.
        send(sketch.now()["url"], "POST", "/prompt", WITHOUT_GESSO)
        wait_for(lambda: send(sketch.now()["url"], "GET", "/history").json)
        sketch.inflict("wrong-history:other")
        done = [end_of(service, submit(service, 4, seed=seed)) for seed in range(3)]
        assert {each["state"] for each in done} == {"succeeded"}
        assert {each["engine"] for each in done} == {"spare"}
