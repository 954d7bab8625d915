"""Snapshots for the tests of monitoring: cards, engines and users as somebody could have them."""

from dataclasses import replace
from typing import Any

from gesso.fleet.finding import Finding
from gesso.gpus.reader import Card, GpuProcess, Machine
from gesso.monitoring.snapshot import EngineReading, JobReading, Snapshot, UserReading

GIB = 2**30
AT = 1_795_248_000.0


def card(number: int = 0, **known: Any) -> Card:
    """A card all of whose values are known, but for what is given as None."""
    values: dict[str, Any] = {
        "uuid": f"GPU-0000000{number}-1c2d-4e5f-8a9b-0123456789ab",
        "name": "NVIDIA GeForce RTX 3090",
        "nvml_index": number,
        "pci": f"00000000:{0x17 + number:02X}:00.0",
        "memory_total": 24 * GIB,
        "memory_used": (6 + number) * GIB,
        "utilisation": 91.0 - number,
        "temperature_c": 71.0 + number,
        "power_w": 301.5,
        "power_limit_w": 350.0,
        "clock_mhz": 1815.0,
        "clock_limit_mhz": 2100.0,
        "memory_clock_mhz": 9501.0,
        "throttled_by": (),
        "xid": 0,
        "processes": (GpuProcess(pid=4000 + number, memory=5 * GIB),),
    }
    return Card(**values | known)


def engine(name: str = "qwen", **known: Any) -> EngineReading:
    values: dict[str, Any] = {
        "name": name,
        "kind": "comfyui",
        "state": "ready",
        "reason": "it answers, and knows its nodes",
        "since": AT - 86_000,
        "ready": True,
        "draining": False,
        "external": False,
        "pid": 4000,
        "restarts": 2,
        "queue_remaining": 1,
        "jobs": 1,
        "cpu": 812.25,
        "memory": 3 * GIB,
        "gpu": "GPU-00000000-1c2d-4e5f-8a9b-0123456789ab",
        "gpu_memory": 5 * GIB,
    }
    return EngineReading(**values | known)


def finding(name: str = "slow-start") -> Finding:
    return Finding(
        name=name, summary="it takes longer than ever", evidence="412 s", remedy="Look at its log.", at=AT
    )


def snapshot(**known: Any) -> Snapshot:
    """Two cards, two engines of which one has failed, two users, three jobs that wait."""
    values: dict[str, Any] = {
        "at": AT,
        "engines": (
            engine(),
            engine(
                "flux",
                state="stopped-after-failures",
                ready=False,
                pid=None,
                queue_remaining=None,
                jobs=None,
                cpu=None,
                memory=None,
                gpu_memory=None,
                gpu=None,
                findings=(finding("cuda-poisoned"),),
            ),
        ),
        "machine": Machine(reader="recorded", at=AT, driver="550.90", cards=(card(0), card(1))),
        "queued": 3,
        "running": 1,
        "oldest_queued_s": 42.5,
        "users": (UserReading(name="ada", queued=3, running=0), UserReading(name="ben", queued=0, running=1)),
        "jobs": (JobReading(id="6f1c2a90", account="ben", engine="qwen", since=AT - 12),),
        "finished": {"succeeded": 120, "failed": 3, "cancelled": 4},
        "disk_free": 200 * GIB,
        "disk_total": 1000 * GIB,
        "cpu": 55.5,
        "memory": 90 * 2**20,
    }
    return Snapshot(**values | known)


def later(before: Snapshot, seconds: float, **known: Any) -> Snapshot:
    return replace(before, at=before.at + seconds, **known)
