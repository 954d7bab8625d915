"""Which card `gpu = "…"` means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gesso.errors import ConfigError
from gesso.gpus.inventory import find_card
from tests.unit.gpus.cards import card, machine, shipped

TWO = shipped("two-cards")
LAPTOP, RTX_3090 = TWO.cards


@pytest.mark.parametrize("text", ["3090", "RTX 3090", "rtx3090", "GeForce RTX 3090", RTX_3090.name, " 3090 "])
def test_words_of_the_name_that_only_one_card_has(text):
    assert find_card(TWO, text) is RTX_3090


@pytest.mark.parametrize(
    "text", ["3080 Ti", "Laptop", "RTX-3080-Ti", LAPTOP.uuid, "GPU-5c8e", "gpu-5C8E2D14"]
)
def test_a_uuid_or_its_beginning(text):
    assert find_card(TWO, text) is LAPTOP


@pytest.mark.parametrize(("text", "told"), [("RTX", "2 cards"), ("4090", "no card"), ("GPU-", "2 cards")])
def test_none_or_several_are_refused_with_the_list(text, told):
    with pytest.raises(ConfigError, match=told) as refused:
        find_card(TWO, text)
    assert all(
        each.name in refused.value.message and each.uuid in refused.value.message for each in TWO.cards
    )


@pytest.mark.parametrize("text", ["0", "1", " 1 ", "09"])
def test_an_index_is_never_taken_for_a_card(text):
    """F-27, F-29: which card 0 is depends on who counts."""
    with pytest.raises(ConfigError, match="is an index"):
        find_card(TWO, text)


def test_half_a_word_is_no_word():
    """A10 and A100 are two models."""
    listed = machine(card(0, name="NVIDIA A100-SXM4-40GB"))
    with pytest.raises(ConfigError, match="no card"):
        find_card(listed, "A10")
    assert find_card(listed, "A100-SXM4").uuid == "GPU-0"


def test_a_full_name_means_that_card_though_others_begin_with_it():
    listed = machine(card(0, name="RTX 3090"), card(1, name="RTX 3090 Ti"))
    assert find_card(listed, "rtx 3090").uuid == "GPU-0"
    assert find_card(listed, "3090 Ti").uuid == "GPU-1"
    with pytest.raises(ConfigError, match="2 cards"):
        find_card(listed, "3090")


def test_a_uuid_means_the_whole_of_it_though_another_begins_with_it():
    listed = machine(card(1), card(10))
    assert find_card(listed, "GPU-1").uuid == "GPU-1"


def test_of_a_divided_card_one_instance_must_be_named():
    mig = shipped("mig")
    divided, first, second, whole = mig.cards
    assert find_card(mig, first.uuid) is first
    with pytest.raises(ConfigError, match="MIG instances"):
        find_card(mig, divided.uuid)
    with pytest.raises(ConfigError, match="3 cards"):
        find_card(mig, "A100")
    with pytest.raises(ConfigError, match="2 cards"):
        find_card(mig, "3g.20gb")
    assert find_card(mig, whole.uuid) is whole and second.parent == divided.uuid


def test_where_no_card_is_known_the_reason_is_told():
    with pytest.raises(ConfigError, match="no NVIDIA driver is loaded"):
        find_card(shipped("no-driver"), "3090")


names = st.sampled_from(["RTX 3090", "RTX 3090 Ti", "RTX 3080", "A100-SXM4-40GB", "A10", "Tesla V100"])


@given(st.lists(names, min_size=1, max_size=5), st.text(max_size=12))
def test_what_is_found_is_in_the_machine_and_the_only_one_that_fits(models, text):
    listed = machine(*(card(n, name=name) for n, name in enumerate(models)))
    try:
        found = find_card(listed, text)
    except ConfigError:
        return
    assert found in listed.cards
    assert models.count(found.name) == 1 or text.strip().casefold() == found.uuid.casefold()


@given(st.lists(names, min_size=1, max_size=5))
def test_every_card_is_found_by_its_uuid(models):
    listed = machine(*(card(n, name=name) for n, name in enumerate(models)))
    assert [find_card(listed, each.uuid) for each in listed.cards] == list(listed.cards)
