"""Who holds how much of which card; what is not known stays so."""

from hypothesis import given
from hypothesis import strategies as st

from gesso.gpus.inventory import Whose, attribute, memory_of
from gesso.gpus.listing import listing
from gesso.gpus.people import Person, people
from tests.unit.gpus.cards import GIB, card, machine, process, shipped


def whose(listed, families=None):
    uses = attribute(listed, families or {}, {})
    return {held.process.pid: (held.whose, held.engine) for use in uses for held in use.held or ()}


def test_processes_are_engines_the_desktops_or_somebody_elses():
    told = whose(shipped("two-cards"), {"gpu1": frozenset({41870, 41877})})
    assert told == {
        41877: (Whose.ENGINE, "gpu1"),
        2214: (Whose.DESKTOP, None),
        2519: (Whose.DESKTOP, None),
        30418: (Whose.OTHER, None),
        8093: (Whose.OTHER, None),
    }


def test_on_windows_the_desktop_is_known_by_its_programs():
    listed = machine(
        card(0, processes=(process(4, None, name=r"C:\Windows\System32\dwm.exe", graphics=False),))
    )
    assert whose(listed) == {4: (Whose.DESKTOP, None)}


def test_what_no_process_accounts_for_is_told():
    (use,) = attribute(machine(card(0, memory_used=5 * GIB, processes=(process(1), process(2)))), {}, {})
    assert (use.attributed, use.remainder) == (2 * GIB, 3 * GIB)


def test_nothing_is_summed_up_where_a_part_is_not_known():
    for doubtful in (
        card(0, memory_used=GIB, processes=None),
        card(0, memory_used=GIB, processes=(process(1), process(2, None))),
        card(0, memory_used=GIB, processes=(), mig=True),
    ):
        (use,) = attribute(machine(doubtful), {}, {})
        assert (use.attributed, use.remainder) == (None, None)
    (use,) = attribute(machine(card(0, memory_used=None, processes=(process(1),))), {}, {})
    assert (use.attributed, use.remainder) == (GIB, None)


def test_a_card_is_claimed_by_the_engines_that_are_meant_for_it():
    claims = {"b": "GPU-0", "a": "GPU-0", "c": "GPU-1"}
    told = [use.claimed_by for use in attribute(machine(card(0), card(1), card(2)), {}, claims)]
    assert told == [("a", "b"), ("c",), ()]


def test_a_pinned_engine_calls_its_card_0_and_a_divided_card_is_called_nothing():
    uses = attribute(shipped("mig"), {}, {})
    assert [use.index_when_pinned for use in uses] == [None, 0, 0, 0]


def test_memory_of_an_engine_is_that_of_all_its_processes_on_all_cards():
    listed = machine(card(0, processes=(process(1), process(9))), card(1, processes=(process(2),)))
    assert memory_of(listed, frozenset({1, 2, 3})) == 2 * GIB
    assert memory_of(listed, frozenset({3})) == 0
    assert memory_of(machine(card(0, processes=None)), frozenset({1})) is None
    assert memory_of(machine(problem="no driver"), frozenset({1})) is None
    assert memory_of(machine(card(0, processes=(process(1, None),))), frozenset({1})) is None
    assert memory_of(machine(card(0, processes=()), problem="card 1 does not answer"), frozenset({1})) is None


def test_memory_on_an_instance_of_a_card_is_counted_once():
    whole = card(0, mig=True, processes=(process(1, GIB),))
    listed = machine(whole, card(1, parent=whole.uuid, processes=(process(1, GIB),)))
    assert memory_of(listed, frozenset({1})) == GIB


sizes = st.one_of(st.none(), st.integers(0, 80 * GIB))
processes = st.lists(st.tuples(st.integers(1, 30), sizes), max_size=6, unique_by=lambda each: each[0])
cards = st.lists(st.tuples(st.one_of(st.none(), processes), sizes), max_size=4)
families = st.dictionaries(st.sampled_from("abc"), st.frozensets(st.integers(1, 30)), max_size=3)


@given(cards, families)
def test_every_process_is_told_once_per_card_and_sums_are_exact_or_not_told(given_cards, given_families):
    listed = machine(
        *(
            card(
                n,
                memory_used=used,
                processes=None if held is None else tuple(process(*each) for each in held),
            )
            for n, (held, used) in enumerate(given_cards)
        )
    )
    for (held, used), use in zip(given_cards, attribute(listed, given_families, {}), strict=True):
        if held is None:
            assert use.held is use.attributed is use.remainder is None
            continue
        assert sorted(each.process.pid for each in use.held) == sorted(pid for pid, _ in held)
        known = [size for _, size in held if size is not None]
        assert use.attributed == (sum(known) if len(known) == len(held) else None)
        assert (use.remainder is None) == (use.attributed is None or used is None)
        if use.remainder is not None:
            assert use.remainder == max(0, used - use.attributed)
        for each in use.held:
            assert (each.whose is Whose.ENGINE) == (each.engine is not None)
            assert each.engine is None or each.process.pid in given_families[each.engine]


def told(everything):
    listed = shipped("two-cards")
    person = Person(user="ada", command="python --token SECRET")
    shown = listing(
        listed,
        families={"gpu1": frozenset({41877})},
        claims={},
        people=dict.fromkeys((41877, 8093, 2214), person),
        everything=everything,
    )
    return [holder for each in shown.cards for holder in each.processes]


def test_of_strangers_processes_only_the_memory_is_told_to_everybody():
    strangers = [each for each in told(False) if each.engine is None]
    assert len(strangers) == 4 and all(each.memory for each in strangers)
    assert {(each.pid, each.name, each.user, each.command) for each in strangers} == {(None,) * 4}
    (own,) = [each for each in told(False) if each.engine == "gpu1"]
    assert (own.pid, own.command) == (41877, None)
    assert "python --token SECRET" in [each.command for each in told(True)]


def test_a_recorded_machines_pids_are_nobodys_here():
    assert people(shipped("two-cards")) == {}
