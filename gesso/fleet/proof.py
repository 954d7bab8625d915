"""What the cards say about an engine that is held to one of them: pure, from a reading and its processes."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from gesso.config.values import binary_text
from gesso.fleet.finding import Finding
from gesso.gpus.reader import Card, Machine
from gesso.gpus.xids import explain

Verdicts = Mapping[str, Finding | None]
"""By name of finding: it is so, or (None) it is not. What is not named is not known: leave it as it is."""


class Proven(StrEnum):
    """Whether an engine was seen on its card."""

    YES = "yes"
    NO = "no"
    """It was seen on another one."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """The card that an engine is held to, and whether it is there."""

    uuid: str | None
    """None: which card `gpu` means is not known yet."""
    name: str | None
    proven: Proven
    evidence: str


def card_of(machine: Machine | None, uuid: str | None) -> Card | None:
    cards = () if machine is None else machine.cards
    return next((card for card in cards if card.uuid == uuid), None)


def prove(uuid: str, machine: Machine | None, pids: frozenset[int] | None) -> tuple[Proven, str]:
    """Whether these processes hold memory on that card, and from what it is known."""
    card = card_of(machine, uuid)
    if machine is None or card is None:
        return Proven.UNKNOWN, "the card cannot be read"
    if pids is None:
        return Proven.UNKNOWN, "its processes are not known"
    there = [_told(each, pids) for each in machine.cards if _same(each, card)]
    elsewhere = abroad(uuid, machine, pids)
    if any(there):
        return Proven.YES, "; ".join(filter(None, there))
    if elsewhere:
        return Proven.NO, f"{elsewhere}, and nothing on {card.name}"
    if card.processes is None:
        return Proven.UNKNOWN, "which processes use the card is not told"
    return Proven.UNKNOWN, "its processes hold no memory on any card"


def abroad(uuid: str, machine: Machine, pids: frozenset[int]) -> str:
    """What they hold on cards that are not theirs: only what is measured, for it raises an alarm."""
    card = card_of(machine, uuid)
    told = []
    for other in machine.cards:
        if card is not None and _same(other, card):
            continue
        held = {p.pid: p.memory for p in other.processes or () if p.pid in pids and p.memory}
        if held:
            told.append(f"{_figures(held)} on {other.name} ({other.uuid})")
    return "; ".join(told)


def judge(
    engine: str,
    uuid: str,
    machine: Machine | None,
    pids: frozenset[int] | None,
    *,
    xid_before: int | None,
    now: float,
) -> Verdicts:
    """Whether it is on the wrong card, and whether its own is well. `xid_before`: what stood there when its
    process began; the program's own errors end with the process, the card's do not."""
    if machine is None:
        return {}
    card = card_of(machine, uuid)
    if card is None or card.lost:
        if card is None and machine.problem is not None:
            return {}
        return {"card-lost": lost(uuid, machine, now)}
    found: dict[str, Finding | None] = {"card-lost": None}
    if pids is not None:
        elsewhere = abroad(uuid, machine, pids)
        proven, _ = prove(uuid, machine, pids)
        if elsewhere:
            found["wrong-card"] = Finding(
                name="wrong-card",
                summary=f"it computes on another card than {card.name}, which it is held to",
                evidence=elsewhere,
                remedy=f"Restart it (`gesso engines restart {engine}`); if it does so again, something in it "
                "chooses a card by itself: look for CUDA_VISIBLE_DEVICES in its start script and its nodes.",
                at=now,
            )
        elif proven is Proven.YES or _all_told(machine):
            found["wrong-card"] = None
    if card.xid is not None:
        found["card-error"] = _error(card, card.xid, xid_before, now)
    return found


def lost(uuid: str, machine: Machine, now: float) -> Finding:
    card = card_of(machine, uuid)
    how = "it is not among the cards" if card is None else "it does not answer"
    there = ", ".join(f"{each.name} ({each.uuid})" for each in machine.cards if not each.lost)
    return Finding(
        name="card-lost",
        summary=f"the card {uuid} is not there any more",
        evidence=f"{how}; there are: {there or 'none'}",
        remedy="Restart the machine; if the card is lost again, check its power, seat and temperature "
        "(`dmesg` has the driver's words). If it was taken out, give the engine another `gpu`.",
        at=now,
    )


def _error(card: Card, xid: int, before: int | None, now: float) -> Finding | None:
    error = explain(xid)
    if xid == 0 or (xid == before and not error.lasting):
        return None
    return Finding(
        name="card-error",
        summary=f"{card.name} reports an error: {error.words}",
        evidence=f"Xid {xid} on {card.uuid}",
        remedy=error.remedy,
        at=now,
    )


def _same(one: Card, other: Card) -> bool:
    """A process on a MIG instance may be listed with its card, too."""
    return one.uuid == other.uuid or one.parent == other.uuid or one.uuid == other.parent


def _told(card: Card, pids: frozenset[int]) -> str:
    held = {process.pid: process.memory for process in card.processes or () if process.pid in pids}
    return f"{_figures(held)} there" if held else ""


def _figures(held: Mapping[int, int | None]) -> str:
    """ "PID 812 holds 5.2 GiB, PID 813 holds memory (how much is not told)"."""
    sizes = {
        pid: "memory (how much is not told)" if size is None else binary_text(size)
        for pid, size in sorted(held.items())
    }
    return ", ".join(f"PID {pid} holds {size}" for pid, size in sizes.items())


def _all_told(machine: Machine) -> bool:
    return machine.problem is None and all(card.processes is not None for card in machine.cards)
