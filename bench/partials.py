"""The first partial picture of a stream: by the API, and from the engine itself."""

import http.client
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count

from bench.client import Client, client
from bench.figures import Bound, Figure, Section, quantile, shown
from bench.pictures import GENERATIONS, STEPS, request, workflow
from bench.place import ENGINE_CORE, OTHER_CORE, Place, on_core, over
from tests.running import running_sketch
from tests.service import RunningGesso, running_service

GOAL_ADDED_MS = 20.0
SIDE, PARTIALS = 64, 3
FIRST = STEPS // (PARTIALS + 1)
"""The step after which the first of them is due."""
HOW = f"""
A picture of {SIDE}x{SIDE} in {STEPS} steps, with `stream` and {PARTIALS} `partial_images`: from sending the
request until the first partial picture, and then the whole one, have been read. The first is what there is
after {FIRST} steps, so most of the time until then is drawing; directly it is the same preview on the
engine's WebSocket. In turns; added is between neighbouring turns.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Milliseconds until the first partial picture had been read, and until the whole one."""

    first: float
    whole: float


def measure(place: Place) -> Section:
    section = Section(
        name="partials",
        title="The first partial picture",
        how=HOW.strip(),
        columns=("through", "first p50 ms", "first p90 ms", "picture p50 ms")
        + ("added to the first, p50 ms", "to the picture, p50 ms"),
    )
    number = 5 if place.quick else 30
    directory = place.folder("partials")
    seeds = count(1)
    taken: dict[str, list[Times]] = {"direct": [], "gesso": []}
    with ExitStack() as stack:
        with on_core(ENGINE_CORE):
            sketch = stack.enter_context(running_sketch(directory / "sketch"))
        stack.enter_context(on_core(OTHER_CORE))
        gesso = stack.enter_context(running_service(directory / "gesso", over([sketch.url])))
        one = stack.enter_context(client(sketch.url))
        place.say(f"{number} pictures each way")
        for turn in range(-2, number):
            times = {"direct": _by_engine(one, next(seeds)), "gesso": _by_api(gesso, next(seeds))}
            if turn >= 0:  # those before have warmed up
                for name, each in times.items():
                    taken[name].append(each)
    pairs = list(zip(taken["direct"], taken["gesso"], strict=True))
    first = quantile([through.first - direct.first for direct, through in pairs], 0.5)
    whole = quantile([through.whole - direct.whole for direct, through in pairs], 0.5)
    section.rows.append(("direct", *_row(taken["direct"]), "", ""))
    section.rows.append(("gesso", *_row(taken["gesso"]), shown(first), shown(whole)))
    section.figures.append(
        Figure(
            what="time added until the first partial picture, p50",
            value=first,
            unit="ms",
            bound=Bound.AT_MOST,
            goal=GOAL_ADDED_MS,
            note="the goal is ours",
        )
    )
    return section


def _row(taken: Sequence[Times]) -> tuple[str, ...]:
    first, whole = [each.first for each in taken], [each.whole for each in taken]
    return tuple(shown(each) for each in (quantile(first, 0.5), quantile(first, 0.9), quantile(whole, 0.5)))


def _by_engine(one: Client, seed: int) -> Times:
    begun = time.perf_counter()
    prompt_id = one.send(workflow(seed, SIDE))
    one.previewed(FIRST)
    first = time.perf_counter()
    one.heard("executing", prompt_id)
    one.picture(prompt_id)
    return _times(begun, first, time.perf_counter())


def _by_api(gesso: RunningGesso, seed: int) -> Times:
    line = http.client.HTTPConnection("127.0.0.1", gesso.port, timeout=60)
    line.connect()
    headers = {"Authorization": f"Bearer {gesso.key}", "Content-Type": "application/json"}
    body = request(seed, SIDE, stream=True, partial_images=PARTIALS)
    try:
        begun = time.perf_counter()
        line.request("POST", GENERATIONS, body, headers)
        answer = line.getresponse()
        first = read(answer, "image_generation.partial_image")
        return _times(begun, first, read(answer, "image_generation.completed"))
    finally:
        line.close()


def read(stream: Iterable[bytes], name: str) -> float:
    """When an event of this name had been read."""
    found = False
    for line in stream:
        found = found or line.strip() == f"event: {name}".encode()
        if found and line.startswith(b"data:"):
            return time.perf_counter()
    raise AssertionError(f"the stream ended without {name}")


def _times(begun: float, first: float, whole: float) -> Times:
    return Times(first=1000 * (first - begun), whole=1000 * (whole - begun))
