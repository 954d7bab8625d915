"""Jobs: from POST /prompt to `execution_start`, and two hundred short ones, directly and through gesso."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from statistics import mean, median
from typing import Any

from bench.client import Client, client
from bench.figures import Bound, Figure, Section, quantile, shown
from bench.pauses import pauses_ms
from bench.place import ENGINE_CORE, OTHER_CORE, Place, on_core, over
from tests.running import running_sketch
from tests.service import running_service

GOAL_OVERHEAD_MS, GOAL_THROUGHPUT = 10.0, 0.95
THREE = "gesso, three engines"
HOW_START = """
One job after the other, directly and through gesso in turns: from sending `POST /prompt` to reading
`execution_start` from the WebSocket; `picture` goes on to the message that the job has ended and its picture
can be fetched. Each job differs from the one before, so that nothing comes from the engine's cache. The last
row: a gesso that has two more engines to choose from.
"""
HOW_MANY = """
One `POST /prompt` after the other without waiting; it ends when the last picture can be fetched. Each job
paints, blurs and saves a picture that differs from all others. Through gesso every job is on the disk
before it is answered, and every picture is fetched, hashed, stored and named. Directly and through gesso
in turns; shown are medians, of the ratio the median of neighbouring turns, for the machine's pace drifts.
Both ways lead to the same sketch, which has one core to itself: an engine works on its card, sketch on the
processor. gesso and the client have the other. Between jobs: how long the engine had nothing to do.
"""


def small(seed: int) -> dict[str, Any]:
    """A few milliseconds of work."""
    return _painting(seed, 64, blur=1)


def short(seed: int) -> dict[str, Any]:
    """Some forty to fifty milliseconds of work."""
    return _painting(seed, 832, blur=8)


def _painting(seed: int, side: int, *, blur: int) -> dict[str, Any]:
    plain = {"width": side, "height": side, "batch_size": 1, "color": seed % 0xFFFFFF}
    return {
        "1": {"class_type": "EmptyImage", "inputs": plain},
        "2": {"class_type": "ImageBlur", "inputs": {"image": ["1", 0], "blur_radius": blur, "sigma": 2.0}},
        "3": {"class_type": "ImageInvert", "inputs": {"image": ["2", 0]}},
        "4": {"class_type": "SaveImage", "inputs": {"images": ["3", 0], "filename_prefix": "bench"}},
    }


def measure_start(place: Place) -> Section:
    section = Section(
        name="start",
        title="From POST /prompt to execution_start",
        how=HOW_START.strip(),
        columns=("through", "start p50 ms", "start p99 ms", "picture p50 ms", "picture p99 ms"),
    )
    number = 30 if place.quick else 150
    with _both(place, "start", more=2) as ways:
        started: dict[str, list[float]] = {name: [] for name in ways.clients}
        ended: dict[str, list[float]] = {name: [] for name in ways.clients}
        place.say(f"{number} jobs each way, one after the other")
        for turn in range(-5, number):
            for offset, (name, one) in enumerate(ways.clients.items()):
                begun = time.perf_counter()
                prompt_id = one.send(small(1000 + len(started) * turn + offset))
                one.heard("execution_start", prompt_id)
                start = time.perf_counter() - begun
                one.heard("executing", prompt_id)
                if turn >= 0:  # those before have warmed up
                    started[name].append(start)
                    ended[name].append(time.perf_counter() - begun)
    for name in started:
        values = [
            quantile(each, share) * 1000 for each in (started[name], ended[name]) for share in (0.5, 0.99)
        ]
        section.rows.append((name, *map(shown, values)))
    for name, which in (("gesso", ""), (THREE, ", three engines")):
        overhead = quantile(started[name], 0.5) - quantile(started["direct"], 0.5)
        section.figures.append(
            Figure(
                what=f"time added until a job starts{which}, p50",
                value=overhead * 1000,
                unit="ms",
                bound=Bound.AT_MOST,
                goal=GOAL_OVERHEAD_MS,
            )
        )
    return section


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Seconds until all were sent and until all were done; the engine's own pause between two jobs."""

    done_s: float
    sent_s: float
    pause_ms: float


def measure_many(place: Place) -> Section:
    number = 40 if place.quick else 200
    section = Section(
        name="jobs",
        title=f"{number} short jobs",
        how=HOW_MANY.strip(),
        columns=("through", "sent s", "done s", "jobs/s", "of direct", "between jobs ms"),
    )
    turns: dict[str, list[Turn]] = {"direct": [], "gesso": []}
    with _both(place, "jobs") as ways:
        for turn in range(1 if place.quick else 5):
            for offset, (name, one) in enumerate(ways.clients.items()):
                place.say(f"{number} jobs, {name}")
                first = (2 * turn + offset + 1) * 10_000
                turns[name].append(_turn(one, ways.engine, range(first, first + number)))
    pairs = zip(turns["direct"], turns["gesso"], strict=True)
    share = median(direct.done_s / through.done_s for direct, through in pairs)
    for name, each in turns.items():
        done_s, sent_s = median(turn.done_s for turn in each), median(turn.sent_s for turn in each)
        figures = (sent_s, done_s, number / done_s, 1.0 if name == "direct" else share)
        section.rows.append((name, *map(shown, figures), shown(median(turn.pause_ms for turn in each))))
    section.figures.append(
        Figure(
            what=f"throughput of {number} short jobs, of direct",
            value=share,
            unit="",
            bound=Bound.AT_LEAST,
            goal=GOAL_THROUGHPUT,
        )
    )
    return section


def _turn(one: Client, engine: str, seeds: range) -> Turn:
    begun = time.perf_counter()
    ids = [one.send(short(seed)) for seed in seeds]
    sent = time.perf_counter()
    for prompt_id in ids:
        one.heard("executing", prompt_id)
    done = time.perf_counter()
    pause_ms = mean(pauses_ms(engine, latest=len(seeds)))
    return Turn(done_s=done - begun, sent_s=sent - begun, pause_ms=pause_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """A client of one sketch, and clients of gessos over it."""

    engine: str
    clients: dict[str, Client]


@contextmanager
def _both(place: Place, name: str, *, more: int = 0) -> Iterator[Ways]:
    """With `more`, a client of another gesso, too, which has so many engines beside that sketch."""
    directory = place.folder(name)
    place.say("starting sketch and gesso")
    with ExitStack() as stack:
        # Memory that was given back to the system is slow to get again, and when that happens is chance:
        # two processes doing the same differ by a tenth. So both ways lead to the same process.
        with on_core(ENGINE_CORE):
            sketch = stack.enter_context(running_sketch(directory / "sketch"))
            others = [stack.enter_context(running_sketch(directory / f"sketch{n}")) for n in range(more)]
        stack.enter_context(on_core(OTHER_CORE))
        services = {"gesso": stack.enter_context(running_service(directory / "gesso", over([sketch.url])))}
        if others:
            toml = over([sketch.url, *(each.url for each in others)])
            services[THREE] = stack.enter_context(running_service(directory / "three", toml))
        clients = {"direct": stack.enter_context(client(sketch.url))}
        try:
            for way, gesso in services.items():
                clients[way] = stack.enter_context(client(gesso.url, gesso.key))
            yield Ways(engine=sketch.url, clients=clients)
        except AssertionError as error:
            for way, gesso in services.items():
                error.add_note(f"the end of the log of {way}:\n{gesso.log()[-4000:]}")
            raise
