"""Snapshots made by hand, for tests of what looks at them."""

from typing import Any

from gesso.fleet.finding import Finding
from gesso.gpus.reader import Card, Machine
from gesso.monitoring.snapshot import EngineReading, Snapshot

GIB = 2**30


def finding(name: str, evidence: str = "seen so") -> Finding:
    return Finding(name=name, summary=f"it is {name}", evidence=evidence, remedy=f"Mend {name}.", at=0.0)


def engine(name: str = "gpu-0", state: str = "ready", *findings: str, **more: Any) -> EngineReading:
    values: dict[str, Any] = {
        "kind": "sketch",
        "reason": "as a test says",
        "since": 0.0,
        "ready": state in ("ready", "busy"),
        "draining": False,
        "external": False,
        "pid": 1,
        "restarts": 0,
        "queue_remaining": 0,
        "findings": tuple(finding(each) for each in findings),
    }
    return EngineReading(name=name, state=state, **{**values, **more})


def card(uuid: str = "GPU-1", *, used: float | None = 1.0, **more: Any) -> Card:
    """A card of 10 GiB of which `used` are in use."""
    values: dict[str, Any] = {"name": "RTX 3090", "nvml_index": 0, "pci": None, "temperature_c": 40.0}
    values |= {"memory_total": 10 * GIB, "memory_used": None if used is None else int(used * GIB)}
    return Card(uuid=uuid, **{**values, **more})


def machine(*cards: Card, problem: str | None = None) -> Machine:
    return Machine(reader="recorded", at=0.0, cards=cards, problem=problem)


def snapshot(at: float, *engines: EngineReading, **more: Any) -> Snapshot:
    values: dict[str, Any] = {
        "machine": None,
        "queued": 0,
        "running": 0,
        "oldest_queued_s": None,
        "users": (),
        "finished": {},
        "disk_free": 100 * GIB,
        "disk_total": 200 * GIB,
    }
    return Snapshot(at=at, engines=engines, **{**values, **more})
