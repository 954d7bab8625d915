"""What a reading says about an engine that is held to a card: seen there, seen elsewhere, or not known."""

from dataclasses import replace

import pytest

from gesso.fleet.proof import Proven, judge, prove
from gesso.gpus.reader import Card, GpuProcess, Machine

GIB = 2**30
OURS = frozenset({7, 8})


def card(letter: str, *held: tuple[int, int | None], **more: object) -> Card:
    listed = tuple(GpuProcess(pid=pid, memory=size) for pid, size in held)
    first = Card(uuid=f"GPU-{letter}", name=f"card {letter}", nvml_index=0, pci=None, processes=listed, xid=0)
    return replace(first, **more)  # type: ignore[arg-type]


def machine(*cards: Card, problem: str | None = None) -> Machine:
    return Machine(reader="recorded", at=0.0, cards=cards, problem=problem)


TABLE: dict[str, tuple[Machine | None, frozenset[int] | None, Proven, str]] = {
    "nothing read": (None, OURS, Proven.UNKNOWN, "cannot be read"),
    "the card is not in the reading": (machine(card("b")), OURS, Proven.UNKNOWN, "cannot be read"),
    "our processes are not known": (machine(card("a", (7, GIB))), None, Proven.UNKNOWN, "not known"),
    "nothing loaded": (machine(card("a"), card("b")), OURS, Proven.UNKNOWN, "no memory on any card"),
    "processes not told": (
        machine(card("a", processes=None), card("b")),
        OURS,
        Proven.UNKNOWN,
        "is not told",
    ),
    "there": (machine(card("a", (7, GIB), (9, GIB))), OURS, Proven.YES, "PID 7 holds 1 GiB there"),
    "a child is there": (machine(card("a", (8, GIB))), OURS, Proven.YES, "PID 8"),
    "there, how much is not told": (machine(card("a", (7, None))), OURS, Proven.YES, "not told"),
    "on another": (
        machine(card("a"), card("b", (7, 5 * GIB))),
        OURS,
        Proven.NO,
        "PID 7 holds 5 GiB on card b (GPU-b), and nothing on card a",
    ),
    "on both": (machine(card("a", (7, GIB)), card("b", (8, GIB))), OURS, Proven.YES, "there"),
    "listed on another without a figure": (
        machine(card("a"), card("b", (7, None))),
        OURS,
        Proven.UNKNOWN,
        "no memory",
    ),
    "its own card is silent, and it is on another": (
        machine(card("a", processes=None), card("b", (7, GIB))),
        OURS,
        Proven.NO,
        "card b",
    ),
    "a stranger is on another": (machine(card("a"), card("b", (9, GIB))), OURS, Proven.UNKNOWN, "no memory"),
    "its MIG instance's card lists it, too": (
        machine(card("a", (7, GIB), parent="GPU-b"), card("b", (7, GIB))),
        OURS,
        Proven.YES,
        "there",
    ),
}


@pytest.mark.parametrize(("read", "pids", "proven", "told"), TABLE.values(), ids=TABLE)
def test_an_engine_is_proven_by_its_processes(
    read: Machine | None, pids: frozenset[int] | None, proven: Proven, told: str
) -> None:
    answer, evidence = prove("GPU-a", read, pids)
    assert answer is proven
    assert told in evidence


def verdicts(
    read: Machine | None, pids: frozenset[int] | None = OURS, before: int | None = 0
) -> dict[str, str]:
    """Finding → its evidence; "" where it is known not to be so."""
    found = judge("gpu0", "GPU-a", read, pids, xid_before=before, now=1.0)
    assert all(finding is None or finding.name == name for name, finding in found.items())
    return {name: finding.evidence if finding else "" for name, finding in found.items()}


def test_all_is_well_where_it_is_seen_on_its_card() -> None:
    assert verdicts(machine(card("a", (7, GIB)), card("b"))) == {
        "card-lost": "",
        "wrong-card": "",
        "card-error": "",
    }


@pytest.mark.parametrize("on", [card("a"), card("a", (8, GIB)), card("a", processes=None)], ids=repr)
def test_memory_on_another_card_is_a_contradiction_wherever_else_it_is(on: Card) -> None:
    assert "PID 7 holds 5 GiB on card b" in verdicts(machine(on, card("b", (7, 5 * GIB))))["wrong-card"]


@pytest.mark.parametrize(
    ("read", "pids"),
    [
        (machine(card("a"), card("b", processes=None)), OURS),
        (machine(card("a"), card("b", (7, GIB))), None),
    ],
    ids=["another card's processes are not told", "its own processes are not known"],
)
def test_not_to_see_everything_neither_finds_nor_clears_a_contradiction(
    read: Machine, pids: frozenset[int] | None
) -> None:
    assert "wrong-card" not in verdicts(read, pids)


def test_a_card_is_lost_only_if_a_reading_that_succeeded_lacks_it() -> None:
    assert "GPU-b" in verdicts(machine(card("b")))["card-lost"]
    assert "does not answer" in verdicts(machine(card("a", lost=True)))["card-lost"]
    assert verdicts(machine(problem="no NVIDIA driver is loaded")) == {}
    assert verdicts(machine(card("b"), problem="one card does not answer")) == {}
    assert verdicts(None) == {}
    assert verdicts(machine(card("a")))["card-lost"] == ""


def test_errors_of_a_card_are_told_in_words() -> None:
    found = judge("gpu0", "GPU-a", machine(card("a", xid=79)), OURS, xid_before=0, now=1.0)["card-error"]
    assert found is not None
    assert "fallen off the bus" in found.summary
    assert found.evidence == "Xid 79 on GPU-a"
    assert "power" in found.remedy


def test_a_programs_error_ends_with_its_process_and_a_cards_does_not() -> None:
    assert verdicts(machine(card("a", xid=31)), before=0)["card-error"]
    assert not verdicts(machine(card("a", xid=31)), before=31)["card-error"]
    assert verdicts(machine(card("a", xid=95)), before=95)["card-error"]
    assert "card-error" not in verdicts(machine(card("a", xid=None)))
    assert "12345" in verdicts(machine(card("a", xid=12345)))["card-error"]
