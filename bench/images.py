"""`/v1/images/generations` beside the engine itself and beside LiteLLM: what a picture takes on each way."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count

import psutil

from bench.client import client
from bench.figures import Bound, Figure, Section, quantile, shown
from bench.litellm import running_litellm
from bench.pictures import GENERATIONS, STEPS, drawn_by_api, drawn_by_engine, pixels, request
from bench.place import ENGINE_CORE, OTHER_CORE, Memory, Place, on_core, over
from tests.running import running_sketch
from tests.service import running_service

GOAL_ADDED_MS, GOAL_GROWTH_MIB, GOAL_OF_LITELLM = 20.0, 32.0, 1.0
# How many of each size, and of a quick run.
SIDES = {64: (30, 5), 512: (6, 2)}
ENGINE, GESSO, LITELLM = "the engine itself", "gesso", "LiteLLM, then gesso"
NOT_FOUND = "`litellm` is not found; `--litellm PATH` names it"
HOW = f"""
The same workflow of {STEPS} steps, one picture after the other, the ways in turns; each picture is a new one.
The engine itself: from `POST /prompt` over the WebSocket's word that it has ended to the file from `/view`.
gesso: from `POST {GENERATIONS}` until the file has been decoded from the answer. LiteLLM: the
same request to its proxy, which checks a key of its own and asks gesso. All ways bring the same pixels. The
engine has one core to itself; gesso, LiteLLM and the client share the other. Added to the way in the row
above, and of direct, which is the engine itself: between pictures of the same turn, p50, and p10 and p90.
Processor time and memory are those of gesso's process, and of LiteLLM's.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to a picture by seed and side; `pid`: of the process that stands in it."""

    draw: Callable[[int, int], bytes]
    pid: int | None = None


@dataclass(slots=True, kw_only=True)
class Taken:
    """Of each picture of one size: seconds, and of these its way's processor time; the process's memory."""

    seconds: list[float] = field(default_factory=list)
    processor_s: list[float] = field(default_factory=list)
    memory: Memory | None = None

    def added_ms(self, to: "Taken") -> float:
        return 1000 * quantile([mine - its for mine, its in zip(self.seconds, to.seconds, strict=True)], 0.5)

    def of(self, direct: "Taken", share: float) -> float:
        return quantile([mine / its for mine, its in zip(self.seconds, direct.seconds, strict=True)], share)


def measure(place: Place) -> Section:
    section = Section(
        name="images",
        title=f"A picture through {GENERATIONS}",
        how=HOW.strip(),
        columns=("size", "through", "p50 ms", "p90 ms", "added ms", "of direct")
        + ("processor ms", "memory MiB before", "at most"),
    )
    if place.litellm is None:
        section.skipped.append(f"LiteLLM: {NOT_FOUND}")
    taken = {}
    with _ways(place) as ways:
        seeds = count(1)
        _warm_up(ways)
        for side, numbers in SIDES.items():
            place.say(f"{numbers[place.quick]} pictures of {side}x{side} each way")
            taken[side] = _take(ways, side, numbers[place.quick], seeds)
            section.rows.extend(rows(side, taken[side]))
    section.figures.extend(figures(taken))
    return section


@contextmanager
def _ways(place: Place) -> Iterator[Mapping[str, Way]]:
    """Each leads over the one before."""
    directory = place.folder("images")
    place.say("starting sketch and gesso")
    with ExitStack() as stack:
        with on_core(ENGINE_CORE):
            sketch = stack.enter_context(running_sketch(directory / "sketch"))
        stack.enter_context(on_core(OTHER_CORE))
        gesso = stack.enter_context(running_service(directory / "gesso", over([sketch.url])))
        assert gesso.process is not None
        one = stack.enter_context(client(sketch.url))
        ways = {
            ENGINE: Way(draw=lambda seed, side: drawn_by_engine(one, seed, side)),
            GESSO: _by_api(gesso.url, gesso.key, gesso.process.pid),
        }
        if place.litellm is not None:
            place.say("starting LiteLLM")
            proxy = stack.enter_context(running_litellm(place.litellm, directory, gesso.url, gesso.key))
            ways[LITELLM] = _by_api(proxy.url, proxy.key, proxy.pid)
        yield ways


def _by_api(url: str, key: str, pid: int) -> Way:
    return Way(draw=lambda seed, side: drawn_by_api(url, key, request(seed, side)), pid=pid)


def _warm_up(ways: Mapping[str, Way]) -> None:
    first, *others = [pixels(way.draw(0, 64)) for way in ways.values()]
    assert all((first == other).all() for other in others), "the ways bring different pictures"


def _take(ways: Mapping[str, Way], side: int, number: int, seeds: Iterator[int]) -> dict[str, Taken]:
    taken = {name: Taken() for name in ways}
    with ExitStack() as stack:
        for name, way in ways.items():
            if way.pid is not None:
                taken[name].memory = stack.enter_context(Memory(way.pid))
        for turn in range(-1, number):
            for name, way in ways.items():
                spent, begun = _processor_s(way), time.perf_counter()
                way.draw(next(seeds), side)
                seconds = time.perf_counter() - begun
                if turn >= 0:  # the one before has warmed up
                    taken[name].seconds.append(seconds)
                    taken[name].processor_s.append(_processor_s(way) - spent)
    return taken


def _processor_s(way: Way) -> float:
    if way.pid is None:
        return 0.0
    times = psutil.Process(way.pid).cpu_times()
    return float(times.user + times.system)


def rows(side: int, taken: Mapping[str, Taken]) -> Iterator[tuple[str, ...]]:
    above = direct = taken[ENGINE]
    for name, each in taken.items():
        times = (shown(quantile(each.seconds, share) * 1000) for share in (0.5, 0.9))
        row = (f"{side}x{side}", name, *times)
        if each.memory is None:
            yield (*row, "", "1.00", "", "", "")
            continue
        low, middle, high = (f"{each.of(direct, share):.2f}" for share in (0.1, 0.5, 0.9))
        processor_ms = 1000 * sum(each.processor_s) / len(each.processor_s)
        figures = (processor_ms, each.memory.before_mib, each.memory.peak_mib)
        yield (*row, shown(each.added_ms(above)), f"{middle} ({low}–{high})", *map(shown, figures))
        above = each


def figures(taken: Mapping[int, Mapping[str, Taken]]) -> Iterator[Figure]:
    for side, ways in taken.items():
        yield Figure(
            what=f"time added to a picture of {side}x{side} by the API, p50",
            value=ways[GESSO].added_ms(ways[ENGINE]),
            unit="ms",
            bound=Bound.AT_MOST,
            goal=GOAL_ADDED_MS,
            note="the goal is ours",
        )
    memories = [memory for ways in taken.values() if (memory := ways[GESSO].memory) is not None]
    yield Figure(
        what="memory gained by gesso while it hands out pictures",
        value=max(each.peak_mib for each in memories) - min(each.before_mib for each in memories),
        unit="MiB",
        bound=Bound.AT_MOST,
        goal=GOAL_GROWTH_MIB,
        note="the goal is ours",
    )
    yield Figure(
        what="time added by gesso, of what LiteLLM in front of it adds",
        value=_of_litellm(taken[64]),
        unit="",
        bound=Bound.AT_MOST,
        goal=GOAL_OF_LITELLM,
        note="the goal is ours" if LITELLM in taken[64] else NOT_FOUND,
    )


def _of_litellm(taken: Mapping[str, Taken]) -> float | None:
    if LITELLM not in taken:
        return None
    # On a machine that is busy otherwise, nothing to be seen may be added.
    litellm_ms = max(1.0, taken[LITELLM].added_ms(taken[GESSO]))
    return taken[GESSO].added_ms(taken[ENGINE]) / litellm_ms
