"""Jobs outlive what happens around them: engines that share, restart, go away; gesso told to stop."""

import json
import os
import signal
import time
import urllib.request
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.integration.service.test_comfyui_jobs import ended, submit, view
from tests.integration.sketch.exchange import send
from tests.integration.sketch.listening import listening
from tests.integration.sketch.workflows import plain, steps
from tests.running import free_port, running_sketch, wait_for
from tests.service import RunningGesso, running_service

TWO = '[[engine]]\nname = "one"\nkind = "sketch"\n[[engine]]\nname = "two"\nkind = "sketch"\n'


def executed(url: str) -> list[str]:
    """The prompts in an engine's own history."""
    with urllib.request.urlopen(f"{url}/history", timeout=10) as answer:
        return list(json.load(answer))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with running_service(tmp_path_factory.mktemp("two"), TWO) as service:
        wait_for(lambda: all(service.engine(name)["ready"] for name in ("one", "two")), 60)
        yield service


def test_two_engines_share_the_jobs_and_no_name_is_used_twice(pair: RunningGesso) -> None:
    url = pair.address()
    jobs = [submit(url, steps(4, 0.05, seed)) for seed in range(8)]
    images = [ended(url, each)["outputs"]["9"]["images"][0] for each in jobs]
    assert {pair.job(each)["engine"] for each in jobs} == {"one", "two"}
    assert len({image["filename"] for image in images}) == 8
    bodies = {view(url, image).body for image in images}
    assert len(bodies) == 8


def test_each_of_two_engines_tells_its_own_job(pair: RunningGesso) -> None:
    url = pair.address()
    with listening(url) as one, listening(url) as two:
        jobs = [
            submit(url, steps(20, 0.05, 50 + number), client_id=each.client_id)
            for number, each in enumerate((one, two))
        ]
        for listener, job_id in zip((one, two), jobs, strict=True):
            listener.wait_end(job_id)
            assert {each["data"].get("prompt_id", job_id) for each in listener.messages()} == {job_id}
            assert len(listener.frames()) == 20


def test_jobs_wait_while_their_engine_restarts(tmp_path: Path) -> None:
    with running_service(tmp_path) as service:
        url = service.address()
        os.kill(service.engine()["pid"], signal.SIGKILL)
        jobs = [submit(url, plain(number)) for number in range(3)]
        for each in jobs:
            assert ended(url, each)["status"]["status_str"] == "success"
        assert service.engine()["restarts"] == 1


def test_external_engine_that_cannot_be_reached_for_a_while_keeps_its_job(tmp_path: Path) -> None:
    with running_sketch(tmp_path / "sketch", port=free_port()) as sketch:
        toml = f'[[engine]]\nname = "far"\nkind = "comfyui"\nurl = "{sketch.url}"\n'
        with running_service(tmp_path / "gesso", toml) as service:
            url = service.address()
            with listening(url) as listener:
                job_id = submit(url, steps(40, 0.05, 1), client_id=listener.client_id)
                listener.wait_type("progress")
            waiting = submit(url, plain(1))
            # Stopped, it answers nobody, as behind a broken line.
            os.kill(sketch.process.pid, signal.SIGSTOP)
            stopped = time.monotonic()
            wait_for(lambda: not service.engine("far")["ready"] or time.monotonic() > stopped + 5, 20)
            wait_for(lambda: time.monotonic() > stopped + 5, 10)
            os.kill(sketch.process.pid, signal.SIGCONT)
            for each in (job_id, waiting):
                assert ended(url, each)["status"]["status_str"] == "success"
                assert service.job(each)["attempt"] == 1
            assert executed(sketch.url) == [job_id, waiting]
            assert psutil.pid_exists(sketch.process.pid)


def test_external_engine_that_begins_anew_runs_the_job_again(tmp_path: Path) -> None:
    port = free_port()
    toml = f'[[engine]]\nname = "far"\nkind = "comfyui"\nurl = "http://127.0.0.1:{port}"\n'
    with running_service(tmp_path / "gesso", toml, ready=False) as service:
        url = service.address()
        with running_sketch(tmp_path / "sketch", port=port) as sketch:
            service.ready()
            with listening(url) as listener:
                job_id = submit(url, steps(60, 0.05, 2), client_id=listener.client_id)
                listener.wait_type("progress")
            sketch.process.kill()
            sketch.process.wait(10)
        with running_sketch(tmp_path / "sketch", port=port):
            item = ended(url, job_id)
            assert item["status"]["status_str"] == "success"
            assert service.job(job_id)["attempt"] == 2


@pytest.mark.parametrize("seconds", [1.0, 13.0])
def test_gesso_told_to_stop_loses_no_job_and_runs_none_twice(tmp_path: Path, seconds: float) -> None:
    """A job shorter than the drain ends before gesso; of a longer one the next gesso hears the end."""
    with running_sketch(tmp_path / "sketch") as sketch:
        toml = f'[[engine]]\nname = "far"\nkind = "comfyui"\nurl = "{sketch.url}"\n'
        with running_service(tmp_path / "gesso", toml) as service:
            url = service.address()
            with listening(url) as listener:
                count = int(seconds / 0.1)
                job_id = submit(url, steps(count, 0.1, 3), client_id=listener.client_id)
                listener.wait_type("progress")
                waiting = submit(url, plain(7))
                assert service.process is not None
                service.process.send_signal(signal.SIGTERM)
                assert service.wait(30) == 0, service.log()
                wait_for(listener.closed.is_set)
            service.launch()
            service.ready()
            for each in (job_id, waiting):
                assert ended(url, each)["status"]["status_str"] == "success"
            assert executed(sketch.url) == [job_id, waiting]
            assert send(url, "GET", "/queue").json == {"queue_running": [], "queue_pending": []}
            assert "Traceback" not in service.log()
