"""What is sampled of a snapshot: known values as they are, rates between two, unknown as unknown."""

from dataclasses import replace

from gesso.gpus.reader import Machine
from gesso.monitoring.series import READINGS, picked, sampled
from gesso.monitoring.snapshot import Snapshot
from tests.monitoring import AT, GIB, card, engine, later, snapshot


def by_name(now: Snapshot, before: Snapshot | None = None) -> dict[str, dict[str, float | None]]:
    return {
        each.source: dict(zip(READINGS[each.kind], each.values, strict=True)) for each in sampled(now, before)
    }


def test_every_source_has_a_value_for_each_of_its_names() -> None:
    found = by_name(snapshot())
    assert list(found) == [
        f"gpu.{card(0).uuid}",
        f"gpu.{card(1).uuid}",
        "engine.qwen",
        "engine.flux",
        "queue",
        "gesso",
    ]
    assert found[f"gpu.{card(0).uuid}"] == {
        "utilisation": 91.0,
        "memory": 6 * GIB,
        "temperature": 71.0,
        "power": 301.5,
        "clock": 1815.0,
    }
    assert found["queue"]["oldest"] == 42.5 and found["queue"]["users"] == 2


def test_processor_time_and_ended_jobs_are_told_between_two_snapshots() -> None:
    first = snapshot()
    assert by_name(first)["gesso"]["cpu"] is None and by_name(first)["queue"]["succeeded"] is None
    ended = {"succeeded": 125, "failed": 3, "cancelled": 4}
    second = later(first, 5, cpu=first.cpu + 0.05, finished=ended, engines=(engine(cpu=822.25),))
    found = by_name(second, first)
    assert found["gesso"]["cpu"] == 1.0 and found["engine.qwen"]["cpu"] == 200.0
    assert (found["queue"]["succeeded"], found["queue"]["failed"]) == (5, 0)


def test_the_time_of_another_process_is_no_difference() -> None:
    first = snapshot()
    second = later(first, 5, engines=(engine(cpu=1.0), engine("new")))
    assert by_name(second, first)["engine.qwen"]["cpu"] is None
    third = later(second, 5, engines=(engine(cpu=900.0, pid=4711),))
    assert by_name(third, second)["engine.qwen"]["cpu"] is None
    back = replace(third, at=AT - 100)
    assert by_name(back, third)["gesso"]["cpu"] is None


def test_what_is_not_known_stays_not_known() -> None:
    unread = card(0, utilisation=None, memory_used=None, temperature_c=None, power_w=None, clock_mhz=None)
    found = by_name(snapshot(machine=Machine(reader="recorded", at=AT, cards=(unread,)), disk_free=None))
    assert set(found[f"gpu.{unread.uuid}"].values()) == {None}
    assert found["engine.flux"] == dict.fromkeys(READINGS["engine"]) | {"ready": 0}
    assert found["gesso"]["disk_free"] is None
    silent = by_name(snapshot(queued=None, running=None, oldest_queued_s=None, users=()))["queue"]
    assert {silent[name] for name in ("queued", "running", "oldest", "users")} == {None}


def test_nothing_waits_for_no_time() -> None:
    assert by_name(snapshot(queued=0, oldest_queued_s=None))["queue"]["oldest"] == 0.0


def test_no_cards_are_sampled_where_none_are_known() -> None:
    assert not [source for source in by_name(snapshot(machine=None)) if source.startswith("gpu.")]


def test_patterns_pick_readings() -> None:
    names = ["utilisation", "memory"]
    assert picked("gpu.GPU-1", names, ["gpu.*"]) == {0: "utilisation", 1: "memory"}
    assert picked("gpu.GPU-1", names, ["*.memory"]) == {1: "memory"}
    assert picked("engine.a", names, ["gpu.*", "engine.a.util*"]) == {0: "utilisation"}
    assert picked("engine.a", names, ["gpu.*"]) == {}
    assert picked("engine.a", names, []) == {0: "utilisation", 1: "memory"}
