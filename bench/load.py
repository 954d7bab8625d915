"""A thousand open sockets and fifty jobs a second: what a request of somebody else's takes meanwhile."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench.figures import Bound, Figure, Section, quantile, shown
from bench.place import Memory, Place
from bench.wire import Connection
from tests.crowd import Order, Seen, crowd
from tests.fleet import new_user, running_fleet

GOAL_P99_MS, GOAL_LAG_S, GOAL_SOCKET_KIB = 50.0, 1.0, 64.0
PATHS = ("/gesso/api/whoami", "/queue")
# Below what one account may ask a second.
GAP_S = 0.02
QUIET_S = 3.0
HOW = """
Fifty users with twenty sockets each; their jobs, which make a picture of 16 × 16 each, are sent at an even
pace to three sketches. Every job's twenty or so messages go to the socket that asked for it, four more to
all of its owner's. Meanwhile one who has no part in it asks who he is, and for his queue, some forty times a
second each. Nothing is confined to a core: gesso, the engines and the crowd share what there is.
"""


@dataclass(slots=True, kw_only=True)
class Asked:
    """How long the requests took, in seconds, by their path."""

    took: dict[str, list[float]] = field(default_factory=lambda: {path: [] for path in PATHS})
    errors: list[str] = field(default_factory=list)

    def row(self, path: str) -> tuple[str, str]:
        values = self.took[path]
        return shown(quantile(values, 0.5) * 1000), shown(quantile(values, 0.99) * 1000)


@contextmanager
def asking(url: str, key: str) -> Iterator[Asked]:
    """Ask, again and again, as long as it is open."""
    asked, done = Asked(), threading.Event()

    def ask() -> None:
        try:
            with Connection(url, key) as line:
                while not done.wait(GAP_S):
                    for path in PATHS:
                        asked.took[path].append(line.timed(line.head("GET", path)))
        except (AssertionError, OSError) as error:
            asked.errors.append(str(error))

    thread = threading.Thread(target=ask, name="asking", daemon=True)
    thread.start()
    try:
        yield asked
    finally:
        done.set()
        thread.join()


def measure(place: Place) -> Section:
    users, each, rate, seconds = (10, 20, 20.0, 5.0) if place.quick else (50, 20, 50.0, 60.0)
    section = Section(
        name="load",
        title=f"{users * each} open sockets and {rate:.0f} jobs a second",
        how=HOW.strip(),
        columns=("meanwhile", "jobs/s", "messages/s", "memory MiB")
        + tuple(f"{path} {share} ms" for path in PATHS for share in ("p50", "p99")),
    )
    with running_fleet(place.folder("load")) as gesso:
        assert gesso.process is not None
        memory = Memory(gesso.process.pid)
        someone = new_user(gesso, "someone")
        order = Order(
            url=gesso.url,
            keys=[new_user(gesso, f"user-{number}").key for number in range(users)],
            sockets=each,
            jobs_per_s=rate,
            seconds=seconds,
        )
        place.say("nothing open")
        with asking(gesso.url, someone.key) as quiet:
            time.sleep(QUIET_S)
        before_mib = memory.now_mib()
        with crowd(order) as people:
            open_mib = memory.now_mib()
            place.say(f"{people.opened} sockets open")
            with asking(gesso.url, someone.key) as silent:
                time.sleep(QUIET_S)
            place.say(f"{rate:.0f} jobs a second, for {seconds:.0f} s")
            with asking(gesso.url, someone.key) as busy:
                seen = people.work()
        after_mib = memory.now_mib()
    socket_kib = (open_mib - before_mib) * 1024 / people.opened
    for what, asked, mib in (("nothing", quiet, before_mib), (f"{people.opened} sockets", silent, open_mib)):
        section.rows.append((what, "", "", shown(mib), *_times(asked)))
    rates = (seen.succeeded / seen.ended_s, seen.messages / seen.ended_s)
    section.rows.append(("sockets and jobs", *map(shown, rates), shown(after_mib), *_times(busy)))
    section.figures.extend(_figures(order, seen, busy, socket_kib))
    return section


def _times(asked: Asked) -> tuple[str, ...]:
    return tuple(value for path in PATHS for value in asked.row(path))


def _figures(order: Order, seen: Seen, busy: Asked, socket_kib: float) -> list[Figure]:
    number = round(order.jobs_per_s * order.seconds)
    beside = f"beside {len(order.keys) * order.sockets} sockets and {order.jobs_per_s:.0f} jobs/s"
    failed = number - seen.succeeded + seen.lost + seen.strays + len(busy.errors)
    worst = max(quantile(values, 0.99) for values in busy.took.values())
    at_most = Bound.AT_MOST
    return [
        Figure(
            what=f"unrelated GET {beside}, p99",
            value=worst * 1000,
            unit="ms",
            bound=at_most,
            goal=GOAL_P99_MS,
        ),
        Figure(
            what=f"jobs not done, sockets lost, messages gone astray, requests failed of {number}",
            value=float(failed),
            unit="",
            bound=at_most,
            goal=0.0,
            note="; ".join([*seen.errors, *busy.errors])[:300],
        ),
        Figure(
            what=f"{beside}: from the last job sent to the last ended",
            value=seen.ended_s - seen.sent_s,
            unit="s",
            bound=at_most,
            goal=GOAL_LAG_S,
            note="the goal is ours: the jobs must not pile up",
        ),
        Figure(
            what="memory of an open socket",
            value=socket_kib,
            unit="KiB",
            bound=at_most,
            goal=GOAL_SOCKET_KIB,
            note="the goal is ours",
        ),
    ]
