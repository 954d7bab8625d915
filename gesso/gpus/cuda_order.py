"""CUDA's indices of the cards, in both of its orders. Pure; docs/how-to/gpus.md says why they are a trap."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from gesso.gpus.reader import Card, Machine


class Certainty(StrEnum):
    """How well an index is known."""

    CERTAIN = "certain"
    LIKELY = "likely"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class CudaIndex:
    """What CUDA calls a card when nothing is hidden from it; it depends on CUDA_DEVICE_ORDER."""

    pci_bus_id: int | None
    """With CUDA_DEVICE_ORDER=PCI_BUS_ID."""
    fastest_first: int | None
    """Without: CUDA's own order. Its rule is not published, so among several cards it is likely at best."""
    certainty: Certainty
    """Of `fastest_first`; `pci_bus_id` is certain or None."""
    reason: str
    """Where it comes from, or why it is not known."""


def cuda_order(machine: Machine) -> dict[str, CudaIndex]:
    """CUDA's index of each card by UUID, as a process sees it from which nothing is hidden.

    PCI_BUS_ID: by domain, bus and device. FASTEST_FIRST: by compute capability, then cores × highest clock,
    then PCI; certain for a single card, else likely, for CUDA's own rule is not published.
    """
    reason = _disorder(machine)
    if reason is not None:
        nothing = CudaIndex(pci_bus_id=None, fastest_first=None, certainty=Certainty.UNKNOWN, reason=reason)
        return {card.uuid: nothing for card in machine.cards}
    by_pci = sorted(machine.cards, key=lambda card: _pci_key(card.pci) or ())
    ranks = {card.uuid: rank for rank, card in enumerate(by_pci)}
    fastest, certainty, reason = _fastest(by_pci)
    return {
        uuid: CudaIndex(pci_bus_id=rank, fastest_first=fastest.get(uuid), certainty=certainty, reason=reason)
        for uuid, rank in ranks.items()
    }


def _fastest(by_pci: Sequence[Card]) -> tuple[dict[str, int], Certainty, str]:
    if len(by_pci) <= 1:
        return {card.uuid: 0 for card in by_pci}, Certainty.CERTAIN, "the only card"
    speeds = {card.uuid: speed for card in by_pci if (speed := _speed(card)) is not None}
    if len(speeds) < len(by_pci):
        without = next(card.name for card in by_pci if card.uuid not in speeds)
        return {}, Certainty.UNKNOWN, f"compute capability, cores or clock of {without} are not known"
    order = sorted(by_pci, key=lambda card: speeds[card.uuid], reverse=True)
    reason = "by compute capability, then cores × clock; CUDA's own rule is not published"
    return {card.uuid: rank for rank, card in enumerate(order)}, Certainty.LIKELY, reason


def _speed(card: Card) -> tuple[tuple[int, int], float] | None:
    if card.compute_capability is None or card.cores is None or card.clock_limit_mhz is None:
        return None
    return card.compute_capability, card.cores * card.clock_limit_mhz


def _disorder(machine: Machine) -> str | None:
    """Why no index can be told at all."""
    if machine.problem is not None:
        return f"not all cards are known: {machine.problem}"
    if any(card.mig or card.parent is not None for card in machine.cards):
        return "with MIG, CUDA sees one instance and no index of it is stable"
    if any(card.lost for card in machine.cards):
        return "a card does not answer"
    if any(_pci_key(card.pci) is None for card in machine.cards):
        return "not every card's place on the PCI bus is known"
    return None


def _pci_key(pci: str | None) -> tuple[int, ...] | None:
    """(0, 0x65, 0, 0) of "00000000:65:00.0"; a text of another form has no place."""
    parts = re.fullmatch(
        r"(?:([0-9a-f]{4,8}):)?([0-9a-f]{2}):([0-9a-f]{2})\.([0-9a-f])", (pci or "").casefold()
    )
    return None if parts is None else tuple(int(part or "0", 16) for part in parts.groups())
