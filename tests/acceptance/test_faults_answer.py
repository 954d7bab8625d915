"""An engine whose answers are wrong: known for what they are, and no reason to restart it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faulty_fleet import Faulty, end_of, engine, faulty, submit
from tests.running import running_sketch
from tests.service import RunningGesso


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGesso]:
    with faulty(tmp_path_factory.mktemp("gesso")) as running:
        yield running


WRONG = [
    ("locked", "alive", "locked-out", "401 unauthorized"),
    ("forbidden", "alive", "locked-out", "403 forbidden"),
    ("login", "alive", "locked-out", "redirected to a login (302 to '/login')"),
    ("html", "failing", "not-an-engine", "HTML instead of JSON"),
    ("truncated", "failing", "not-an-engine", "truncated or no JSON"),
    ("drop", "unknown", None, "disconnected"),
    ("slow-answers:8", "unknown", None, "timed out"),
]


@pytest.mark.parametrize(("fault", "state", "finding", "evidence"), WRONG)
def test_wrong_answers_are_named_and_the_engine_is_left_alone(
    fault: str, state: str, finding: str | None, evidence: str, service: RunningGesso
) -> None:
    sketch = Faulty(service)
    before = sketch.now()
    sketch.inflict(fault)
    now = sketch.wait(state)
    assert evidence in now["reason"]
    assert not now["ready"]
    if finding is None:
        assert sketch.findings() == []
    else:
        assert evidence in sketch.found(finding)["evidence"]
        assert sketch.findings() == [finding]
    waiting = submit(service, 4)
    assert service.job(waiting)["state"] == "queued"
    sketch.heal()
    after = sketch.wait("ready", "busy")
    assert end_of(service, waiting)["state"] == "succeeded"
    assert sketch.findings() == []
    assert (after["pid"], after["restarts"]) == (before["pid"], 0)
    assert sketch.deaths() == 0


def test_answers_that_are_only_slow_are_answers(tmp_path: Path) -> None:
    with faulty(tmp_path, "slow-answers:1") as service:
        sketch = Faulty(service)
        done = end_of(service, submit(service, 4))
        assert (done["state"], done["attempt"]) == ("succeeded", 1)
        assert sketch.now()["restarts"] == 0
        assert set(sketch.told()) <= {"starting", "ready"}


@pytest.mark.parametrize(("fault", "state", "finding", "evidence"), [WRONG[0], WRONG[3]])
def test_engine_of_somebody_else_is_only_watched(
    fault: str, state: str, finding: str, evidence: str, tmp_path: Path
) -> None:
    with running_sketch(tmp_path / "theirs") as theirs:
        external = f'[[engine]]\nname = "theirs"\nkind = "sketch"\nurl = "{theirs.url}"\n'
        with faulty(tmp_path / "ours", more=external) as service:
            watched = Faulty(service, "theirs")
            watched.wait("ready")
            watched.inflict(fault)
            assert evidence in watched.wait(state)["reason"]
            assert evidence in watched.found(finding)["evidence"]
            watched.heal()
            watched.wait("ready")
            assert watched.findings() == []
        assert theirs.process.poll() is None


def test_job_goes_to_the_engine_whose_answers_are_right(tmp_path: Path) -> None:
    with faulty(tmp_path, more=engine(name="spare")) as service:
        sketch = Faulty(service)
        sketch.inflict("locked")
        sketch.wait("alive")
        done = [end_of(service, submit(service, 4, seed=seed)) for seed in range(3)]
        assert {(each["state"], each["engine"]) for each in done} == {("succeeded", "spare")}


def test_engine_without_models_is_not_given_what_it_cannot_do(tmp_path: Path) -> None:
    with faulty(tmp_path, "models-missing") as service:
        sketch = Faulty(service)
        assert "SketchPretendLoader.model_name" in sketch.found("models-missing")["evidence"]
        prompt = {
            "1": {"class_type": "SketchPretendLoader", "inputs": {"model_name": "harbour.safetensors"}},
            "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}},
        }
        refused = service.call("POST", "/prompt", {"prompt": prompt})
        assert refused.status == 400
        assert refused.json()["node_errors"]["1"]["errors"][0]["type"] == "value_not_in_list"
        assert end_of(service, submit(service, 2))["state"] == "succeeded"
        assert sketch.now()["restarts"] == 0
