"""Gaps: how long an engine has nothing to do between two jobs that take more than a second."""

from typing import Any

from bench.client import client
from bench.figures import Bound, Figure, Section, quantile, shown
from bench.pauses import pauses_ms
from bench.place import Place, over
from tests.running import running_sketch
from tests.service import running_service

GOAL_MS = 10.0
WORK_S = 1.5
HOW = f"""
Jobs of {WORK_S} s, all sent at once through gesso to one sketch: from the end of each to the beginning of the
next, by the times in the engine's own history. What such a job takes, gesso learns from the first.
"""


def measure(place: Place) -> Section:
    number = 6 if place.quick else 16
    place.say(f"{number} jobs of {WORK_S} s")
    folder = place.folder("gaps")
    with running_sketch(folder / "sketch") as sketch:
        with (
            running_service(folder / "gesso", over([sketch.url])) as gesso,
            client(gesso.url, gesso.key) as one,
        ):
            for prompt_id in [one.send(_long(seed)) for seed in range(number)]:
                one.heard("executing", prompt_id)
            gaps = pauses_ms(sketch.url, latest=number)
    middle, most = quantile(gaps, 0.5), max(gaps)
    return Section(
        name="gaps",
        title=f"Between {number} long jobs",
        how=HOW.strip(),
        columns=("through", "gap p50 ms", "longest ms"),
        rows=[("gesso", shown(middle), shown(most))],
        figures=[
            Figure(
                what="an engine's pause between long jobs, p50",
                value=middle,
                unit="ms",
                bound=Bound.AT_MOST,
                goal=GOAL_MS,
            )
        ],
    )


def _long(seed: int) -> dict[str, Any]:
    plain = {"width": 64, "height": 64, "batch_size": 1, "color": seed}
    work = {"image": ["1", 0], "steps": 1, "seconds": WORK_S, "seed": seed}
    return {
        "1": {"class_type": "EmptyImage", "inputs": plain},
        "2": {"class_type": "SketchSteps", "inputs": work},
        "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": "bench"}},
    }
