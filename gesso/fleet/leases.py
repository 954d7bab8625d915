"""Whether a card has room for one more engine: pure rules from what is declared and what was measured.

- An engine that declares no `vram` takes its whole card: no other starts beside it, nor it beside another.
- Engines that declare it share a card while what they declare (or hold, where that is more) fits together.
- `reserve` stays free for the desktop and the driver. If processes that are no engines are measured to hold
  more, that counts instead.
- What is not known never keeps an engine from starting.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gesso.config.values import binary_text
from gesso.gpus.inventory import held_on
from gesso.gpus.reader import Card, GpuProcess

HOLDERS_NAMED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """An engine's part of a card, from before its start until its process has ended."""

    engine: str
    declared: int | None
    """Bytes; None: the whole card."""
    pids: frozenset[int] = frozenset()
    """Its processes, as far as they are known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortage:
    """Why a card has no room, and who has it."""

    summary: str
    evidence: str


def shortage(
    declared: int | None,
    card: Card,
    others: Sequence[Lease],
    *,
    reserve: int,
    ended: frozenset[int] = frozenset(),
) -> Shortage | None:
    """None: an engine that declares this much may start on the card, beside these leases.

    `ended`: PIDs that may stand in the reading, but have ended since; what they held is free.
    """
    if declared is None or any(lease.declared is None for lease in others):
        return _exclusive(declared, card, others)
    if card.memory_total is None:
        return None
    leased = sum(_part(lease, card) for lease in others)
    foreign = _foreign(card, others, ended)
    kept = max(reserve, foreign or 0)
    free = card.memory_total - leased - kept
    if declared <= free:
        return None
    told = [f"it declares {binary_text(declared)} of the {binary_text(card.memory_total)} of {card.name}"]
    told += [_held_by(lease, card) for lease in others]
    if foreign is not None and foreign > reserve:
        told.append(f"programs that are no engines: {binary_text(foreign)}{_named(card, others, ended)}")
    else:
        told.append(f"reserve {binary_text(reserve)}")
    return Shortage(
        summary=f"it needs {binary_text(declared)}, and {card.name} has room for {binary_text(max(0, free))}",
        evidence="; ".join(told),
    )


def _exclusive(declared: int | None, card: Card, others: Sequence[Lease]) -> Shortage | None:
    if not others:
        return None
    whole = [lease.engine for lease in others if lease.declared is None]
    names = ", ".join(whole or [lease.engine for lease in others])
    if whole:
        summary = f"{card.name} is wholly taken by {names}, which declares no `vram`"
    else:
        summary = f"it declares no `vram`, so it needs {card.name} for itself, and {names} is there"
    return Shortage(summary=summary, evidence="; ".join(_held_by(lease, card) for lease in others))


def _part(lease: Lease, card: Card) -> int:
    """What it may come to hold: what it declares, or what it holds already where that is more."""
    return max(lease.declared or 0, held_on(card, lease.pids) or 0)


def _foreign(card: Card, others: Sequence[Lease], ended: frozenset[int]) -> int | None:
    """What is held there by no engine with a lease: never more than is certain. None: not known."""
    listed = sum(process.memory or 0 for process in _strangers(card, others, ended))
    gone = [process.memory for process in card.processes or () if process.pid in ended]
    if card.memory_used is None or None in gone:
        return None if card.processes is None else listed
    # An engine of which nothing is seen may hold all that it declares: in a container PIDs are hidden.
    own = sum(held_on(card, lease.pids) or lease.declared or 0 for lease in others)
    return max(listed, card.memory_used - own - sum(size for size in gone if size is not None))


def _strangers(card: Card, others: Iterable[Lease], ended: frozenset[int]) -> list[GpuProcess]:
    own = ended.union(*(lease.pids for lease in others))
    return [process for process in card.processes or () if process.pid not in own]


def _held_by(lease: Lease, card: Card) -> str:
    declares = "declares no `vram`" if lease.declared is None else f"declares {binary_text(lease.declared)}"
    measured = held_on(card, lease.pids)
    return f"{lease.engine} {declares}" + (f", holds {binary_text(measured)}" if measured else "")


def _named(card: Card, others: Iterable[Lease], ended: frozenset[int]) -> str:
    """The largest holders that are no engines: " (PID 812 Xorg 2.1 GiB, …)"."""
    held = _strangers(card, others, ended)
    if not held:
        return ", by processes that are not told"
    held.sort(key=lambda process: -(process.memory or 0))
    more = ", …" if len(held) > HOLDERS_NAMED else ""
    return f" ({', '.join(map(_process, held[:HOLDERS_NAMED]))}{more})"


def _process(process: GpuProcess) -> str:
    words = [f"PID {process.pid}"]
    words += [process.name.replace("\\", "/").rpartition("/")[2]] if process.name else []
    words += [binary_text(process.memory)] if process.memory is not None else []
    return " ".join(words)
