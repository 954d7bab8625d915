"""Engines that keep the model they used last: jobs go where theirs is, and nobody waits long for that."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fleet import PATIENCE_S, User, at_engine, engines, lasting, new_user, running_fleet
from tests.integration.sketch.workflows import Prompt
from tests.running import wait_for
from tests.service import RunningGesso

LOAD_S = 0.3
# Longer than jobs that are handed over two at a time anyway.
LONG_S = 1.5
TWO = "".join(
    f'[[engine]]\nname = "{name}"\nkind = "sketch"\narguments = ["--load-seconds", "{LOAD_S}"]\n'
    for name in ("one", "two")
)
HARBOUR, MEADOW, SUMMIT = (f"{name}.safetensors" for name in ("harbour", "meadow", "summit"))


def with_model(model: str, seed: int) -> Prompt:
    work = {"image": ["1", 0], "steps": 1, "seconds": 0.05, "seed": seed}
    return {
        "1": {"class_type": "SketchPretendLoader", "inputs": {"model_name": model}},
        "2": {"class_type": "SketchSteps", "inputs": work},
        "3": {"class_type": "SaveImage", "inputs": {"filename_prefix": "model", "images": ["2", 0]}},
    }


def loads(service: RunningGesso) -> dict[str, dict[str, Any]]:
    """By engine: what it pretends to have loaded, and how often it did."""
    return {each["name"]: at_engine(each["url"], "/sketch/loads") for each in engines(service)}


def ended(user: User) -> None:
    wait_for(lambda: user.remaining() == 0, PATIENCE_S)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RunningGesso]:
    with running_fleet(tmp_path, TWO) as service:
        yield service
        assert "Traceback" not in service.log()


def test_alternating_models_are_loaded_once_or_twice_and_another_user_is_served_between(
    service: RunningGesso,
) -> None:
    ada, ben = new_user(service, "ada"), new_user(service, "ben")
    hers = [ada.submit(with_model((HARBOUR, MEADOW)[seed % 2], seed)) for seed in range(30)]
    wait_for(lambda: len(ada.history()) >= 6, PATIENCE_S)
    his = ben.submit(with_model(SUMMIT, 100))
    before = len(ada.history())
    ended(ben)
    after = len(ada.history())
    ended(ada)
    assert after < len(hers), "he waited for all of hers"
    counted = {name: each["loads"] for name, each in loads(service).items()}
    # One of two at the beginning, his, and at most one more each when a model's jobs run out.
    assert sum(counted.values()) <= 6, (counted, before, after)
    assert max(counted.values()) <= 4
    assert len(ada.history()) == len(hers) and list(ben.history()) == [his]


def test_job_goes_to_the_idle_engine_that_has_its_model(service: RunningGesso) -> None:
    ada = new_user(service, "ada")
    for seed, model in enumerate((HARBOUR, MEADOW)):
        ada.submit(with_model(model, seed))
        ended(ada)
    assert {each["loaded"] for each in loads(service).values()} == {HARBOUR, MEADOW}
    for seed, model in enumerate((MEADOW, HARBOUR, HARBOUR, MEADOW), 10):
        ada.submit(with_model(model, seed))
        ended(ada)
    assert {each["loads"] for each in loads(service).values()} == {1}


def test_engine_that_was_started_anew_has_nothing_loaded(service: RunningGesso) -> None:
    ada = new_user(service, "ada")
    ada.submit(with_model(HARBOUR, 1))
    ended(ada)
    (old,) = [each for each in engines(service) if loads(service)[each["name"]]["loads"]]
    os.kill(old["pid"], signal.SIGKILL)
    wait_for(
        lambda: service.engine(old["name"])["restarts"] and service.engine(old["name"])["ready"], PATIENCE_S
    )
    ada.submit(with_model(MEADOW, 2))
    ada.submit(with_model(HARBOUR, 3))
    ended(ada)
    assert {each["loads"] for each in loads(service).values()} == {1}


def test_engine_has_its_next_job_before_a_long_one_ends_and_gives_it_back_when_it_is_anothers_turn(
    tmp_path: Path,
) -> None:
    with running_fleet(tmp_path, '[[engine]]\nname = "only"\nkind = "sketch"\n') as service:
        ada, ben = new_user(service, "ada"), new_user(service, "ben")
        (only,) = engines(service)
        ada.submit(lasting(LONG_S, 0))
        ended(ada)
        for seed in range(10, 20):
            hers = [ada.submit(lasting(LONG_S, 10 * seed + number)) for number in range(2)]
            wait_for(lambda: len(at_engine(only["url"])["queue_pending"]) == 1, PATIENCE_S)
            his = ben.submit(lasting(LONG_S, 10 * seed + 5))
            ended(ben)
            ended(ada)
            runs = {each.job_id: each.begun for each in (*ada.runs(), *ben.runs())}
            jobs = {each: ada.job(each)["attempt"] for each in hers} | {his: ben.job(his)["attempt"]}
            assert set(jobs.values()) == {1}
            if sorted([*hers, his], key=runs.__getitem__)[1] == his:
                return  # on a slow machine he may come too late
        raise AssertionError("what waited at the engine was never given back")
