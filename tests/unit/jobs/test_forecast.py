"""When waiting jobs start: in fair order, never sooner for more work ahead, and not known where a part is."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from gesso.jobs.estimate import Estimate
from gesso.jobs.fairness import Flow
from gesso.jobs.forecast import Account, Kind, Queued, Scene, Taken, fair_order, forecast, place_beyond


def exactly(seconds: float) -> Estimate:
    return Estimate(low_s=seconds, likely_s=seconds, high_s=seconds)


def near(found: Estimate | None, seconds: float) -> bool:
    return found is not None and [found.low_s, found.likely_s, found.high_s] == approx([seconds] * 3)


def kind(takes: Estimate | None, engines: Sequence[str] = ("a",)) -> Kind:
    return Kind(takes=dict.fromkeys(engines, takes), expected_s=takes.likely_s if takes else 10.0)


def account(
    owner: str, kinds: Sequence[Kind], *, vtime: float = 0.0, weight: float = 1.0, most: int = 100
) -> Account:
    jobs = [Queued(id=f"{owner}{n}", seq=n + 1, owner=owner, kind=each) for n, each in enumerate(kinds)]
    flow = Flow(weight=weight, vtime=vtime, pending=0.0, queued=len(jobs), running=0, idle_since=None)
    return Account(flow=flow, max_running=most, queue=jobs)


def scene(
    accounts: dict[str, Account], engines: Mapping[str, Sequence[Taken]] | None = None, **more: Any
) -> Scene:
    return Scene(accounts=accounts, turn=0.0, engines={"a": []} if engines is None else engines, **more)


def order(scene: Scene) -> list[str]:
    return [job.id for job in fair_order(scene)]


@given(jobs=st.integers(1, 20), each_s=st.floats(0.1, 1000.0), spent=st.floats(0.0, 1.0))
def test_a_lone_users_jobs_start_one_after_the_other(jobs: int, each_s: float, spent: float):
    same = kind(exactly(each_s))
    alone = {"u": account("u", [same] * jobs)}
    idle = forecast(scene(alone))
    running = Taken(id="r", owner="u", takes=exactly(each_s), spent_s=spent * each_s)
    busy = forecast(scene(alone, {"a": [running]}, running={"u": 1}))
    for n in range(jobs):
        assert idle[f"u{n}"].place == busy[f"u{n}"].place == n + 1
        assert near(idle[f"u{n}"].starts, n * each_s)
        assert near(busy[f"u{n}"].starts, (n + 1 - spent) * each_s)
    assert busy["r"].place == 0 and busy["r"].starts is None and busy["r"].takes == exactly(each_s)


spreads = st.tuples(st.floats(0.1, 50.0), st.floats(0.0, 50.0), st.floats(0.0, 50.0))


def spread(given: tuple[float, float, float] | None) -> Estimate | None:
    if given is None:
        return None
    return Estimate(low_s=given[0], likely_s=given[0] + given[1], high_s=sum(given))


@settings(max_examples=50)
@given(
    queues=st.lists(st.lists(spreads, min_size=1, max_size=5), min_size=1, max_size=4),
    vtimes=st.lists(st.floats(0.0, 100.0), min_size=4, max_size=4),
    more=spreads,
    at=st.tuples(st.integers(0, 3), st.integers(0, 5)),
    engines=st.sampled_from(["a", "abc"]),
)
def test_more_work_ahead_starts_nobody_sooner(
    queues: list[list[tuple[float, float, float]]],
    vtimes: list[float],
    more: tuple[float, float, float],
    at: tuple[int, int],
    engines: str,
):
    """Mine are the first user's. The new job comes last in another's queue (one that comes first there sets
    the other back, which is to my good), or anywhere in mine where there is one engine: several that take
    the same jobs in another order may be done sooner, in truth as here."""
    accounts = {
        f"u{n}": account(f"u{n}", [kind(spread(each), engines) for each in queue], vtime=vtime)
        for n, (queue, vtime) in enumerate(zip(queues, vtimes, strict=False))
    }
    free: dict[str, Sequence[Taken]] = {name: [] for name in engines}
    before = forecast(scene(accounts, free))
    whose = f"u{at[0] % len(accounts)}"
    queue = list(accounts[whose].queue)
    place = at[1] % (len(queue) + 1) if engines == "a" and whose == "u0" else len(queue)
    queue.insert(place, Queued(id="more", seq=99, owner=whose, kind=kind(spread(more), engines)))
    after = forecast(scene({**accounts, whose: replace(accounts[whose], queue=queue)}, free))
    passed = {job.id for job in queue[:place]} if whose == "u0" else set()
    for job in accounts["u0"].queue:
        was, now = before[job.id], after[job.id]
        assert was.starts is not None and now.starts is not None
        for starts in (was.starts, now.starts):
            assert 0.0 <= starts.low_s <= starts.likely_s <= starts.high_s
        assert now.place >= was.place
        assert now.starts.likely_s >= was.starts.likely_s - 1e-6
        assert job.id not in passed or now == was


any_kinds = st.tuples(st.none() | spreads, st.sampled_from(["", "a", "bc", "abc"]))


@settings(max_examples=50)
@given(
    queues=st.lists(st.lists(any_kinds, max_size=6), min_size=1, max_size=4),
    most=st.integers(0, 3),
    taken=st.lists(st.tuples(st.sampled_from("abc"), st.none() | spreads, st.floats(0, 99)), max_size=5),
)
def test_whatever_waits_has_a_place_and_sound_bounds(
    queues: list[list[tuple[Any, str]]], most: int, taken: list[tuple[str, Any, float]]
):
    accounts = {
        f"u{n}": account(f"u{n}", [kind(spread(takes), on) for takes, on in queue], most=most)
        for n, queue in enumerate(queues)
    }
    engines: dict[str, list[Taken]] = {"a": [], "b": [], "c": []}
    for n, (engine, takes, spent_s) in enumerate(taken):
        running = None if engines[engine] else spent_s
        engines[engine].append(Taken(id=f"t{n}", owner="u0", takes=spread(takes), spent_s=running))
    found = forecast(scene(accounts, engines, running={"u0": len(taken)}))
    waiting = sum(map(len, queues)) + sum(max(0, len(jobs) - 1) for jobs in engines.values())
    assert sorted(each.place for each in found.values() if each.place) == list(range(1, waiting + 1))
    for each in accounts.values():
        for job in each.queue:
            starts = found[job.id].starts
            assert starts is None or 0.0 <= starts.low_s <= starts.likely_s <= starts.high_s
            if not job.kind.takes or most == 0:
                assert starts is None


def test_turns_alternate_and_a_newcomer_does_not_wait_behind_a_hundred():
    accounts = {
        "m": account("m", [kind(exactly(5.0))] * 100, vtime=20.0),
        "o": account("o", [kind(exactly(5.0))], vtime=20.0),
    }
    running = Taken(id="r", owner="m", takes=exactly(5.0), spent_s=2.0)
    found = forecast(scene(accounts, {"a": [running]}, running={"m": 1}))
    assert found["o0"].place <= 2
    starts = found["o0"].starts
    assert starts is not None and starts.likely_s <= 8.0


def test_a_share_of_two_is_served_twice():
    accounts = {
        "u": account("u", [kind(exactly(6.0))] * 3),
        "v": account("v", [kind(exactly(6.0))] * 6, weight=2.0, vtime=0.1),
    }
    assert order(scene(accounts)) == ["u0", "v0", "v1", "u1", "v2", "v3", "u2", "v4", "v5"]


def test_what_depends_on_something_unknown_is_unknown():
    known, unknown = kind(exactly(5.0)), kind(None)
    found = forecast(scene({"u": account("u", [known, unknown, known])}))
    assert found["u0"].starts == exactly(0.0) and found["u1"].starts == exactly(5.0)
    assert found["u1"].takes is None
    assert found["u2"].starts is None and found["u2"].place == 3
    running = Taken(id="r", owner="u", takes=None, spent_s=1.0)
    after = forecast(scene({"u": account("u", [known])}, {"a": [running]}))
    assert after["u0"].starts is None and after["u0"].takes == exactly(5.0)


def test_another_engine_that_is_unknown_makes_only_its_own_jobs_unknown():
    running: dict[str, Sequence[Taken]] = {
        "a": [Taken(id="r", owner="u", takes=None, spent_s=1.0)],
        "b": [Taken(id="s", owner="u", takes=exactly(9.0), spent_s=1.0)],
        "c": [],
    }
    jobs = [kind(exactly(5.0), ("b",)), kind(exactly(5.0), ("a", "b")), kind(exactly(5.0), ("c",))]
    found = forecast(scene({"u": account("u", jobs)}, running))
    assert found["u0"].starts == exactly(8.0)
    assert found["u1"].starts is None
    assert found["u2"].starts == exactly(0.0)


def test_a_job_that_takes_far_longer_than_ever_makes_unknown_what_waits_for_it():
    running = Taken(id="r", owner="u", takes=exactly(5.0), spent_s=60.0)
    found = forecast(scene({"u": account("u", [kind(exactly(5.0))])}, {"a": [running]}))
    assert found["u0"].starts is None


def test_jobs_that_no_engine_can_run_are_ahead_of_nobody():
    nowhere = kind(None, ())
    found = forecast(scene({"u": account("u", [nowhere, kind(exactly(5.0)), nowhere])}))
    assert [found[f"u{n}"].place for n in range(3)] == [2, 1, 3]
    assert found["u0"].starts is None and found["u1"].starts == exactly(0.0)


def test_without_any_engine_there_are_places_and_no_times():
    accounts = {"u": account("u", [kind(None, ())] * 2), "v": account("v", [kind(None, ())], vtime=1.0)}
    found = forecast(scene(accounts, {}))
    assert [found[id].place for id in ("u0", "v0", "u1")] == [1, 2, 3]
    assert all(each.starts is None and each.takes is None for each in found.values())


def test_a_user_at_his_limit_lets_others_by():
    accounts = {
        "u": account("u", [kind(exactly(5.0), ("a", "b"))] * 3, most=1),
        "v": account("v", [kind(exactly(5.0), ("a", "b"))] * 2, vtime=3.0),
    }
    found = forecast(scene(accounts, {"a": [], "b": []}))
    assert found["u0"].starts == exactly(0.0) and found["v0"].starts == exactly(0.0)
    assert found["u1"].starts == exactly(5.0) and found["u2"].starts == exactly(10.0)


def test_a_job_that_waits_at_its_engine_comes_before_all_that_wait_for_a_turn():
    jobs = [
        Taken(id="r", owner="u", takes=exactly(5.0), spent_s=1.0),
        Taken(id="s", owner="u", takes=exactly(3.0), spent_s=None),
    ]
    found = forecast(scene({"u": account("u", [kind(exactly(5.0))])}, {"a": jobs}))
    assert found["s"].place == 1 and found["s"].starts == exactly(4.0)
    assert found["u0"].place == 2 and found["u0"].starts == exactly(7.0)


def test_an_attempt_that_has_to_wait_starts_no_sooner():
    again = replace(account("u", [kind(exactly(5.0))]).queue[0], ready_in_s=12.0)
    found = forecast(scene({"u": replace(account("u", []), queue=[again])}))
    assert found["u0"].starts == exactly(12.0)


def test_the_order_ends_where_a_job_is_not_known_and_places_go_on():
    short = replace(account("u", [kind(exactly(5.0))] * 2), beyond=98)
    other = account("v", [kind(exactly(5.0))] * 30, vtime=1.0)
    here = scene({"u": short, "v": other})
    assert order(here) == ["u0", "v0", "u1", "v1"]
    assert place_beyond(here, "u", 2) == pytest.approx(5, abs=1)
    assert place_beyond(here, "u", 99) == 130


@given(sizes=st.lists(st.integers(1, 30), min_size=1, max_size=5), data=st.data())
def test_places_beyond_agree_with_the_order_where_jobs_are_equal(sizes: list[int], data: st.DataObject):
    vtimes = data.draw(st.lists(st.floats(0.0, 50.0), min_size=len(sizes), max_size=len(sizes)))
    accounts = {
        f"u{n}": account(f"u{n}", [kind(exactly(5.0))] * size, vtime=vtime)
        for n, (size, vtime) in enumerate(zip(sizes, vtimes, strict=True))
    }
    here = scene(accounts)
    places = {job.id: place for place, job in enumerate(fair_order(here), 1)}
    for owner, each in accounts.items():
        for index, job in enumerate(each.queue):
            assert abs(place_beyond(here, owner, index) - places[job.id]) <= len(sizes)
