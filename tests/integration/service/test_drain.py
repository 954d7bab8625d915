"""An engine drains while jobs run: it finishes what it has, the others take over, until it is resumed."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.service.test_comfyui_jobs import ended, submit
from tests.integration.sketch.workflows import steps
from tests.running import wait_for
from tests.service import RunningGesso, running_service

TWO = '[[engine]]\nname = "one"\nkind = "sketch"\n[[engine]]\nname = "two"\nkind = "sketch"\n'
LIMIT_S = 60.0


def drain(service: RunningGesso, name: str, verb: str = "drain") -> dict[str, Any]:
    reply = service.call("POST", f"/gesso/api/engines/{name}/{verb}")
    assert reply.status == 202, reply
    engine: dict[str, Any] = reply.json()
    return engine


def gesso(service: RunningGesso, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "gesso", *arguments, "--url", service.url, "--key", service.key],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with running_service(tmp_path_factory.mktemp("two"), TWO) as service:
        wait_for(lambda: all(service.engine(name)["ready"] for name in ("one", "two")), LIMIT_S)
        yield service


def test_a_draining_engine_finishes_its_job_and_the_other_takes_over(pair: RunningGesso) -> None:
    url = pair.address()
    long = {submit(url, steps(60, 0.05, seed)) for seed in range(2)}
    running = wait_for(
        lambda: {each: found["engine"] for each in long if (found := pair.job(each))["engine"]}, LIMIT_S
    )
    wait_for(lambda: all(pair.job(each)["engine"] for each in long), LIMIT_S)
    running = {each: pair.job(each)["engine"] for each in long}
    assert set(running.values()) == {"one", "two"}
    shown = drain(pair, "one")
    assert shown["draining"] and not shown["ready"]

    more = [submit(url, steps(2, 0.01, 10 + seed)) for seed in range(6)]
    assert pair.engine("one")["reason"] == "draining: 1 job left"
    for each in (*long, *more):
        assert ended(url, each)["status"]["status_str"] == "success"
    assert {each: pair.job(each)["engine"] for each in long} == running
    assert {pair.job(each)["engine"] for each in more} == {"two"}
    wait_for(lambda: pair.engine("one")["drained"], LIMIT_S)
    assert pair.engine("one")["reason"] == "drained"

    assert not drain(pair, "one", "resume")["draining"]
    again = [submit(url, steps(6, 0.05, 30 + seed)) for seed in range(4)]
    for each in again:
        ended(url, each)
    assert "one" in {pair.job(each)["engine"] for each in again}


def test_jobs_that_wait_behind_a_running_one_are_taken_back(pair: RunningGesso) -> None:
    url = pair.address()
    for attempt in range(10):
        drain(pair, "two")
        # Short ones, many: then one runs, and one waits behind it at the engine.
        jobs = [submit(url, steps(8, 0.1, 100 * attempt + seed)) for seed in range(6)]
        staged = wait_for(lambda: [each for each in jobs if pair.job(each)["at_engine"]], LIMIT_S)  # noqa: B023
        drain(pair, "one")
        wait_for(lambda: pair.engine("one")["drained"], LIMIT_S)
        left = [each for each in jobs if pair.job(each)["state"] == "queued"]
        drain(pair, "two", "resume")
        for each in jobs:
            assert ended(url, each)["status"]["status_str"] == "success"
        assert {pair.job(each)["engine"] for each in left} == {"two"}
        drain(pair, "one", "resume")
        # Else it began just then, and was what the engine had.
        if left and set(staged) <= set(left):
            return
    raise AssertionError("no job that waited at the engine was taken back")


def test_the_command_waits_and_tells_how_far_it_is(pair: RunningGesso) -> None:
    url = pair.address()
    drain(pair, "two")
    long = submit(url, steps(1000, 0.05, 200))
    wait_for(lambda: pair.job(long)["state"] == "running", LIMIT_S)
    command = gesso(pair, "engines", "drain", "one", "--wait")
    assert command.stderr is not None
    assert command.stderr.readline() == "one: draining: 1 job left\n"
    assert command.poll() is None
    pair.call("POST", "/interrupt", {"prompt_id": long})
    output, errors = command.communicate(timeout=LIMIT_S)
    assert (command.returncode, output) == (0, "Engine one is drained.\n"), errors
    # Nothing takes it now; it is accepted, and waits.
    waiting = submit(url, steps(2, 0.01, 201))
    assert pair.job(waiting)["state"] == "queued"
    assert pair.call("GET", "/gesso/readyz").status == 503
    assert pair.call("GET", "/").status == 200
    command = gesso(pair, "engines", "resume", "one")
    output, errors = command.communicate(timeout=LIMIT_S)
    assert output == "Engine one takes jobs again.\n", errors
    assert ended(url, waiting)["status"]["status_str"] == "success"
    drain(pair, "two", "resume")


def test_an_engine_is_restarted_after_its_jobs_and_not_under_them(pair: RunningGesso) -> None:
    url = pair.address()
    drain(pair, "two")
    wait_for(lambda: pair.engine("one")["ready"], LIMIT_S)
    pid = pair.engine("one")["pid"]
    long = submit(url, steps(100, 0.05, 300))
    wait_for(lambda: pair.job(long)["state"] == "running", LIMIT_S)
    command = gesso(pair, "engines", "restart", "one", "--drain")
    _, errors = command.communicate(timeout=LIMIT_S)
    assert command.returncode == 0, errors
    found = pair.job(long)
    assert (found["state"], found["attempt"]) == ("succeeded", 1)
    engine = wait_for(lambda: (each := pair.engine("one"))["ready"] and each, LIMIT_S)
    assert engine["pid"] != pid and not engine["draining"]
    drain(pair, "two", "resume")


def test_draining_survives_the_end_of_gesso_and_of_the_engine(tmp_path: Path) -> None:
    with running_service(tmp_path, TWO) as service:
        url = service.address()
        wait_for(lambda: all(service.engine(name)["ready"] for name in ("one", "two")), LIMIT_S)
        drain(service, "one")
        long = submit(url, steps(60, 0.05))
        wait_for(lambda: service.job(long)["state"] == "running", LIMIT_S)
        drain(service, "two")
        service.kill()
        service.launch()
        url = service.address()
        # The job goes on where it runs, though nobody may begin one there.
        assert ended(url, long)["status"]["status_str"] == "success"
        assert service.job(long)["engine"] == "two"
        assert service.job(long)["attempt"] == 1
        os.kill(service.engine("one")["pid"], signal.SIGKILL)
        engine = wait_for(
            lambda: (each := service.engine("one"))["restarts"] and each["state"] == "ready" and each, LIMIT_S
        )
        assert engine["draining"] and not engine["ready"]
        drain(service, "one", "resume")
        assert ended(url, submit(url, steps(2, 0.01, 1)))["status"]["status_str"] == "success"
        assert service.call("POST", "/gesso/api/engines/none/drain").status == 404
