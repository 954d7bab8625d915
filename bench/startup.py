"""Starting: `gesso --help`, and `gesso up` to the first picture, when both have run before."""

import subprocess
import sys
import time

from bench.client import client
from bench.figures import Bound, Figure, Section, quantile, shown
from bench.jobs import small
from bench.place import Place
from tests.service import RunningGesso, running_service

GOAL_HELP_S, GOAL_PICTURE_S = 0.2, 5.0
HOW = """
Warm: the files have been read before. The first picture is there when a client that knocks from the
start on has sent a job and can fetch its result; gesso starts its engine, sketch, meanwhile.
"""


def measure(place: Place) -> Section:
    section = Section(
        name="startup",
        title="Starting",
        how=HOW.strip(),
        columns=("what", "shortest s", "p50 s", "longest s"),
    )
    times = 3 if place.quick else 10
    place.say(f"gesso --help, {times} times")
    helped = [_help() for _ in range(times + 1)][1:]
    place.say("gesso up to the first picture")
    with running_service(place.folder("startup"), ready=False) as gesso:
        pictured = [_first_picture(gesso, turn) for turn in range(3 if place.quick else 6)][1:]
    for what, taken, goal in (
        ("`gesso --help`", helped, GOAL_HELP_S),
        ("`gesso up` to the first picture", pictured, GOAL_PICTURE_S),
    ):
        middle = quantile(taken, 0.5)
        section.rows.append((what, *map(shown, (min(taken), middle, max(taken)))))
        section.figures.append(
            Figure(what=f"{what}, p50", value=middle, unit="s", bound=Bound.AT_MOST, goal=goal)
        )
    return section


def _help() -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-m", "gesso", "--help"], check=True, capture_output=True, timeout=60)
    return time.perf_counter() - begun


def _first_picture(gesso: RunningGesso, turn: int) -> float:
    gesso.close()
    begun = time.perf_counter()
    gesso.launch()
    with client(gesso.url, gesso.key) as one:
        one.heard("executing", one.send(small(turn)))
        return time.perf_counter() - begun
