"""Errors that are the engine's own: the job runs again, the engine is restarted or named; the others stay."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fleet import lasting
from tests.integration.service.test_hang import outside_engine
from tests.integration.sketch.faulty import heal, inflict
from tests.running import running_sketch, wait_for
from tests.service import ENGINE, RunningGesso, running_service

PATIENCE_S = 60.0
TWO_ATTEMPTS = f"[jobs]\nmax_attempts = 2\n{ENGINE}"


@pytest.fixture(scope="module")
def lasting_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGesso]:
    with running_service(tmp_path_factory.mktemp("faults"), TWO_ATTEMPTS) as running:
        yield running


@pytest.fixture
def service(lasting_service: RunningGesso) -> Iterator[RunningGesso]:
    """With an engine that is ready, and that nothing is wrong with until a test says so."""
    wait_for(lambda: lasting_service.engine()["ready"], PATIENCE_S)
    yield lasting_service
    wait_for(lambda: lasting_service.engine()["ready"], PATIENCE_S)
    heal(lasting_service.engine()["url"])


def findings(service: RunningGesso) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in service.engine()["findings"]}


@pytest.mark.parametrize(("fault", "seed"), [("cuda-poison", 1), ("device-side-assert", 2)])
def test_job_of_a_broken_card_runs_again_on_the_restarted_engine(
    fault: str, seed: int, service: RunningGesso
) -> None:
    before = service.engine()
    inflict(before["url"], fault)
    job_id = service.submit(lasting(0.3, seed))
    item = service.ended(job_id)
    # Nobody was told of the error that was not the end.
    kinds = [kind for kind, _ in item["status"]["messages"]]
    assert item["status"]["status_str"] == "success" and "execution_error" not in kinds
    after = service.engine()
    assert after["pid"] != before["pid"] and after["restarts"] == before["restarts"] + 1
    assert service.job(job_id)["attempt"] == 2
    assert findings(service)["cuda-poisoned"]["evidence"]


def test_job_fails_by_the_cards_error_when_its_attempts_are_used_up(tmp_path: Path) -> None:
    with running_service(tmp_path, f'{TWO_ATTEMPTS}arguments = ["--fault", "cuda-poison"]\n') as service:
        item = service.ended(service.submit(lasting(0.3, 1)))
        kind, data = item["status"]["messages"][-1]
        assert (kind, data["exception_type"]) == ("execution_error", "gesso.job_lost")
        assert "an illegal memory access was encountered" in data["exception_message"]
        wait_for(lambda: service.engine()["ready"], PATIENCE_S)


def test_job_that_needs_too_much_of_the_card_fails_once_and_says_what_to_do(service: RunningGesso) -> None:
    before = service.engine()
    inflict(before["url"], "oom")
    job_id = service.submit(lasting(0.3, 3))
    item = service.ended(job_id)
    kind, data = item["status"]["messages"][-1]
    assert (kind, data["exception_type"]) == ("execution_error", "torch.OutOfMemoryError")
    job = service.job(job_id)
    assert (job["attempt"], job["error"]["code"]) == (1, "execution_failed")
    assert "smaller" in job["error"]["remedy"]
    wait_for(lambda: "cuda-out-of-memory" in findings(service), PATIENCE_S)
    assert service.engine()["restarts"] == before["restarts"]


def test_job_of_an_engine_whose_disk_is_full_goes_to_another(tmp_path: Path) -> None:
    with running_sketch(tmp_path / "full", "--fault", "disk-full") as full:
        # Nobody watches the log of this one: only the job says so.
        toml = f'[[engine]]\nname = "full"\nkind = "sketch"\nurl = "{full.url}"\n{ENGINE}'
        with running_service(tmp_path / "gesso", toml) as service:
            wait_for(lambda: service.engine()["ready"] and service.engine("full")["ready"], PATIENCE_S)
            ids = [service.submit(lasting(0.3, seed)) for seed in range(2)]
            for each in ids:
                assert service.ended(each)["status"]["status_str"] == "success"
            assert {service.job(each)["engine"] for each in ids} == {"sketch"}
            assert sorted(service.job(each)["attempt"] for each in ids) == [1, 2]
            found = {each["name"]: each["evidence"] for each in service.engine("full")["findings"]}
            assert "No space left on device" in found["disk-full"]


def test_broken_card_of_an_engine_that_somebody_else_runs_is_named_and_given_no_jobs(tmp_path: Path) -> None:
    with outside_engine(tmp_path, "[jobs]\nmax_attempts = 2\n") as (service, sketch):
        inflict(sketch.url, "cuda-poison")
        job_id = service.submit(lasting(0.3, 1))
        wait_for(lambda: service.engine()["state"] == "failing", PATIENCE_S)
        found = {each["name"]: each["evidence"] for each in service.engine()["findings"]}
        assert not service.engine()["ready"] and "illegal memory access" in found["cuda-poisoned"]
        assert service.job(job_id)["state"] == "queued"
        assert sketch.process.poll() is None


@pytest.mark.parametrize(
    ("fault", "seed"), [("wrong-history:empty", 4), ("wrong-history:other", 5), ("no-pictures", 6)]
)
def test_job_without_the_outputs_it_made_is_no_success(fault: str, seed: int, service: RunningGesso) -> None:
    inflict(service.engine()["url"], fault)
    job_id = service.submit(lasting(0.3, seed))
    item = service.ended(job_id)
    assert item["status"]["status_str"] == "error" and item["outputs"] == {}
    job = service.job(job_id)
    assert (job["state"], job["attempt"]) == ("failed", 2)
    assert "history" in job["error"]["message"] or "prompt" in job["error"]["message"]
