"""CUDA's two orders, and when they cannot be told."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from gesso.gpus.cuda_order import Certainty, cuda_order
from tests.unit.gpus.cards import card, machine, shipped


def test_on_the_machine_with_two_cards_the_orders_contradict_each_other():
    """F-27: what NVML and PCI call 0, CUDA left to itself calls 1."""
    two = shipped("two-cards")
    orders = cuda_order(two)
    by_name = {each.name: (each.nvml_index, orders[each.uuid]) for each in two.cards}
    index, cuda = by_name["NVIDIA GeForce RTX 3080 Ti Laptop GPU"]
    assert (index, cuda.pci_bus_id, cuda.fastest_first) == (0, 0, 1)
    index, cuda = by_name["NVIDIA GeForce RTX 3090"]
    assert (index, cuda.pci_bus_id, cuda.fastest_first) == (1, 1, 0)
    assert cuda.certainty is Certainty.LIKELY


def test_one_card_is_0_in_every_order_and_that_is_certain():
    (only,) = cuda_order(machine(card(0))).values()
    assert (only.pci_bus_id, only.fastest_first, only.certainty) == (0, 0, Certainty.CERTAIN)


def test_a_newer_architecture_comes_before_a_larger_card():
    speed = {"clock_limit_mhz": 2000.0}
    old = card(0, cores=16000, compute_capability=(8, 6), **speed)
    new = card(1, cores=5000, compute_capability=(8, 9), **speed)
    orders = cuda_order(machine(old, new))
    assert orders[new.uuid].fastest_first == 0


def test_without_cores_or_clocks_only_the_order_of_pci_is_known():
    orders = cuda_order(machine(card(0), card(1)))
    assert [(each.pci_bus_id, each.fastest_first) for each in orders.values()] == [(0, None), (1, None)]
    assert all(each.certainty is Certainty.UNKNOWN for each in orders.values())


def test_no_index_is_told_where_cards_may_be_missing_or_are_divided_or_have_no_place():
    whole = (card(0), card(1))
    for doubtful in (
        machine(*whole, problem="card 2 does not answer"),
        machine(card(0), card(1, lost=True)),
        machine(card(0), card(1, mig=True)),
        machine(card(0), card(1, pci=None)),
        machine(card(0), card(1, pci="somewhere")),
    ):
        for told in cuda_order(doubtful).values():
            assert (told.pci_bus_id, told.fastest_first) == (None, None) and told.reason


pci = st.builds("{:08X}:{:02x}:{:02X}.0".format, st.integers(0, 3), st.integers(0, 255), st.integers(0, 31))
speeds = st.fixed_dictionaries(
    {
        "compute_capability": st.sampled_from([(7, 5), (8, 6), (8, 9)]),
        "cores": st.integers(1000, 20000),
        "clock_limit_mhz": st.integers(500, 3000).map(float),
    }
)


@given(st.lists(st.tuples(pci, speeds), min_size=1, max_size=8, unique_by=lambda each: each[0].lower()))
def test_both_orders_number_every_card_once(cards):
    listed = machine(*(card(n, pci=place, **speed) for n, (place, speed) in enumerate(cards)))
    orders = cuda_order(listed)
    assert {each.pci_bus_id for each in orders.values()} == set(range(len(cards)))
    assert {each.fastest_first for each in orders.values()} == set(range(len(cards)))


@given(st.lists(pci, min_size=1, max_size=8, unique_by=str.lower), st.randoms())
def test_the_order_of_pci_depends_on_nothing_but_the_places(places, random):
    cards = [card(n, pci=place) for n, place in enumerate(places)]
    mixed = list(cards)
    random.shuffle(mixed)
    told = {uuid: each.pci_bus_id for uuid, each in cuda_order(machine(*cards)).items()}
    assert told == {uuid: each.pci_bus_id for uuid, each in cuda_order(machine(*mixed)).items()}
    shouted = [replace(each, pci=each.pci.upper()) for each in cards]
    assert told == {uuid: each.pci_bus_id for uuid, each in cuda_order(machine(*shouted)).items()}
