"""Finds image engines that run on this machine, whoever started them, and says how each would be adopted."""

import asyncio
import ipaddress
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import aiohttp

from gesso.engines.comfyui import ComfyUI
from gesso.engines.probe import LOCKED, Outcome, Probe
from gesso.gpus.reader import Machine
from gesso.processes.containers import Container, Published, container_of, read_proxy
from gesso.processes.listeners import Listener, Program, listeners, program
from gesso.processes.process import TOKEN

# Where ComfyUI, Forge and what stands in front of them listen when nobody says otherwise.
USUAL_PORTS = frozenset({*range(8188, 8200), *range(7860, 7870)})
# Words of command lines that are worth a question, whatever the port.
_WORTH_ASKING = re.compile(
    r"comfy|gesso\.sketch|stable-diffusion|webui|\bforge\b|(^|[/\\ ])(main|launch)\.py\b", re.IGNORECASE
)
ASK_S = 5.0
ANSWER_LIMIT = 1 << 20


class Kind(StrEnum):
    """What was found."""

    COMFYUI = "comfyui"
    SKETCH = "sketch"
    FORGE = "forge"
    """SD-WebUI, Forge or another with their API."""
    LOCKED = "behind a login"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldMemory:
    """What the process holds on one card; None: not known how much."""

    uuid: str
    card: str
    memory: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One process, or one address whose process nobody may know."""

    kind: Kind
    evidence: str
    """What was asked, and what came back."""
    url: str | None = None
    program: Program | None = None
    container: Container | None = None
    cards: tuple[HeldMemory, ...] = ()
    ours: bool = False
    """A gesso started it."""
    exposed: bool = False
    """Other machines can reach it, past gesso."""
    version: str | None = None


async def discover(machine: Machine | None, session: aiohttp.ClientSession) -> list[Found]:
    """Look at who listens and who holds memory of cards, and ask what is worth asking. Nothing is changed:
    one GET of an engine's status, and one of Forge's. Raises ProcessError."""
    held = cards_of(machine)
    ports, programs, published = await asyncio.to_thread(_look, tuple(held))
    asked: dict[tuple[str, int], Listener] = {}
    for listener in ports:
        known = programs.get(listener.pid or 0)
        if is_worth_asking(listener, known, holds_memory=listener.pid in held, published=published):
            asked.setdefault((_reached_at(listener.host), listener.port), listener)
    answers = await asyncio.gather(*(_ask(host, port, session) for host, port in asked))
    found = [
        _found(listener, url, probe, forge, programs, held, published)
        for listener, (url, probe, forge) in zip(asked.values(), answers, strict=True)
    ]
    seen = {each.program.pid for each in found if each.program is not None}
    for pid in held.keys() - seen:
        found.append(
            Found(
                kind=Kind.UNKNOWN,
                evidence="it holds memory of a card, and listens nowhere that we know of",
                program=programs.get(pid, Program(pid=pid)),
                container=container_of(pid),
                cards=held[pid],
                ours=bool(programs.get(pid, Program(pid=pid)).token),
            )
        )
    return sorted(found, key=lambda one: (one.url is None, one.url or "", one.evidence))


def cards_of(machine: Machine | None) -> dict[int, tuple[HeldMemory, ...]]:
    """By PID: what it holds on which card."""
    held: dict[int, list[HeldMemory]] = {}
    for card in machine.cards if machine is not None else ():
        for process in card.processes or ():
            one = HeldMemory(uuid=card.uuid, card=card.name, memory=process.memory)
            held.setdefault(process.pid, []).append(one)
    return {pid: tuple(cards) for pid, cards in held.items()}


def is_worth_asking(
    listener: Listener, known: Program | None, *, holds_memory: bool, published: Sequence[Published]
) -> bool:
    """Whether an image engine may be there; other people's databases are not to be asked."""
    words = " ".join(known.argv) if known is not None else ""
    inner = {each.inner_port for each in published if each.port == listener.port}
    usual = listener.port in USUAL_PORTS or bool(inner & USUAL_PORTS)
    return usual or holds_memory or bool(_WORTH_ASKING.search(words))


def _look(
    pids: Iterable[int],
) -> tuple[list[Listener], dict[int, Program], list[Published]]:
    ports = listeners()
    known = {*pids, *(each.pid for each in ports if each.pid is not None)}
    programs = {pid: program(pid, TOKEN) for pid in known}
    published = [read_proxy(each.argv) for each in programs.values()]
    return ports, programs, [each for each in published if each is not None]


def _reached_at(host: str) -> str:
    """Where an address that is listened on is asked: any address includes the loopback."""
    address = ipaddress.ip_address(host.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    if mapped is not None:
        address = mapped
    if address.is_unspecified:
        return "127.0.0.1"
    return f"[{address}]" if address.version == 6 else str(address)


async def _ask(host: str, port: int, session: aiohttp.ClientSession) -> tuple[str, Probe, bool]:
    url = f"http://{host}:{port}"
    probe = await ComfyUI(name=url, url=url, session=session).probe(timeout_s=ASK_S)
    forge = probe.outcome is not Outcome.OK and await _is_forge(url, session)
    return url, probe, forge


async def _is_forge(url: str, session: aiohttp.ClientSession) -> bool:
    """Whether it answers GET /sdapi/v1/progress, which Forge does without a login."""
    asked = f"{url}/sdapi/v1/progress?skip_current_image=true"
    try:
        async with asyncio.timeout(ASK_S), session.get(asked, allow_redirects=False) as response:
            if response.status != 200:
                return False
            value = json.loads(await response.content.read(ANSWER_LIMIT))
    except (aiohttp.ClientError, OSError, ValueError):
        return False
    return isinstance(value, dict) and "progress" in value and "state" in value


def _found(
    listener: Listener,
    url: str,
    probe: Probe,
    forge: bool,
    programs: Mapping[int, Program],
    held: Mapping[int, tuple[HeldMemory, ...]],
    published: Sequence[Published],
) -> Found:
    known = programs.get(listener.pid) if listener.pid is not None else None
    container = container_of(listener.pid) if listener.pid is not None else None
    if known is not None and (proxy := read_proxy(known.argv)) is not None:
        container = Container(runtime="docker", id=f"at {proxy.inner_host}:{proxy.inner_port}")
    return Found(
        kind=kind_of(probe, known, forge=forge),
        evidence=str(probe) if not forge else f"GET {url}/sdapi/v1/progress: Forge's answer",
        url=url,
        program=known,
        container=container,
        cards=held.get(listener.pid or 0, ()),
        ours=known is not None and known.token is not None,
        exposed=not ipaddress.ip_address(listener.host.partition("%")[0]).is_loopback,
        version=probe.version,
    )


def kind_of(probe: Probe, known: Program | None, *, forge: bool) -> Kind:
    """What answered."""
    if probe.outcome is Outcome.OK:
        return Kind.SKETCH if known is not None and "gesso.sketch" in known.argv else Kind.COMFYUI
    if forge:
        return Kind.FORGE
    return Kind.LOCKED if probe.outcome in LOCKED else Kind.UNKNOWN
