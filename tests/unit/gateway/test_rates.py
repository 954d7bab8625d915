"""Token buckets: a burst passes, a flood does not, and what is remembered is bounded."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gesso.access.identity import Identity, Via
from gesso.access.limits import Allowance
from gesso.access.scopes import Role
from gesso.errors import OverLimit
from gesso.gateway.middleware.rates import BURST_S, Buckets, Rates
from tests.unit.gateway.calls import Answer, call

FRONTEND_FILES = 470


class Timer:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_of_ten_seconds_passes_and_then_as_many_as_come_back() -> None:
    timer = Timer()
    buckets = Buckets(timer)
    assert not any(buckets.take("ada", 100.0) for _ in range(999))
    waits = [buckets.take("ada", 100.0) for _ in range(10)]
    assert waits[-1] == pytest.approx(0.01, abs=0.001)
    timer.now += 1.0
    assert sum(not buckets.take("ada", 100.0) for _ in range(200)) in (100, 101)


def test_the_frontend_starts_and_comes_back_each_300_ms() -> None:
    timer = Timer()
    buckets = Buckets(timer)
    for _ in range(2):
        assert not any(buckets.take("ada", 100.0) for _ in range(FRONTEND_FILES))
    for _ in range(1000):
        timer.now += 0.3
        assert not buckets.take("ada", 100.0)


@given(
    rate=st.floats(0.01, 1000.0),
    steps=st.lists(st.floats(0.0, 30.0) | st.just(0.0), min_size=1, max_size=200),
)
def test_never_more_than_the_burst_and_the_rate_pass_and_waiting_helps(
    rate: float, steps: list[float]
) -> None:
    timer = Timer()
    buckets, passed = Buckets(timer), []
    for step in steps:
        timer.now += step
        wait_s = buckets.take("ada", rate)
        if not wait_s:
            passed.append(timer.now)
            continue
        assert wait_s <= 1.0 / rate + 1e-6
        # Whoever waits as long as he is told is let in.
        timer.now += wait_s + 1e-6
        assert buckets.take("ada", rate) == 0.0
        passed.append(timer.now)
    burst = max(1.0, BURST_S * rate)
    for first in range(len(passed)):
        for last in range(first, len(passed)):
            most = burst + rate * (passed[last] - passed[first])
            assert last - first + 1 <= most + 1e-3


def test_a_changed_rate_counts_from_the_next_request_on() -> None:
    timer = Timer()
    buckets = Buckets(timer)
    for _ in range(50):
        assert not buckets.take("ada", 10.0)
    assert not any(buckets.take("ada", 100.0) for _ in range(400))
    assert buckets.take("ada", 0.5) > 0


def test_one_name_does_not_use_up_anothers() -> None:
    buckets = Buckets(Timer())
    while not buckets.take("ada", 1.0):
        pass
    assert not buckets.take("ben", 1.0)


def test_what_is_remembered_is_bounded_and_who_floods_is_not_forgotten() -> None:
    timer = Timer()
    buckets = Buckets(timer, remembered=100)
    while not buckets.take("flood", 10.0):
        pass
    for number in range(10_000):
        timer.now += 0.0001
        buckets.take(f"passer-by {number}", 10.0)
        assert len(buckets) <= 100
    while not buckets.take("flood", 10.0):
        assert len(buckets) <= 100
    assert buckets.take("flood", 10.0) > 0


async def fine(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def asked(rates: Rates, rate: float | None) -> Callable[[], Answer]:
    ada = Identity(
        account_id="1",
        name="ada",
        role=Role.USER,
        scopes=frozenset(),
        key_id="k",
        via=Via.KEY,
        allowance=Allowance(requests_per_s=rate),
    )
    return lambda: asyncio.run(call(rates, "/queue", scope={"gesso.identity": ada}))


def test_an_account_over_its_rate_is_told_when_to_come_back() -> None:
    timer = Timer()
    ask = asked(Rates(fine, timer=timer), 0.5)
    for _ in range(5):
        assert ask().status == 200
    with pytest.raises(OverLimit, match="0.5") as caught:
        ask()
    timer.now += caught.value.retry_after_s + 0.001
    assert ask().status == 200


def test_an_account_without_a_limit_is_not_counted() -> None:
    ask = asked(Rates(fine, timer=Timer()), None)
    assert all(ask().status == 200 for _ in range(200))


def stranger(path: str, address: str) -> dict[str, Any]:
    return {"path": path, "raw_path": path.encode(), "gesso.address": address}


def used_up(rates: Rates, scope: dict[str, Any]) -> bool:
    try:
        for _ in range(100):
            rates.strangers(scope)
    except OverLimit:
        return True
    return False


def test_strangers_are_counted_by_their_network_but_may_always_ask_for_health() -> None:
    rates = Rates(fine, timer=Timer(), strangers_per_s=1.0)
    assert used_up(rates, stranger("/queue", "2001:db8::1"))
    with pytest.raises(OverLimit):
        rates.strangers(stranger("/gesso/login", "2001:db8::2"))
    rates.strangers(stranger("/queue", "2001:db8:0:1::1"))
    for path in ("/gesso/healthz", "/gesso/readyz"):
        assert not used_up(rates, stranger(path, "2001:db8::1"))
    assert not used_up(Rates(fine, timer=Timer()), stranger("/queue", "::1"))
