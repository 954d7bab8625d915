"""Drawing: what sketch's own model takes for a picture, by size and threads, and what memory."""

import time
from dataclasses import dataclass

from bench.client import Client, client
from bench.figures import Bound, Figure, Section, quantile, shown
from bench.pictures import STEPS, drawn_by_engine, pixels
from bench.place import Memory, Place
from gesso.sketch.canvas import DRAWN_SIDE
from tests.running import running_sketch

GOAL_S, GOAL_MIB = 0.5, 256.0
THREADS = (1, 2)
# How many of each size, and of a quick run.
SIDES = {64: (20, 5), 128: (6, 2), 512: (6, 2)}
HOW = f"""
{STEPS} steps with guidance, by sketch itself, one picture after the other: from sending `POST /prompt` until
the PNG file has been fetched from `/view`. So the words are read in it, the steps with a preview after each,
the decoder, the file packed and written. Every picture has other words and noise, so that nothing but the
model comes from the engine's cache; the *first* reads the model, too. What has more than {DRAWN_SIDE} pixels
a side is drawn with so many, and enlarged. Memory is the resident size of sketch's process: before the first
picture, and at its largest.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """Seconds of each picture of one size; the first drawn by this sketch, which reads the model."""

    first_s: float
    took_s: list[float]
    before_mib: float
    peak_mib: float


def measure(place: Place) -> Section:
    section = Section(
        name="drawing",
        title=f"A picture of {STEPS} steps",
        how=HOW.strip(),
        columns=(
            "threads",
            "size",
            "first s",
            "p50 s",
            "shortest s",
            "longest s",
            "memory MiB before",
            "at most",
        ),
    )
    drawn = {}
    for threads in THREADS:
        for side, numbers in SIDES.items():
            place.say(f"{side}x{side}, {threads} thread{'s' if threads > 1 else ''}")
            drawn[threads, side] = each = _draw(place, threads, side, numbers[place.quick])
            figures = (each.first_s, quantile(each.took_s, 0.5), min(each.took_s), max(each.took_s))
            memory = (each.before_mib, each.peak_mib)
            section.rows.append((str(threads), f"{side}x{side}", *map(shown, (*figures, *memory))))
    section.figures.append(
        Figure(
            what="a picture of 64x64 on one thread, p50",
            value=quantile(drawn[1, 64].took_s, 0.5),
            unit="s",
            bound=Bound.AT_MOST,
            goal=GOAL_S,
            note="the goal is ours",
        )
    )
    section.figures.append(
        Figure(
            what="memory of an engine that draws",
            value=max(each.peak_mib for each in drawn.values()),
            unit="MiB",
            bound=Bound.AT_MOST,
            goal=GOAL_MIB,
            note="the goal is ours",
        )
    )
    return section


def _draw(place: Place, threads: int, side: int, number: int) -> Drawn:
    folder = place.folder("drawing") / f"{side}-{threads}"
    with running_sketch(folder, "--threads", str(threads)) as sketch, client(sketch.url) as one:
        with Memory(sketch.process.pid) as memory:
            first_s, *took_s = [_timed(one, seed, side) for seed in range(number + 1)]
    return Drawn(first_s=first_s, took_s=took_s, before_mib=memory.before_mib, peak_mib=memory.peak_mib)


def _timed(one: Client, seed: int, side: int) -> float:
    begun = time.perf_counter()
    file = drawn_by_engine(one, seed, side)
    took_s = time.perf_counter() - begun
    assert pixels(file).shape == (side, side, 3)
    return took_s
