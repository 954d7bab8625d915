"""A machine to look at: recorded cards whose memory a running engine holds, and an hour that was sampled."""

import asyncio
import json
import math
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from gesso.database.database import open_database
from gesso.gpus.recorded import machine_file
from gesso.monitoring.samples import Samples
from gesso.monitoring.series import Sampled

GIB = 2**30
# Of the two shipped cards: who is held to it, and the process that is to be its own.
LARGE = "GPU-9b41f7a3-2e58-4c06-8d7e-f16a05c3b982"
SMALL = "GPU-5c8e2d14-7b90-4e6f-a1c3-0d9f3b2a6e71"
FOREIGN_PID = 41877


def two_cards(path: Path, *, engine_pid: int = FOREIGN_PID) -> None:
    """The shipped recording; a process of the large card is `engine_pid`."""
    text = machine_file("two-cards").read_text("utf-8")
    _write(path, text.replace(f"pid = {FOREIGN_PID}", f"pid = {engine_pid}"))


def eight_cards(path: Path, engine_pids: Iterable[int]) -> None:
    """A server's: one is lost, one is hot, one tells nothing; the engines' processes sit on the first."""
    cards = [_card(number) for number in range(8)]
    cards[0]["processes"] = [
        {"pid": pid, "memory": (5 + number) * GIB, "name": "python"}
        for number, pid in enumerate((*engine_pids, 9001))
    ]
    cards[0]["memory_used"] = sum(each["memory"] for each in cards[0]["processes"]) + GIB
    cards[3] |= {"throttled_by": ["hw_thermal_slowdown", "sw_power_cap"], "temperature_c": 88}
    cards[5] = {key: cards[5][key] for key in ("uuid", "name", "nvml_index", "pci", "memory_total")} | {
        "problems": ["memory: unknown error", "utilisation: unknown error", "power: not supported"]
    }
    cards[6] |= {"lost": True, "xid": 79, "problems": ["the card does not answer any more (GPU is lost)"]}
    _write(path, json.dumps({"driver": "560.35.03", "cuda_driver": "12.6", "cards": cards}))


def _card(number: int) -> dict[str, Any]:
    return {
        "uuid": uuid_of(number),
        "name": "NVIDIA H100 80GB HBM3",
        "nvml_index": number,
        "pci": f"00000000:{16 + 8 * number:02X}:00.0",
        "mig": False,
        "memory_total": 80 * GIB,
        "memory_used": number * 9 * GIB,
        "utilisation": 12 * number,
        "temperature_c": 34 + 4 * number,
        "power_w": 90 + 70 * number,
        "power_limit_w": 700,
        "clock_mhz": 1980 - 60 * number,
        "clock_limit_mhz": 1980,
        "throttled_by": [],
        "xid": 0,
        "processes": [{"pid": 7000 + number, "memory": number * 8 * GIB, "name": "/opt/llm/bin/server"}],
    }


def uuid_of(number: int) -> str:
    return f"GPU-{number:08x}-0000-4000-8000-0123456789ab"


def _write(path: Path, text: str) -> None:
    draft = path.with_suffix(".draft")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def sample_an_hour(storage: Path, uuids: Iterable[str]) -> None:
    """What a machine did in the last hour, but for a quarter of it in which nothing was known."""
    storage.mkdir(parents=True, exist_ok=True)
    names = tuple(uuids)

    async def write() -> None:
        database = await open_database(f"sqlite:///{(storage / 'gesso.sqlite3').as_posix()}")
        try:
            await Samples(database).write(list(_hour(names, time.time())))
        finally:
            await database.close()

    # Playwright has a loop of its own in this thread.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, write()).result()


def _hour(uuids: tuple[str, ...], now: float) -> Iterable[Sampled]:
    for tick in range(340):
        at = now - 3500 + 10 * tick
        if 1200 <= 10 * tick < 2100:
            continue
        for number, uuid in enumerate(uuids):
            wave = math.sin(tick / 25 + number)
            noise = 6 * math.sin(tick * 1.7 + number)
            values = (round(55 + 35 * wave + noise), int((30 + 20 * wave) * GIB / 3), 60 + round(12 * wave))
            yield Sampled(at=at, source=f"gpu.{uuid}", kind="gpu", values=(*values, None, None))
        waiting = max(0, round(6 * math.sin(tick / 40)))
        queue = (waiting, min(waiting, 2), 0.0, 1, 1 if tick % 12 == 0 else 0, 0, 0)
        yield Sampled(at=at, source="queue", kind="queue", values=queue)
