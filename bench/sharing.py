"""Pictures a minute: with one engine and two, for one user and for four who share them."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count

from bench.figures import Bound, Figure, Section, shown
from bench.pictures import GENERATIONS, drawn_by_api, request
from bench.place import Place
from tests.fleet import new_user, running_fleet

GOAL_ENGINES, GOAL_FAIR = 1.5, 0.8
SIDE, GREEDY, MODEST = 64, 8, 3
HOW = f"""
Pictures of {SIDE}x{SIDE} by `{GENERATIONS}`. One user always has {GREEDY} requests there; first alone,
then beside {MODEST} others who ask for one picture, and for the next when they have it. Fair is as many for
each. Nothing is confined to a core: gesso, the engines (a thread each) and the client share what there is.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """Pictures a minute, of the greedy user and of each modest one."""

    greedy: float
    modest: list[float]

    @property
    def whole(self) -> float:
        return self.greedy + sum(self.modest)


def measure(place: Place) -> Section:
    section = Section(
        name="sharing",
        title="Pictures a minute",
        how=HOW.strip(),
        columns=("engines", "users", "pictures/min", "of one engine", "the greedy one's", "the modest ones'"),
    )
    shared: dict[tuple[int, int], Shared] = {}
    for engines in (1, 2):
        toml = "".join(f'[[engine]]\nname = "sketch{n}"\nkind = "sketch"\n' for n in range(engines))
        with running_fleet(place.folder("sharing") / str(engines), toml) as gesso:
            keys = [new_user(gesso, f"user-{number}").key for number in range(1 + MODEST)]
            seeds = count(1)
            _work(gesso.url, keys, seeds, seconds=3.0)  # the engines read the model
            for users in (1, 1 + MODEST):
                place.say(f"engines: {engines}, users: {users}")
                each = _work(gesso.url, keys[:users], seeds, seconds=5.0 if place.quick else 15.0)
                shared[engines, users] = each
                share = each.whole / shared[1, users].whole
                modest = ", ".join(f"{number:.0f}" for number in each.modest)
                counted = (f"{number:.0f}" for number in (users, each.whole))
                section.rows.append((str(engines), *counted, shown(share), f"{each.greedy:.0f}", modest))
    section.figures.extend(figures(shared[1, 1 + MODEST], shared[2, 1 + MODEST]))
    return section


def figures(one: Shared, two: Shared) -> Iterator[Figure]:
    yield Figure(
        what="pictures a minute of two engines, of those of one",
        value=two.whole / one.whole,
        unit="",
        bound=Bound.AT_LEAST,
        goal=GOAL_ENGINES,
        note="the goal is ours",
    )
    yield Figure(
        what="pictures of a modest user, of those of the greedy one",
        value=min(min(each.modest) / max(1.0, each.greedy) for each in (one, two)),
        unit="",
        bound=Bound.AT_LEAST,
        goal=GOAL_FAIR,
        note="the goal is ours",
    )


def _work(url: str, keys: Sequence[str], seeds: Iterator[int], *, seconds: float) -> Shared:
    """The first of them is greedy."""
    until = time.monotonic() + seconds
    with ThreadPoolExecutor(GREEDY + MODEST) as pool:
        asking = [[pool.submit(_ask, url, keys[0], seeds, until) for _ in range(GREEDY)]]
        asking += [[pool.submit(_ask, url, key, seeds, until)] for key in keys[1:]]
        drawn = [60 / seconds * sum(one.result() for one in each) for each in asking]
    return Shared(greedy=drawn[0], modest=drawn[1:])


def _ask(url: str, key: str, seeds: Iterator[int], until: float) -> int:
    """Ask for one picture after the other; how many came in time."""
    drawn = 0
    while True:
        drawn_by_api(url, key, request(next(seeds), SIDE))
        if time.monotonic() > until:
            return drawn
        drawn += 1
