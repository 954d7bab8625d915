"""GET /system_stats: what gesso, nginx and Caddy add to one request, and how many they pass in a second."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from bench.figures import Bound, Figure, Section, quantile, ratio, shown
from bench.machine import find
from bench.place import UNHURRIED, Place, can_pin, on_core
from bench.proxies import caddy_proxy, constant_backend, nginx_proxy
from bench.wire import Connection
from tests.running import running_sketch
from tests.service import running_service

PATH = "/system_stats"
PROXY_CORE, OTHER_CORE = 0, 1
CLIENTS = 32
GOAL_P50_MS, GOAL_P99_MS, GOAL_REQUESTS = 0.5, 2.0, 4000
HOW = f"""
Latency: one connection, one request after the other, the four taking turns. Added is the quantile through
the proxy less the same quantile without it. Requests a second: wrk with {CLIENTS} connections. The proxy has
one core to itself, wrk and the backend have another. Everybody checks a key and writes an access log.
sketch, being Python, is slower than the proxies; so they are also put in front of a *constant* backend,
an nginx that answers with the same bytes at once. Requests a second are judged there, latency with sketch.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Somebody to be asked, and whether with the key."""

    name: str
    backend: str
    url: str
    key: str

    @property
    def direct(self) -> bool:
        return not self.key


def measure(place: Place) -> Section:
    section = Section(
        name="proxying",
        title="A request passed through",
        how=HOW.strip(),
        columns=(
            "backend",
            "through",
            "p50 ms",
            "p99 ms",
            "added p50",
            "added p99",
            "requests/s",
            "of direct",
        ),
    )
    if not can_pin():
        section.skipped.append("no cores to be told apart: nothing is pinned, and requests/s say little")
    with ExitStack() as stack:
        directory = place.folder("proxying")
        place.say("starting sketch, gesso, nginx, Caddy")
        with on_core(OTHER_CORE):
            sketch = stack.enter_context(running_sketch(directory / "sketch"))
            constant = stack.enter_context(_constant(place, sketch.url))
        for backend, url in (("sketch", sketch.url), ("constant", constant)):
            if url is None:
                section.skipped.append("the constant backend: needs the Debian package nginx")
                continue
            with ExitStack() as proxies, on_core(PROXY_CORE):
                targets = [Target(name="direct", backend=backend, url=url, key="")]
                targets += _proxies(place, proxies, backend, url, section)
                with on_core(OTHER_CORE):
                    _compare(place, targets, section)
    return section


@contextmanager
def _constant(place: Place, sketch: str) -> Iterator[str | None]:
    with Connection(sketch) as connection:
        body = connection.call("GET", PATH).body
    with constant_backend(place.folder("proxying/constant"), body, sketch) as url:
        yield url


def _proxies(place: Place, stack: ExitStack, backend: str, url: str, section: Section) -> Iterator[Target]:
    toml = f'[[engine]]\nname = "backend"\nkind = "comfyui"\nurl = "{url}"\n'
    gesso = stack.enter_context(running_service(place.folder(f"proxying/gesso-{backend}"), UNHURRIED + toml))
    yield Target(name="gesso", backend=backend, url=gesso.url, key=gesso.key)
    for name, proxy in (("nginx", nginx_proxy), ("Caddy", caddy_proxy)):
        found = stack.enter_context(proxy(place.folder(f"proxying/{name}-{backend}"), url, gesso.key))
        if found is not None:
            yield Target(name=name, backend=backend, url=found, key=gesso.key)
        elif backend == "sketch":
            section.skipped.append(f"{name}: needs the Debian package {name.lower()}")


def _compare(place: Place, targets: list[Target], section: Section) -> None:
    backend = targets[0].backend
    place.say(f"{backend}: one request after the other, {', '.join(target.name for target in targets)}")
    samples = take_turns(targets, rounds=5 if place.quick else 20, each=60 if place.quick else 150)
    rates: dict[str, float | None] = {}
    for target in targets:
        place.say(f"{backend}: as many requests as {target.name} takes")
        rates[target.name] = requests_per_s(target, 1 if place.quick else 6)
    if rates["direct"] is None:
        section.skipped.append("requests a second: needs the Debian package wrk")
    direct = {share: quantile(samples["direct"], share) * 1000 for share in (0.5, 0.99)}
    for target in targets:
        p50, p99 = (quantile(samples[target.name], share) * 1000 for share in (0.5, 0.99))
        added = ("", "") if target.direct else (shown(p50 - direct[0.5]), shown(p99 - direct[0.99]))
        rate, reference = rates[target.name], rates["direct"]
        of_direct = ratio(rate, reference) if rate and reference else "–"
        section.rows.append((backend, target.name, shown(p50), shown(p99), *added, shown(rate), of_direct))
        if target.name == "gesso" and backend == "sketch":
            section.figures.append(_added("p50", p50 - direct[0.5], GOAL_P50_MS))
            section.figures.append(_added("p99", p99 - direct[0.99], GOAL_P99_MS))
        if target.name == "gesso" and backend == "constant":
            section.figures.append(
                Figure(
                    what="requests passed on by one core",
                    value=rate,
                    unit="/s",
                    bound=Bound.AT_LEAST,
                    goal=GOAL_REQUESTS,
                )
            )


def _added(quantile_name: str, value: float, goal: float) -> Figure:
    return Figure(
        what=f"latency added to a request, {quantile_name}",
        value=value,
        unit="ms",
        bound=Bound.AT_MOST,
        goal=goal,
    )


def take_turns(targets: list[Target], *, rounds: int, each: int) -> dict[str, list[float]]:
    """Seconds of single requests by target. In turns, so that a busy moment of the machine meets all."""
    samples: dict[str, list[float]] = {target.name: [] for target in targets}
    with ExitStack() as stack:
        lines = [(target, stack.enter_context(Connection(target.url, target.key))) for target in targets]
        for _, line in lines:
            for _ in range(20):
                line.call("GET", PATH)
        for _ in range(rounds):
            for target, line in lines:
                request = line.head("GET", PATH)
                samples[target.name] += [line.timed(request) for _ in range(each)]
    return samples


def requests_per_s(target: Target, seconds: int) -> float | None:
    """What wrk gets through; None where it is not installed."""
    program = find("wrk")
    if program is None:
        return None
    header = ["-H", f"Authorization: Bearer {target.key}"] if target.key else []
    command = [program, "-t1", f"-c{CLIENTS}", f"-d{seconds}s", *header, target.url + PATH]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 30).stdout
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    if refused:
        raise AssertionError(f"{target.name} refused {refused[1]} requests")
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    return float(found[1]) if found else None
