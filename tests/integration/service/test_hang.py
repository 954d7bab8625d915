"""Engines that make no progress with their job are found out, in time, and no others; the job runs again."""

import json
import signal
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fleet import at_engine, lasting
from tests.integration.sketch.faulty import heal, inflict
from tests.integration.sketch.workflows import steps
from tests.running import Sketch, running_sketch, wait_for
from tests.service import ENGINE, RunningGesso, running_service

LIMIT_S = 2.0
IMPATIENT = f"[fleet]\nhang_floor_s = 1.0\nhang_limit_s = {LIMIT_S}\nstop_grace_s = 0.5\n"
PATIENCE_S = 60.0


@contextmanager
def outside_engine(directory: Path, toml: str = IMPATIENT) -> Iterator[tuple[RunningGesso, Sketch]]:
    """A gesso with an engine that somebody else runs."""
    with running_sketch(directory / "sketch") as sketch:
        engine = f'[[engine]]\nname = "sketch"\nkind = "sketch"\nurl = "{sketch.url}"\n'
        with running_service(directory / "gesso", toml + engine) as service:
            yield service, sketch


@pytest.mark.parametrize("fault", ["hang:2", "frozen:2", "deaf"])
def test_hung_engine_is_restarted_in_time_and_its_job_runs_again(fault: str, tmp_path: Path) -> None:
    with running_service(tmp_path, IMPATIENT + ENGINE) as service:
        before = service.engine()
        inflict(before["url"], fault)
        job_id = service.submit(lasting(1.0, 1))
        wait_for(lambda: service.job(job_id)["attempt"], PATIENCE_S)
        begun = time.monotonic()
        wait_for(lambda: "no progress with a job for" in service.log(), PATIENCE_S)
        # It was only after it had been given the job that it stopped making progress.
        assert time.monotonic() - begun < LIMIT_S + 20.0
        item = service.ended(job_id)
        assert item["status"]["status_str"] == "success"
        job = service.job(job_id)
        assert (job["state"], job["attempt"]) == ("succeeded", 2)
        assert service.engine()["pid"] != before["pid"]
        log = service.log()
        assert f"job {job_id} on sketch: no progress with a job for" in log
        assert f"{LIMIT_S:.0f} s is the limit (its workflow never ran on this engine)" in log
        assert "does not answer" in log if fault == "deaf" else "says that it is still at work on it" in log
        last = "nothing" if fault == "deaf" else "step 2 of 10 of SketchSteps (node 3)"
        assert f"it last told {last}, and " in log
        # The reason for a state is for everybody, and somebody else's job is not.
        wedged = [line for line in log.splitlines() if " sketch: wedged (" in line]
        assert wedged and not any("SketchSteps" in line for line in wedged)
        assert "Traceback" not in log


def test_job_that_hangs_every_engine_fails_and_is_told_why(tmp_path: Path) -> None:
    toml = f'[jobs]\nmax_attempts = 2\n{IMPATIENT}{ENGINE}arguments = ["--fault", "hang:2"]\n'
    with running_service(tmp_path, toml) as service:
        item = service.ended(service.submit(lasting(1.0, 1)))
        kind, data = item["status"]["messages"][-1]
        assert (kind, data["exception_type"]) == ("execution_error", "gesso.job_lost")
        assert "2 times" in data["exception_message"]
        assert "'sketch' hung: no progress with a job for" in data["exception_message"]
        wait_for(lambda: service.engine()["ready"], PATIENCE_S)


def test_engine_of_somebody_else_is_said_to_hang_and_recovers_by_itself(tmp_path: Path) -> None:
    with outside_engine(tmp_path) as (service, sketch):
        inflict(sketch.url, "hang:2")
        job_id = service.submit(lasting(1.0, 1))
        wait_for(lambda: service.engine()["state"] == "wedged", PATIENCE_S)
        assert not service.engine()["ready"]
        wait_for(lambda: service.job(job_id)["state"] == "queued", PATIENCE_S)
        assert sketch.process.poll() is None
        heal(sketch.url)
        assert service.ended(job_id)["status"]["status_str"] == "success"
        wait_for(lambda: service.engine()["state"] == "ready", PATIENCE_S)
        assert service.job(job_id)["attempt"] == 2
        assert sketch.process.poll() is None


def test_job_that_waits_behind_anothers_does_not_hang(tmp_path: Path) -> None:
    with outside_engine(tmp_path) as (service, sketch):
        # Of what it tells others, nothing is heard here.
        body = json.dumps({"prompt": lasting(3 * LIMIT_S, 7), "client_id": "somebody"}).encode()
        request = urllib.request.Request(sketch.url + "/prompt", body, {"Content-Type": "application/json"})
        urllib.request.urlopen(request, timeout=10).close()
        wait_for(lambda: at_engine(sketch.url)["queue_running"], PATIENCE_S)
        job_id = service.submit(steps(2, 0.01, 1))
        assert service.ended(job_id)["status"]["status_str"] == "success"
        assert service.job(job_id)["attempt"] == 1
        assert "no progress" not in service.log()


def test_slow_jobs_are_left_alone_as_long_as_they_move(tmp_path: Path) -> None:
    with running_service(tmp_path, IMPATIENT + ENGINE) as service:
        # All in all far beyond every limit, and never silent for as long as one.
        item = service.ended(service.submit(steps(10, 0.6, 1)))
        assert item["status"]["status_str"] == "success"
        assert service.engine()["restarts"] == 0
        assert "no progress" not in service.log()


def test_time_in_which_gesso_itself_stood_still_counts_for_nothing(tmp_path: Path) -> None:
    with running_service(tmp_path, IMPATIENT + ENGINE) as service:
        engine = wait_for(lambda: service.engine()["functional"] and service.engine(), PATIENCE_S)
        job_id = service.submit(steps(10, 0.5, 1))
        wait_for(lambda: service.engine()["state"] == "busy", PATIENCE_S)
        assert service.process is not None
        service.process.send_signal(signal.SIGSTOP)
        # All that the engine says stays unread, for longer than the limit.
        wait_for(lambda: at_engine(engine["url"], "/history"), PATIENCE_S)
        service.process.send_signal(signal.SIGCONT)
        assert service.ended(job_id)["status"]["status_str"] == "success"
        assert service.job(job_id)["attempt"] == 1
        assert "no progress" not in service.log()


def test_silence_that_a_workflow_is_known_for_is_no_hang_also_after_gesso_began_anew(tmp_path: Path) -> None:
    generous = "[fleet]\nhang_floor_s = 1.0\nhang_limit_s = 30.0\nhang_factor = 5.0\n"
    with running_service(tmp_path, generous + ENGINE) as service:
        assert service.ended(service.submit(steps(1, 3.0, 1)))["status"]["status_str"] == "success"
        service.close()
        impatient = generous.replace("30.0", "1.0")
        service.config.write_text(service.config.read_text().replace(generous, impatient))
        service.launch()
        service.ready()
        # Three times the limit of a workflow that was never seen.
        job_id = service.submit(steps(1, 3.0, 2))
        assert service.ended(job_id)["status"]["status_str"] == "success"
        assert service.job(job_id)["attempt"] == 1
        # And what was never seen is judged by that.
        inflict(service.engine()["url"], "hang:1")
        service.submit(steps(2, 0.01, 3))
        wait_for(lambda: service.engine()["restarts"] == 1, PATIENCE_S)
