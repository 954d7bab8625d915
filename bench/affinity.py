"""Affinity: what engines load when jobs go where their models are, and when they go round in turns."""

import json
import random
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from bench.client import client
from bench.figures import Bound, Figure, Section, shown
from bench.place import Place, over
from bench.wire import Connection
from tests.running import running_sketch
from tests.service import running_service

GOAL_LOADS, GOAL_THROUGHPUT = 0.5, 1.5
LOAD_S, WORK_S = 0.5, 0.1
MODELS = ("harbour", "lagoon", "meadow")
ENGINES = ("one", "two")
HOW = f"""
Jobs of three models in a random order (the same each time), all sent at once to two sketches that pretend to
load: {LOAD_S} s whenever a job's model is not that of the job before, and {WORK_S} s of work each. In turns:
every other job to the other engine, as a plain load balancer does. By gesso: to where its model is, within
the bounds of fairness.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    loads: int
    done_s: float


def job(model: str, seed: int) -> dict[str, Any]:
    work = {"image": ["1", 0], "steps": 1, "seconds": WORK_S, "seed": seed}
    return {
        "1": {"class_type": "SketchPretendLoader", "inputs": {"model_name": f"{model}.safetensors"}},
        "2": {"class_type": "SketchSteps", "inputs": work},
        "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": "bench"}},
    }


def measure(place: Place) -> Section:
    number = 24 if place.quick else 60
    section = Section(
        name="affinity",
        title=f"{number} jobs of {len(MODELS)} models on {len(ENGINES)} engines",
        how=HOW.strip(),
        columns=("placed", "loads", "done s", "jobs/s"),
    )
    chance = random.Random(1)  # noqa: S311
    jobs = [job(chance.choice(MODELS), seed) for seed in range(number)]
    outcomes = {"in turns": _in_turns(place, jobs), "by gesso": _by_gesso(place, jobs)}
    for name, each in outcomes.items():
        section.rows.append((name, str(each.loads), shown(each.done_s), shown(number / each.done_s)))
    turns, gesso = outcomes["in turns"], outcomes["by gesso"]
    section.figures.append(
        Figure(
            what="model loads, of those in turns",
            value=gesso.loads / turns.loads,
            unit="",
            bound=Bound.AT_MOST,
            goal=GOAL_LOADS,
        )
    )
    section.figures.append(
        Figure(
            what="throughput with models to load, of that in turns",
            value=turns.done_s / gesso.done_s,
            unit="",
            bound=Bound.AT_LEAST,
            goal=GOAL_THROUGHPUT,
        )
    )
    return section


def _in_turns(place: Place, jobs: Sequence[dict[str, Any]]) -> Outcome:
    place.say(f"{len(jobs)} jobs, in turns")
    with ExitStack() as stack:
        urls = _sketches(place, stack, "turns")
        clients = [stack.enter_context(client(url)) for url in urls]
        begun = time.perf_counter()
        sent = [(one := clients[number % len(clients)], one.send(each)) for number, each in enumerate(jobs)]
        for one, prompt_id in sent:
            one.heard("executing", prompt_id)
        return Outcome(loads=_loads(urls), done_s=time.perf_counter() - begun)


def _by_gesso(place: Place, jobs: Sequence[dict[str, Any]]) -> Outcome:
    place.say(f"{len(jobs)} jobs, by gesso")
    with ExitStack() as stack:
        urls = _sketches(place, stack, "gesso")
        gesso = stack.enter_context(running_service(place.folder("affinity") / "gesso", over(urls)))
        one = stack.enter_context(client(gesso.url, gesso.key))
        begun = time.perf_counter()
        for prompt_id in [one.send(each) for each in jobs]:
            one.heard("executing", prompt_id)
        return Outcome(loads=_loads(urls), done_s=time.perf_counter() - begun)


def _sketches(place: Place, stack: ExitStack, way: str) -> list[str]:
    folder = place.folder("affinity") / way
    return [
        stack.enter_context(running_sketch(folder / name, "--load-seconds", str(LOAD_S))).url
        for name in ENGINES
    ]


def _loads(urls: Sequence[str]) -> int:
    counted = 0
    for url in urls:
        with Connection(url) as line:
            counted += json.loads(line.call("GET", "/sketch/loads").body)["loads"]
    return counted
