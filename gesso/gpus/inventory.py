"""Which card is which: names in every order, and who holds how much of what. Pure: no driver is asked."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from gesso.errors import ConfigError
from gesso.gpus.cuda_order import CudaIndex, cuda_order
from gesso.gpus.reader import Card, GpuProcess, Machine

_REMEDY = "`gesso gpus` lists the cards; give a UUID, or words of the name that only one card has."
# What draws the screen. On Windows everything counts as graphics and computing, so names must tell.
DESKTOP = frozenset(
    """
    xorg x xwayland gnome-shell kwin_x11 kwin_wayland plasmashell mutter sway weston hyprland cinnamon xfwm4
    compiz dwm.exe csrss.exe explorer.exe winlogon.exe logonui.exe searchhost.exe shellexperiencehost.exe
    startmenuexperiencehost.exe textinputhost.exe applicationframehost.exe systemsettings.exe
    """.split()
)


class Whose(StrEnum):
    """What kind of process holds memory."""

    ENGINE = "engine"
    DESKTOP = "desktop"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What one process holds on one card."""

    process: GpuProcess
    whose: Whose
    engine: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CardUse:
    """One card, by all its names, and who uses it."""

    card: Card
    cuda: CudaIndex
    claimed_by: tuple[str, ...]
    """Engines that are meant to use it."""
    held: tuple[Held, ...] | None
    """Most memory first; None: the processes are not known."""
    attributed: int | None
    """Bytes that these processes are known to hold together."""
    remainder: int | None
    """Bytes in use that no process accounts for: the driver's own, and what hides in other containers."""

    @property
    def index_when_pinned(self) -> int | None:
        """Its index inside an engine that sees this card alone; None: CUDA does not take it."""
        return None if self.card.mig else 0


def attribute(
    machine: Machine, families: Mapping[str, frozenset[int]], claims: Mapping[str, str]
) -> tuple[CardUse, ...]:
    """Every card with its users. `families`: each engine's PIDs; `claims`: the UUID each is meant for."""
    engine_of = {pid: engine for engine, pids in families.items() for pid in pids}
    orders = cuda_order(machine)
    return tuple(_use(card, orders[card.uuid], engine_of, claims) for card in machine.cards)


def _use(card: Card, cuda: CudaIndex, engine_of: Mapping[int, str], claims: Mapping[str, str]) -> CardUse:
    claimed_by = tuple(sorted(engine for engine, uuid in claims.items() if uuid == card.uuid))
    if card.processes is None or card.lost:
        return CardUse(
            card=card, cuda=cuda, claimed_by=claimed_by, held=None, attributed=None, remainder=None
        )
    held = [_held(process, engine_of) for process in card.processes]
    held.sort(key=lambda one: (-(one.process.memory or 0), one.process.pid))
    sizes = [process.memory for process in card.processes]
    attributed = sum(size for size in sizes if size is not None)
    # Without every size, what is left over is not left over; and a divided card's memory is its instances'.
    known = None not in sizes and not card.mig
    return CardUse(
        card=card,
        cuda=cuda,
        claimed_by=claimed_by,
        held=tuple(held),
        attributed=attributed if known else None,
        remainder=max(0, card.memory_used - attributed) if known and card.memory_used is not None else None,
    )


def _held(process: GpuProcess, engine_of: Mapping[int, str]) -> Held:
    if engine := engine_of.get(process.pid):
        return Held(process=process, whose=Whose.ENGINE, engine=engine)
    desktop = process.graphics is True or _program(process.name) in DESKTOP
    return Held(process=process, whose=Whose.DESKTOP if desktop else Whose.OTHER)


def _program(name: str | None) -> str:
    return re.split(r"[/\\]", name or "")[-1].casefold()


def held_on(card: Card, pids: frozenset[int]) -> int | None:
    """Bytes that these processes hold on that card; None: not known, wholly or in part."""
    return None if card.processes is None else _sum(p.memory for p in card.processes if p.pid in pids)


def memory_of(machine: Machine, pids: frozenset[int]) -> int | None:
    """The same on all cards together."""
    if machine.problem is not None:
        return None
    # What an instance of a card holds may be told of the whole card as well.
    divided = {card.parent for card in machine.cards}
    return _sum(held_on(card, pids) for card in machine.cards if card.uuid not in divided)


def _sum(sizes: Iterator[int | None]) -> int | None:
    known = list(sizes)
    return None if None in known else sum(size for size in known if size is not None)


def find_card(machine: Machine, text: str) -> Card:
    """The card that `gpu = "…"` means: a UUID, the beginning of one, or words of its name ("RTX 3080 Ti").

    ConfigError, with the list of cards, where none or several fit, or where CUDA does not take what fits.
    """
    wanted = text.strip()
    if re.fullmatch(r"\d{1,2}", wanted):
        raise ConfigError(
            f"gpu = {text!r} is an index, and what it means depends on who counts. {_listed(machine)}",
            remedy=_REMEDY,
        )
    if re.match(r"(?i)(gpu|mig)-", wanted):
        found = [card for card in machine.cards if card.uuid.casefold().startswith(wanted.casefold())]
    else:
        found = _named(machine, wanted)
    if len(found) > 1:
        exact = [card for card in found if wanted.casefold() in (card.uuid.casefold(), card.name.casefold())]
        found = exact if len(exact) == 1 else found
    if len(found) != 1:
        count = "no card" if not found else f"{len(found)} cards"
        raise ConfigError(f"gpu = {text!r} fits {count}. {_listed(machine)}", remedy=_REMEDY)
    if found[0].mig:
        raise ConfigError(
            f"gpu = {text!r} is divided into MIG instances; give the UUID of one. {_listed(machine)}",
            remedy=_REMEDY,
        )
    return found[0]


def _named(machine: Machine, wanted: str) -> list[Card]:
    """Cards whose name has these words. A divided card stands back behind its instances."""
    fit = [card for card in machine.cards if _has_words(card.name, wanted)]
    usable = [card for card in fit if not card.mig]
    return usable or fit


def _has_words(name: str, wanted: str) -> bool:
    """Whether whole words of the name, put together, are `wanted`: "A10" is no part of "A100"."""
    target = "".join(_words(wanted))
    words = _words(name)
    ends = range(1, len(words) + 1)
    return bool(target) and any("".join(words[start:end]) == target for end in ends for start in range(end))


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.casefold())


def _listed(machine: Machine) -> str:
    problem = f" ({machine.problem})" if machine.problem else ""
    if not machine.cards:
        return f"No card is known here{problem}."
    cards = ", ".join(f"{card.name} ({card.uuid})" for card in machine.cards)
    return f"There are: {cards}{problem}."
