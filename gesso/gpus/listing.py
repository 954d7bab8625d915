"""The one list of this machine's cards, in the shape that `/gesso/api/gpus` and `gesso gpus --json` have."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from gesso.gpus.cuda_order import CudaIndex
from gesso.gpus.inventory import CardUse, Held, Whose, attribute
from gesso.gpus.people import Person
from gesso.gpus.reader import Card, Machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A process that holds memory on a card. Whose a stranger's is, only administrators are told."""

    whose: Whose
    engine: str | None
    pid: int | None
    memory: int | None
    name: str | None
    user: str | None
    command: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """One card, or one MIG instance; what is null is not known. Up to `problems` it is a `Card`."""

    uuid: str
    name: str
    nvml_index: int
    pci: str | None
    parent: str | None
    mig: bool | None
    lost: bool
    cores: int | None
    compute_capability: tuple[int, int] | None
    memory_total: int | None
    memory_used: int | None
    utilisation: float | None
    temperature_c: float | None
    power_w: float | None
    power_limit_w: float | None
    clock_mhz: float | None
    clock_limit_mhz: float | None
    memory_clock_mhz: float | None
    throttled_by: tuple[str, ...] | None
    xid: int | None
    problems: tuple[str, ...]
    cuda: CudaIndex
    index_when_pinned: int | None
    """Its index inside an engine that sees this card alone."""
    claimed_by: tuple[str, ...]
    """Engines whose `gpu` it is."""
    processes: tuple[Holder, ...] | None
    attributed: int | None
    """Bytes that the processes hold together."""
    remainder: int | None
    """Bytes in use that no process accounts for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpus:
    """All cards of one machine. With a `problem`, what is listed may not be all."""

    reader: str | None
    at: float | None
    driver: str | None
    cuda_driver: str | None
    problem: str | None
    cards: tuple[Gpu, ...]


NOT_READ = Gpus(
    reader=None,
    at=None,
    driver=None,
    cuda_driver=None,
    problem="the cards are not read, or not yet, or not any more (see [gpus])",
    cards=(),
)


def listing(
    machine: Machine,
    *,
    families: Mapping[str, frozenset[int]],
    claims: Mapping[str, str],
    people: Mapping[int, Person],
    everything: bool,
) -> Gpus:
    """`families` and `claims` as for `attribute`. Without `everything`, strangers' processes stay unnamed."""
    return Gpus(
        reader=machine.reader,
        at=machine.at,
        driver=machine.driver,
        cuda_driver=machine.cuda_driver,
        problem=machine.problem,
        cards=tuple(_gpu(use, people, everything) for use in attribute(machine, families, claims)),
    )


def _gpu(use: CardUse, people: Mapping[int, Person], everything: bool) -> Gpu:
    own = {field.name: getattr(use.card, field.name) for field in fields(Card) if field.name != "processes"}
    return Gpu(
        **own,
        cuda=use.cuda,
        index_when_pinned=use.index_when_pinned,
        claimed_by=use.claimed_by,
        processes=None if use.held is None else tuple(_holder(each, people, everything) for each in use.held),
        attributed=use.attributed,
        remainder=use.remainder,
    )


def _holder(held: Held, people: Mapping[int, Person], everything: bool) -> Holder:
    process = held.process
    known = everything or held.whose is Whose.ENGINE
    person = people.get(process.pid) if everything else None
    return Holder(
        whose=held.whose,
        engine=held.engine,
        pid=process.pid if known else None,
        memory=process.memory,
        name=process.name if known else None,
        user=person.user if person else None,
        command=person.command if person else None,
    )
