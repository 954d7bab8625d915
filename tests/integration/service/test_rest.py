"""Engines with nothing to do give memory back, or sleep, and a job wakes them; all on real processes."""

import json
import time
import urllib.request
from pathlib import Path
from typing import Any

from tests.integration.sketch.workflows import steps
from tests.running import wait_for
from tests.service import RunningGesso, running_service

PATIENCE_S = 60.0
PAINT = {
    "1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 255}},
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "rest"}},
}
PRETEND = {
    "1": {"class_type": "SketchPretendLoader", "inputs": {"model_name": "meadow.safetensors"}},
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "rest"}},
}


def configured(more: str) -> str:
    return f'[[engine]]\nname = "sketch"\nkind = "sketch"\n{more}\n'


def asked(url: str, path: str) -> Any:
    with urllib.request.urlopen(url + path, timeout=20) as answer:
        return json.load(answer)


def asleep(service: RunningGesso) -> bool:
    engine = service.engine()
    return bool(engine["asleep"] and engine["state"] == "stopped")


def test_an_idle_engine_forgets_its_models_once_and_loads_them_for_the_next_job(tmp_path: Path):
    with running_service(tmp_path, configured("unload_after_s = 1")) as service:
        service.ready()
        service.ended(service.submit(PRETEND))
        url = service.engine()["url"]
        wait_for(lambda: asked(url, "/sketch/loads")["loaded"] is None, PATIENCE_S)
        service.ended(service.submit(PRETEND))
        wait_for(lambda: service.log().count("models unloaded") == 2, PATIENCE_S)
        assert asked(url, "/sketch/loads")["loads"] == 2
        engine = service.engine()
        assert (engine["state"], engine["restarts"], engine["findings"]) == ("ready", 0, [])


def test_a_sleeping_engine_is_shown_and_a_job_wakes_it(tmp_path: Path):
    with running_service(tmp_path, configured("sleep_after_s = 1")) as service:
        service.ready()
        first = service.engine()["pid"]
        wait_for(lambda: asleep(service), PATIENCE_S)
        engine = service.engine()
        assert (engine["state"], engine["findings"]) == ("stopped", [])
        assert "asleep" in engine["reason"]
        # Its node classes are still known, so workflows are checked and taken as ever.
        assert "SaveImage" in service.call("GET", "/object_info").json()
        job = service.submit(PAINT)
        told = wait_for(lambda: _hindrance(service, job) or "", PATIENCE_S)
        assert "'sketch'" in told
        ended = service.ended(job)
        assert ended["status"]["status_str"] == "success"
        engine = service.engine()
        assert engine["restarts"] == 0
        assert "goes to sleep" in service.log()
        wait_for(lambda: asleep(service), PATIENCE_S)
        assert first not in (None, engine["pid"])


def _hindrance(service: RunningGesso, job: str) -> str | None:
    """What the one who started it is told; its end would come too late to be told."""
    found = service.call("GET", f"/gesso/api/jobs/{job}").json()
    assert found["state"] in ("queued", "running"), found
    position = found["position"] or {}
    return position.get("hindered")


def test_work_that_somebody_else_gave_it_keeps_it_awake(tmp_path: Path):
    with running_service(tmp_path, configured("sleep_after_s = 2\nunload_after_s = 0.5")) as service:
        service.ready()
        url = service.engine()["url"]
        body = json.dumps({"prompt": steps(100, 0.05)}).encode()
        request = urllib.request.Request(
            f"{url}/prompt", body, {"Content-Type": "application/json"}, method="POST"
        )
        began = time.monotonic()
        theirs = json.load(urllib.request.urlopen(request, timeout=20))["prompt_id"]
        wait_for(lambda: asked(url, f"/history/{theirs}"), PATIENCE_S)
        # Five seconds of work, and never asleep meanwhile: else it would have died with the process.
        assert time.monotonic() - began > 4
        assert asked(url, f"/history/{theirs}")[theirs]["status"]["status_str"] == "success"
        wait_for(lambda: asleep(service), PATIENCE_S)


def test_who_was_stopped_by_hand_is_woken_by_nothing(tmp_path: Path):
    with running_service(tmp_path, configured("sleep_after_s = 1")) as service:
        service.ready()
        wait_for(lambda: asleep(service), PATIENCE_S)
        assert service.call("POST", "/gesso/api/engines/sketch/stop").status == 200
        job = service.submit(PAINT)
        told = wait_for(lambda: _hindrance(service, job), PATIENCE_S)
        assert told == "engine 'sketch' is stopped"
        assert service.engine()["pid"] is None
        service.call("POST", "/gesso/api/engines/sketch/start")
        assert service.ended(job)["status"]["status_str"] == "success"
