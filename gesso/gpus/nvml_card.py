"""Everything that NVML tells of one card, or of one MIG instance."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from gesso.gpus.nvml_ask import Failed, Questions, call
from gesso.gpus.reader import Card, GpuProcess

CLOCK_SM, CLOCK_MEMORY, TEMPERATURE_OF_GPU = 1, 2, 0
MEMORY_V2 = 0x02000028
# nvmlClocksEventReason…; that a card rests (bit 1) does not lower what work would get.
IDLE = 0x1
REASONS = {
    0x2: "applications_clocks_setting",
    0x4: "sw_power_cap",
    0x8: "hw_slowdown",
    0x10: "sync_boost",
    0x20: "sw_thermal_slowdown",
    0x40: "hw_thermal_slowdown",
    0x80: "hw_power_brake_slowdown",
    0x100: "display_clock_setting",
    0x200: "board_limit",
    0x400: "reliability",
}


def read_card(nvml: Any, handle: Any, index: int, xid: int | None) -> tuple[Card, ...]:
    """The card, and behind it its MIG instances. Raises Failed if it does not even tell its UUID."""
    uuid = str(call(nvml, "nvmlDeviceGetUUID", handle))
    asked = Questions(nvml, handle)
    mode = asked.ask("MIG mode", "nvmlDeviceGetMigMode", optional=True)
    mig = bool(mode[0]) if mode else None if asked.problems else False
    pci = asked.ask("PCI address", "nvmlDeviceGetPciInfo_v3")
    total, used = _memory(asked)
    utilisation = asked.ask("utilisation", "nvmlDeviceGetUtilizationRates", optional=bool(mig))
    processes = _processes(nvml, asked, total)
    if xid is None:
        asked.problems.append("Xid errors: not watched")
    card = Card(
        uuid=uuid,
        name=asked.ask("name", "nvmlDeviceGetName") or "a card that does not tell its name",
        nvml_index=index,
        pci=None if pci is None else _text(pci.busId),
        mig=mig,
        cores=asked.ask("cores", "nvmlDeviceGetNumGpuCores", optional=True),
        compute_capability=_pair(asked.ask("compute capability", "nvmlDeviceGetCudaComputeCapability")),
        memory_total=total,
        memory_used=used,
        utilisation=None if utilisation is None else float(utilisation.gpu),
        temperature_c=_number(asked.ask("temperature", "nvmlDeviceGetTemperature", TEMPERATURE_OF_GPU)),
        power_w=_watts(asked.ask("power", "nvmlDeviceGetPowerUsage")),
        power_limit_w=_watts(
            asked.ask_first(
                "power limit", ("nvmlDeviceGetEnforcedPowerLimit",), ("nvmlDeviceGetPowerManagementLimit",)
            )
        ),
        clock_mhz=_number(asked.ask("clock", "nvmlDeviceGetClockInfo", CLOCK_SM)),
        clock_limit_mhz=_number(asked.ask("highest clock", "nvmlDeviceGetMaxClockInfo", CLOCK_SM)),
        memory_clock_mhz=_number(asked.ask("memory clock", "nvmlDeviceGetClockInfo", CLOCK_MEMORY)),
        throttled_by=_throttled(asked),
        xid=xid,
        processes=processes,
        lost=asked.lost,
        problems=tuple(asked.problems),
    )
    if card.lost:
        return (replace(card, problems=("the card does not answer any more (GPU is lost)",)),)
    instances = tuple(_instances(nvml, handle, card)) if mig else ()
    return (_without(card, instances), *instances)


def throttle_words(bits: int) -> tuple[str, ...]:
    """NVML's names of the reasons, lowest bit first; a bit that has none is told as it is."""
    set_bits = [1 << place for place in range(64) if bits >> place & 1 and 1 << place != IDLE]
    return tuple(REASONS.get(bit, f"{bit:#x}") for bit in set_bits)


def _instances(nvml: Any, handle: Any, card: Card) -> Iterable[Card]:
    count = Questions(nvml, handle).ask("MIG instances", "nvmlDeviceGetMaxMigDeviceCount") or 0
    for place in range(count):
        try:
            instance = call(nvml, "nvmlDeviceGetMigDeviceHandleByIndex", handle, place)
            uuid = str(call(nvml, "nvmlDeviceGetUUID", instance))
        except Failed:
            # No instance has this place.
            continue
        asked = Questions(nvml, instance)
        total, used = _memory(asked)
        processes = _processes(nvml, asked, total)
        yield Card(
            uuid=uuid,
            name=asked.ask("name", "nvmlDeviceGetName") or f"{card.name} MIG",
            nvml_index=card.nvml_index,
            pci=card.pci,
            parent=card.uuid,
            mig=False,
            compute_capability=card.compute_capability,
            memory_total=total,
            memory_used=used,
            processes=processes,
            problems=tuple(asked.problems),
        )


def _without(card: Card, instances: tuple[Card, ...]) -> Card:
    """A divided card tells the processes of its instances, too; each is told once, where it is."""
    inside = {process.pid for each in instances for process in each.processes or ()}
    if card.processes is None or not inside:
        return card
    return replace(card, processes=tuple(each for each in card.processes if each.pid not in inside))


def _memory(asked: Questions) -> tuple[int | None, int | None]:
    """Total and used. The older question counts what the driver keeps for itself as used."""
    memory = asked.ask_first("memory", ("nvmlDeviceGetMemoryInfo", MEMORY_V2), ("nvmlDeviceGetMemoryInfo",))
    return (None, None) if memory is None else (int(memory.total), int(memory.used))


def _throttled(asked: Questions) -> tuple[str, ...] | None:
    bits = asked.ask_first(
        "throttle reasons",
        ("nvmlDeviceGetCurrentClocksEventReasons",),
        ("nvmlDeviceGetCurrentClocksThrottleReasons",),
    )
    return None if bits is None else throttle_words(int(bits))


def _processes(nvml: Any, asked: Questions, total: int | None) -> tuple[GpuProcess, ...] | None:
    """Of all kinds, each PID once: what draws and computes stands in two lists, with the same sum."""
    computing = _list(asked, "Compute")
    if computing is None:
        return None
    drawing = _list(asked, "Graphics", optional=True)
    shared = _list(asked, "MPSCompute", optional=True)
    computes = {each.pid for each in (*computing, *(shared or ()))}
    sizes: dict[int, int | None] = {}
    for each in (*computing, *(drawing or ()), *(shared or ())):
        size = None if each.usedGpuMemory is None else int(each.usedGpuMemory)
        before = sizes.get(each.pid)
        sizes[each.pid] = size if before is None else max(before, size or 0)
    # A driver that fills the list in another form than the library reads yields nonsense, not an error.
    if any(pid <= 0 or (size or 0) > (total or size or 0) for pid, size in sizes.items()):
        asked.problems.append("processes: the driver tells them in a form that this library does not read")
        return None
    return tuple(
        GpuProcess(
            pid=pid,
            memory=size,
            name=_name(nvml, pid),
            graphics=None if drawing is None else pid not in computes,
        )
        for pid, size in sorted(sizes.items())
    )


def _list(asked: Questions, kind: str, *, optional: bool = False) -> list[Any] | None:
    names = (f"nvmlDeviceGet{kind}RunningProcesses_v{version}" for version in (3, 2))
    answer: list[Any] | None = asked.ask_first("processes", *((name,) for name in names), optional=optional)
    return answer


def _name(nvml: Any, pid: int) -> str | None:
    try:
        return str(call(nvml, "nvmlSystemGetProcessName", pid)) or None
    except Failed:
        return None


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _watts(milliwatts: Any) -> float | None:
    return None if milliwatts is None else milliwatts / 1000


def _pair(value: Any) -> tuple[int, int] | None:
    return None if value is None else (int(value[0]), int(value[1]))
