"""The text for Prometheus: what is known stands in it, and what is not known stands nowhere."""

import re

from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from gesso.fleet.state import State
from gesso.gpus.reader import Machine
from gesso.monitoring.metrics import BY_NAME, CARD_LABELS, METRICS, Around, Kind, exposition
from gesso.monitoring.snapshot import Snapshot
from tests.monitoring import AT, card, snapshot

AROUND = Around(now=AT + 2, version="1.2.3", host="gpu-box")

Told = dict[str, dict[tuple[tuple[str, str], ...], float]]


def told(now: Snapshot | None) -> Told:
    """By name and labels."""
    found: Told = {}
    for family in text_string_to_metric_families(exposition(now, AROUND).decode()):
        for each in family.samples:
            found.setdefault(each.name, {})[tuple(sorted(each.labels.items()))] = each.value
    return found


def of(found: Told, name: str, /, **labels: str) -> float | None:
    return found.get(name, {}).get(tuple(sorted(labels.items())))


def test_everything_that_is_known_is_told() -> None:
    whole = snapshot(certificate_expires=AT + 86_400, machine=throttled())
    assert set(told(whole)) == set(BY_NAME)


def throttled() -> Machine:
    return Machine(reader="recorded", at=AT, cards=(card(0, throttled_by=("sw_power_cap",)), card(1)))


def test_values_are_those_of_the_snapshot() -> None:
    found = told(snapshot())
    assert of(found, "gesso_jobs", state="queued") == 3
    assert of(found, "gesso_jobs_finished_total", state="succeeded") == 120
    assert of(found, "gesso_engine_restarts_total", engine="qwen") == 2
    assert of(found, "gesso_findings", engine="flux", name="cuda-poisoned") == 1
    assert of(found, "gesso_snapshot_age_seconds") == 2
    assert of(found, "gesso_users_active") == 2
    assert of(found, "gesso_info", version="1.2.3") == 1


def test_an_engine_is_in_exactly_one_of_all_states() -> None:
    found = told(snapshot())["gesso_engine_state"]
    for engine, state in (("qwen", "ready"), ("flux", "stopped-after-failures")):
        of_it = {
            dict(labels)["state"]: value for labels, value in found.items() if ("engine", engine) in labels
        }
        assert set(of_it) == {str(each) for each in State}
        assert {name for name, value in of_it.items() if value} == {state}


def test_cards_are_told_as_dcgm_exporter_does() -> None:
    labels = {
        "gpu": "1",
        "UUID": card(1).uuid,
        "pci_bus_id": "00000000:18:00.0",
        "device": "nvidia1",
        "modelName": "NVIDIA GeForce RTX 3090",
        "Hostname": "gpu-box",
    }
    assert tuple(labels) == CARD_LABELS
    found = told(snapshot())
    assert of(found, "DCGM_FI_DEV_GPU_UTIL", **labels) == 90
    assert of(found, "DCGM_FI_DEV_FB_USED", **labels) == 7 * 1024
    assert of(found, "DCGM_FI_DEV_FB_FREE", **labels) == 17 * 1024
    assert of(found, "DCGM_FI_DEV_GPU_TEMP", **labels) == 72
    assert of(found, "DCGM_FI_DEV_XID_ERRORS", **labels) == 0


def test_what_is_not_known_is_absent_and_not_nought() -> None:
    blind = card(
        0, utilisation=None, memory_used=None, temperature_c=None, power_w=None, power_limit_w=None, xid=None
    )
    machine = Machine(reader="recorded", at=AT, cards=(blind,), problem="half of it")
    found = told(snapshot(machine=machine, queued=None, running=None, oldest_queued_s=None, disk_free=None))
    for name in ("GPU_UTIL", "FB_USED", "FB_FREE", "GPU_TEMP", "POWER_USAGE", "XID_ERRORS"):
        assert f"DCGM_FI_DEV_{name}" not in found
    for name in ("gesso_jobs", "gesso_users_active", "gesso_queue_oldest_seconds", "gesso_disk_free_bytes"):
        assert name not in found
    assert of(found, "gesso_gpus_readable") == 0
    assert of(found, "gesso_engine_queue", engine="qwen") == 1
    assert of(found, "gesso_engine_queue", engine="flux") is None
    assert of(found, "gesso_engine_memory_bytes", engine="flux") is None


def test_no_cards_are_told_of_where_none_were_read() -> None:
    found = told(snapshot(machine=None))
    assert not [name for name in found if name.startswith("DCGM")]
    assert "gesso_gpus_readable" not in found


def test_before_the_first_look_gesso_says_no_more_than_that_it_is_up() -> None:
    assert told(None) == {"gesso_up": {(): 1.0}}


def test_no_account_is_named() -> None:
    text = exposition(snapshot(), AROUND).decode()
    assert "ada" not in re.findall(r'"([^"]*)"', text) and "ben" not in re.findall(r'"([^"]*)"', text)


def test_names_are_one_each_and_as_prometheus_wants_them() -> None:
    assert len(BY_NAME) == len(METRICS)
    for metric in METRICS:
        assert re.fullmatch(r"gesso_[a-z][a-z0-9_]*|DCGM_FI_DEV_[A-Z_]+", metric.name)
        assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER)
        assert metric.help.endswith(".")


def test_nothing_is_left_in_the_librarys_own_registry() -> None:
    before = set(REGISTRY._names_to_collectors)
    told(snapshot())
    assert set(REGISTRY._names_to_collectors) == before
