"""How long an address waits after failed logins."""

import pytest

from gesso.errors import OverLimit
from gesso.gateway import guesses
from gesso.gateway.guesses import FREE, Guesses, network
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
