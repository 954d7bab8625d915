"""An engine is tried when it is ready, and a job's picture proves as much; users notice nothing of it."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fleet import at_engine
from tests.integration.sketch.faulty import inflict
from tests.running import wait_for
from tests.service import PLAIN, RunningGesso, running_service

PATIENCE_S = 60.0


def gesso(service: RunningGesso, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "gesso", *words, "--url", service.url, "--key", service.key]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_engine_is_tried_at_its_start_and_nobody_notices(service: RunningGesso) -> None:
    """The first here: what it asks for is what a new gesso has."""
    fact = wait_for(lambda: service.engine()["functional"], PATIENCE_S)
    assert (fact["how"], fact["evidence"]) == ("test", "made a small picture in the colour asked for")
    assert at_engine(service.engine()["url"], "/history") == {}
    assert service.call("GET", "/history").json() == {}
    assert service.call("GET", "/gesso/api/jobs").json()["jobs"] == []
    assert service.call("GET", "/gesso/api/files").json()["files"] == []


def test_picture_of_a_job_proves_as_much_unless_it_was_cached(service: RunningGesso) -> None:
    wait_for(lambda: service.engine()["functional"], PATIENCE_S)
    service.ended(service.submit(PLAIN))
    made = service.engine()["functional"]
    assert (made["how"], made["evidence"]) == ("job", "made a picture for a job")
    service.ended(service.submit(PLAIN))
    assert service.engine()["functional"] == made


def test_test_on_request_is_told_step_by_step(tmp_path: Path) -> None:
    with running_service(
        tmp_path, '[fleet]\ntest_at_start = false\n[[engine]]\nname = "sketch"\nkind = "sketch"\n'
    ) as service:
        assert service.engine()["functional"] is None
        done = gesso(service, "engines", "test", "sketch")
        assert done.returncode == 0, done.stderr
        first, *steps = done.stdout.splitlines()
        assert first.startswith("Engine sketch works: made a small picture in the colour asked for")
        assert [line.split("  ")[1] for line in steps] == ["handed over", "executed", "fetched", "looked at"]
        assert "ago" in gesso(service, "engines", "show", "sketch").stdout
        assert " s ago " in gesso(service, "engines", "list").stdout
        inflict(service.engine()["url"], "no-pictures:black")
        failed = gesso(service, "engines", "test", "sketch")
        assert failed.returncode == 1
        assert "Engine sketch does not work: its picture is #000000" in failed.stdout
        (found,) = service.engine()["findings"]
        assert found["name"] == "not-functional"
        assert service.engine()["ready"] and service.engine()["restarts"] == 0


@pytest.mark.parametrize(("name", "status"), [("nobody", 404), ("sketch", 409)])
def test_what_is_not_up_cannot_be_tested(name: str, status: int, service: RunningGesso) -> None:
    assert service.call("POST", "/gesso/api/engines/sketch/stop").status == 200
    assert service.call("POST", f"/gesso/api/engines/{name}/test").status == status
