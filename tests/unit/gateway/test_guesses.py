"""How long an address waits after failed logins."""

import pytest

from gesso.errors import OverLimit
from gesso.gateway import guesses
from gesso.gateway.guesses import FREE, FREE_OF_NAME, Guesses, Names, network
from tests.unit.access.memory import Clock


def wait_s(store: Guesses, address: str) -> float:
    try:
        store.check(address)
    except OverLimit as error:
        return error.retry_after_s
    return 0.0


def test_the_wait_doubles_up_to_a_limit_and_ends() -> None:
    timer = Clock(0.0)
    store = Guesses(timer)
    waits = []
    for _ in range(FREE + 12):
        store.failed("203.0.113.1")
        waits.append(wait_s(store, "203.0.113.1"))
    assert waits[: FREE - 1] == [0.0] * (FREE - 1)
    assert waits[FREE - 1 : FREE + 2] == [2.0, 4.0, 8.0]
    assert waits[-1] == guesses.LONGEST_WAIT_S
    timer.now += guesses.LONGEST_WAIT_S
    assert wait_s(store, "203.0.113.1") == 0.0


def test_success_and_time_forgive() -> None:
    timer = Clock(0.0)
    store = Guesses(timer)
    for _ in range(FREE):
        store.failed("a")
    store.succeeded("a")
    assert wait_s(store, "a") == 0.0
    for _ in range(FREE):
        store.failed("a")
    timer.now += guesses.FORGET_S + 1
    store.failed("a")
    assert wait_s(store, "a") == 0.0


def test_a_flood_of_addresses_does_not_fill_the_memory_nor_free_the_latest() -> None:
    timer = Clock(0.0)
    store = Guesses(timer)
    for number in range(3 * guesses.REMEMBERED):
        timer.now += 0.001
        store.failed(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(store._failures) <= guesses.REMEMBERED


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:203.0.113.1", "203.0.113.1", True),
        ("203.0.113.1", "203.0.113.2", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("unknown", "unknown", True),
    ],
)
def test_what_counts_as_one_place(one: str, other: str, same: bool) -> None:
    assert (network(one) == network(other)) is same


def turn_s(names: Names, name: str, address: str) -> float:
    try:
        return names.attempt(name, address)
    except OverLimit:
        return -1.0


def test_a_name_that_is_guessed_from_many_addresses_is_tried_one_by_one() -> None:
    timer = Clock(0.0)
    names = Names(timer)
    waits = [turn_s(names, "Ada", f"203.0.113.{number}") for number in range(FREE_OF_NAME + 13)]
    assert waits[:FREE_OF_NAME] == [0.0] * FREE_OF_NAME
    assert waits[FREE_OF_NAME : FREE_OF_NAME + 10] == [float(turn) for turn in range(1, 11)]
    assert waits[-2:] == [-1.0, -1.0]
    assert turn_s(names, "grace", "203.0.113.1") == 0.0
    timer.now += 4.0
    assert turn_s(names, "ada", "198.51.100.1") == guesses.LONGEST_TURN_S - 3.0


def test_a_stranger_does_not_lock_out_whose_name_it_is() -> None:
    timer = Clock(0.0)
    names = Names(timer)
    names.succeeded("ada", "192.0.2.1")
    names.at_home("ada", "2001:db8::1")
    for number in range(200):
        turn_s(names, "ada", f"203.0.113.{number}")
    assert turn_s(names, "ada", "192.0.2.1") == 0.0
    assert turn_s(names, "ADA", "2001:db8::2") == 0.0
    # From elsewhere she waits her turn, of a few seconds.
    timer.now += 1.0
    assert 0.0 < turn_s(names, "ada", "192.0.2.2") <= guesses.LONGEST_TURN_S
    timer.now += guesses.FORGET_S + 1
    assert turn_s(names, "ada", "192.0.2.3") == 0.0


def test_signing_in_is_no_guess() -> None:
    names = Names(Clock(0.0))
    for number in range(5 * FREE_OF_NAME):
        address = f"203.0.{number}.1"
        assert names.attempt("class", address) == 0.0
        names.succeeded("class", address)


def test_a_flood_of_names_does_not_fill_the_memory_nor_wash_away_the_one_under_attack() -> None:
    timer = Clock(0.0)
    names = Names(timer)
    for _ in range(2 * FREE_OF_NAME):
        turn_s(names, "ada", "203.0.113.1")
    for number in range(3 * guesses.REMEMBERED):
        timer.now += 0.001
        names.attempt(f"nobody{number}", "203.0.113.2")
        names.at_home(f"nobody{number}", "203.0.113.2")
    assert len(names._tried) <= guesses.REMEMBERED and len(names._homes) <= guesses.REMEMBERED
    assert names._tried["ada"].count > FREE_OF_NAME
