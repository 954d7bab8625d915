"""Engines that are well, under load: nothing is found, and nothing is restarted."""

import os
import random
import time
from itertools import count
from pathlib import Path
from typing import Any

from tests.faulty_fleet import PATIENCE_S, Faulty, engine
from tests.fleet import User, engines, new_user
from tests.integration.sketch.workflows import Prompt, plain, steps
from tests.running import wait_for
from tests.service import RunningGesso, running_service

# GESSO_SOAK_S=600 makes it the run of ten minutes.
SOAK_S = float(os.environ.get("GESSO_SOAK_S", "20"))
NAMES = ("one", "two")
# Stricter than by default, so that it would show, but not shorter than a busy machine may be silent.
FLEET = "[fleet]\nhang_floor_s = 20\nhang_limit_s = 30\nfunctional_every_s = 5\n"
WAITING = 6


def test_healthy_engines_under_load_have_no_findings_and_no_restarts(tmp_path: Path) -> None:
    tables = "".join(engine("slow-answers:0.02", name=name, more='memory_limit = "4GB"\n') for name in NAMES)
    with running_service(tmp_path, FLEET + tables) as service:
        watched = [Faulty(service, name) for name in NAMES]
        pids = [each.wait("ready", "busy")["pid"] for each in watched]
        users = [new_user(service, name) for name in ("ada", "ben")]
        found = load(service, users, time.monotonic() + SOAK_S)
        wait_for(lambda: all(user.remaining() == 0 for user in users), PATIENCE_S)
        jobs = [job for user in users for job in user.jobs()]
        assert found == []
        assert [each.now()["restarts"] for each in watched] == [0, 0]
        assert [each.now()["pid"] for each in watched] == pids
        assert {state for each in watched for state in each.told()} <= {"starting", "alive", "ready", "busy"}
        assert {job["attempt"] for job in jobs if job["state"] == "succeeded"} == {1}
        assert {job["state"] for job in jobs} <= {"succeeded", "cancelled"}
        assert len(jobs) > SOAK_S / 4
        assert "Traceback" not in service.log()


def load(service: RunningGesso, users: list[User], until: float) -> list[dict[str, Any]]:
    """Keep some jobs of each user waiting, and cancel some; all findings that were seen meanwhile."""
    chance, seeds = random.Random(7), count()  # noqa: S311
    found: list[dict[str, Any]] = []
    while time.monotonic() < until:
        for user in users:
            if user.remaining() < WAITING:
                job_id = user.submit(some_work(chance, next(seeds)))
                if chance.random() < 0.15:
                    service.call("POST", f"/gesso/api/jobs/{job_id}/cancel", key=user.key)
                if chance.random() < 0.1:
                    service.call("POST", "/interrupt", key=user.key)
        found += [finding for each in engines(service) for finding in each["findings"]]
        time.sleep(0.1)
    return found


def some_work(chance: random.Random, seed: int) -> Prompt:
    """Short and long, with many messages and with few, cached and not."""
    return chance.choice(
        (
            steps(5, 0.02, seed),
            steps(100, 0.005, seed),
            steps(2, 1.5, seed),
            plain(seed * 7919 % 2**24),
            plain(),
        )
    )
