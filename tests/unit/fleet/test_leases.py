"""Whether one more engine fits on a card, as a table and as properties."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gesso.fleet.leases import Lease, shortage
from gesso.gpus.reader import Card, GpuProcess

GIB = 2**30
RESERVE = GIB


def card(
    *held: tuple[int, int | None], used: int | None = 0, total: int | None = 24 * GIB, listed: bool = True
) -> Card:
    """A card of 24 GiB with these processes: (PID, bytes)."""
    return Card(
        uuid="GPU-1",
        name="RTX 3090",
        nvml_index=0,
        pci=None,
        memory_total=total,
        memory_used=used,
        processes=tuple(GpuProcess(pid=pid, memory=size, name=f"/bin/p{pid}") for pid, size in held)
        if listed
        else None,
    )


def lease(engine: str, declared: int | None, *pids: int) -> Lease:
    return Lease(engine=engine, declared=None if declared is None else declared * GIB, pids=frozenset(pids))


# declared GiB (None: none), card, other leases: does it fit, and a part of what is told if not.
TABLE: dict[str, tuple[int | None, Card, tuple[Lease, ...], str]] = {
    "alone": (10, card(), (), ""),
    "all but the reserve": (23, card(), (), ""),
    "more than the card has beside the reserve": (24, card(), (), "room for 23 GiB"),
    "no vram, alone": (None, card(), (), ""),
    "no vram, the desktop beside": (None, card((812, 20 * GIB), used=20 * GIB), (), ""),
    "no vram beside one that declares": (None, card(), (lease("a", 4),), "needs RTX 3090 for itself"),
    "no vram beside one that declares none": (None, card(), (lease("a", None),), "wholly taken by a"),
    "declares beside one that does not": (1, card(), (lease("a", None),), "wholly taken by a"),
    "two that fit": (10, card(), (lease("a", 12),), ""),
    "two that fit to the byte": (11, card(), (lease("a", 12),), ""),
    "two that do not": (12, card(), (lease("a", 12),), "a declares 12 GiB"),
    "three that do not": (8, card(), (lease("a", 8), lease("b", 8)), "b declares 8 GiB"),
    "total not known": (99, card(total=None), (lease("a", 99),), ""),
    "the desktop holds less than the reserve": (23, card((812, GIB // 2), used=GIB // 2), (), ""),
    "the desktop holds more than the reserve": (
        22,
        card((812, 3 * GIB), used=3 * GIB),
        (),
        "PID 812 p812 3 GiB",
    ),
    "it fits beside the desktop": (21, card((812, 3 * GIB), used=3 * GIB), (), ""),
    "used is known, by whom is not": (
        20,
        card(used=6 * GIB, listed=False),
        (),
        "processes that are not told",
    ),
    "used is known, sizes are not": (20, card((812, None), used=6 * GIB), (), "PID 812 p812"),
    "used is not known": (23, card(used=None, listed=False), (), ""),
    "used is not known, the processes are": (20, card((812, 6 * GIB), used=None), (), "PID 812"),
    "the other holds its part": (12, card((7, 10 * GIB), used=10 * GIB), (lease("a", 10, 7),), ""),
    "the other holds more than it declared": (
        12,
        card((7, 14 * GIB), used=14 * GIB),
        (lease("a", 10, 7),),
        "a declares 10 GiB, holds 14 GiB",
    ),
    # In a container the driver tells other PIDs, or none: what is used may be the other engine's.
    "the other's part is hidden": (12, card(used=10 * GIB), (lease("a", 10, 7),), ""),
    "the other's part is hidden, a stranger's is not": (
        12,
        card((812, 4 * GIB), used=14 * GIB),
        (lease("a", 10, 7),),
        "no engines: 4 GiB",
    ),
    "more is used than is declared, all hidden": (
        12,
        card(used=14 * GIB),
        (lease("a", 10, 7),),
        "no engines: 4 GiB",
    ),
}


@pytest.mark.parametrize(("declared", "on", "others", "told"), TABLE.values(), ids=TABLE)
def test_an_engine_starts_where_there_is_room(
    declared: int | None, on: Card, others: tuple[Lease, ...], told: str
) -> None:
    short = shortage(None if declared is None else declared * GIB, on, others, reserve=RESERVE)
    if told:
        assert short is not None and told in f"{short.summary}; {short.evidence}"
    else:
        assert short is None


def test_what_its_own_last_process_held_is_free() -> None:
    before = card((7, 20 * GIB), used=20 * GIB)
    assert shortage(20 * GIB, before, (), reserve=RESERVE) is not None
    assert shortage(20 * GIB, before, (), reserve=RESERVE, ended=frozenset({7})) is None


def test_only_the_largest_holders_are_named() -> None:
    many = card(*((pid, pid * GIB // 10) for pid in range(1, 21)), used=21 * GIB)
    short = shortage(10 * GIB, many, (), reserve=RESERVE)
    assert short is not None and "(PID 20 p20 2 GiB, PID 19" in short.evidence and "…" in short.evidence


SIZES = st.integers(min_value=0, max_value=40).map(lambda count: count * GIB // 2)
LEASES = st.lists(
    st.builds(
        Lease,
        engine=st.sampled_from("abc"),
        declared=SIZES.filter(bool),
        pids=st.frozensets(st.integers(1, 9), max_size=2),
    ),
    max_size=3,
).map(tuple)
PROCESSES = st.lists(
    st.builds(GpuProcess, pid=st.integers(1, 20), memory=SIZES | st.none()),
    max_size=5,
    unique_by=lambda process: process.pid,
).map(tuple)
CARDS = st.builds(
    Card,
    uuid=st.just("GPU-1"),
    name=st.just("card"),
    nvml_index=st.just(0),
    pci=st.none(),
    memory_total=SIZES | st.none(),
    memory_used=SIZES | st.none(),
    processes=PROCESSES | st.none(),
)


@given(declared=SIZES.filter(bool), on=CARDS, others=LEASES)
def test_what_is_declared_never_exceeds_the_card(declared: int, on: Card, others: tuple[Lease, ...]) -> None:
    if on.memory_total is not None and shortage(declared, on, others, reserve=RESERVE) is None:
        together = declared + sum(lease.declared or 0 for lease in others)
        assert together + RESERVE <= on.memory_total


@given(less=SIZES.filter(bool), more=SIZES.filter(bool), on=CARDS, others=LEASES)
def test_who_declares_less_fits_wherever_more_fits(
    less: int, more: int, on: Card, others: tuple[Lease, ...]
) -> None:
    less, more = sorted((less, more))
    if shortage(more, on, others, reserve=RESERVE) is None:
        assert shortage(less, on, others, reserve=RESERVE) is None


@given(declared=SIZES.filter(bool), on=CARDS, others=LEASES)
def test_not_to_know_never_keeps_an_engine_from_starting(
    declared: int, on: Card, others: tuple[Lease, ...]
) -> None:
    blind = Card(uuid="GPU-1", name="card", nvml_index=0, pci=None, memory_total=on.memory_total)
    if shortage(declared, on, others, reserve=RESERVE) is None:
        assert shortage(declared, blind, others, reserve=RESERVE) is None
