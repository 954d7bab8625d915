"""What nvidia-smi prints, as cards. Pure: recorded texts are tested against it."""

import re
from collections.abc import Mapping
from dataclasses import replace

from gesso.gpus.nvml_card import throttle_words
from gesso.gpus.reader import Card, GpuProcess

MIB = 1 << 20
# Names come last: they may have commas in them, and numbers may not.
FIELDS = (
    "index",
    "uuid",
    "pci.bus_id",
    "driver_version",
    "memory.total",
    "memory.used",
    "utilization.gpu",
    "temperature.gpu",
    "power.draw",
    "enforced.power.limit",
    "clocks.sm",
    "clocks.max.sm",
    "clocks.mem",
    "clocks_event_reasons.active",
    "mig.mode.current",
    "compute_cap",
    "name",
)
# Not every version knows these; the older name, where there is one.
OPTIONAL: Mapping[str, str | None] = {
    "enforced.power.limit": "power.limit",
    "power.limit": None,
    "clocks_event_reasons.active": "clocks_throttle_reasons.active",
    "clocks_throttle_reasons.active": None,
    "clocks.max.sm": None,
    "mig.mode.current": None,
    "compute_cap": None,
}
READINGS = {
    "memory.total": "memory",
    "memory.used": "memory used",
    "utilization.gpu": "utilisation",
    "temperature.gpu": "temperature",
    "power.draw": "power",
    "enforced.power.limit": "power limit",
    "power.limit": "power limit",
    "clocks.sm": "clock",
    "clocks.max.sm": "highest clock",
    "clocks.mem": "memory clock",
    "clocks_event_reasons.active": "throttle reasons",
    "clocks_throttle_reasons.active": "throttle reasons",
}
# "[N/A]", "N/A", "[Not Supported]", "ERR!", "[Insufficient Permissions]", "[Unknown Error]", "[GPU is lost]".
_NOTHING = re.compile(r"\[.*\]|N/A|ERR!|Not (Supported|Found|Active)|Unknown Error|", re.IGNORECASE)
_REFUSED = re.compile(r'Field "([^"]+)" is not a valid field')
_CARD = re.compile(r"^GPU (\d+): .*\(UUID: (GPU-[^)\s]+)\)")
_INSTANCE = re.compile(r"^\s+(MIG \S+)\s+Device\s+\d+: \(UUID: (MIG-[^)\s]+)\)")
_LOST = re.compile(r"GPU is lost|handle for GPU\s*([0-9A-Fa-f:.]+)", re.IGNORECASE)


def refused_field(text: str) -> str:
    """The field that this nvidia-smi does not know; "" when it knew all."""
    found = _REFUSED.search(text)
    return found[1] if found else ""


def cards_of(text: str, fields: tuple[str, ...]) -> tuple[str | None, list[Card], list[str]]:
    """The driver's version, the cards, and what was said beside them."""
    driver: str | None = None
    cards: list[Card] = []
    said: list[str] = []
    for line in filter(str.strip, text.splitlines()):
        values = _row(line, fields)
        if values is None or not values["index"].isdigit():
            if _LOST.search(line):
                said.append(line.strip())
        elif not values["uuid"].startswith("GPU-"):
            said.append(f"card {values['index']} does not answer ({_why(values['uuid'])})")
        else:
            driver = driver or _value(values.get("driver_version"))
            cards.append(_card(values))
    return driver, cards, said


def instances_of(text: str, cards: list[Card]) -> list[Card]:
    """The cards, each with its MIG instances of `nvidia-smi -L` behind it. Of these, only names are told."""
    instances: dict[str, list[Card]] = {}
    parent: Card | None = None
    for line in text.splitlines():
        if card_line := _CARD.match(line):
            parent = next((card for card in cards if card.uuid == card_line[2]), None)
        elif parent is not None and (line_ := _INSTANCE.match(line)):
            instances.setdefault(parent.uuid, []).append(
                Card(
                    uuid=line_[2],
                    name=f"{parent.name} {line_[1]}",
                    nvml_index=parent.nvml_index,
                    pci=parent.pci,
                    parent=parent.uuid,
                    mig=False,
                    compute_capability=parent.compute_capability,
                    problems=("memory: nvidia-smi does not tell it of MIG instances",),
                )
            )
    return [each for card in cards for each in (card, *instances.get(card.uuid, ()))]


def processes_of(text: str, cards: list[Card]) -> tuple[list[Card], list[str]]:
    """The cards with the processes that compute on them, and what could not be assigned."""
    found: dict[str, dict[int, GpuProcess]] = {card.uuid: {} for card in cards}
    unread: list[str] = []
    for line in filter(str.strip, text.splitlines()):
        parts = [part.strip() for part in line.split(",", 3)]
        if len(parts) < 3 or not parts[1].isdigit():
            continue
        pid = int(parts[1])
        if parts[0] not in found:
            unread.append(f"a process is on a card that is not listed ({parts[0]})")
            continue
        memory = _number(parts[2])
        name = _value(parts[3]) if len(parts) > 3 else None
        found[parts[0]][pid] = GpuProcess(
            pid=pid, memory=None if memory is None else int(memory * MIB), name=name
        )
    # It names the whole card for processes of its instances; which has which is not told.
    divided = {card.uuid for card in cards if card.mig}
    return [
        card
        if card.lost or (card.parent in divided and not found[card.uuid])
        else replace(card, processes=tuple(sorted(found[card.uuid].values(), key=lambda each: each.pid)))
        for card in cards
    ], unread


def _row(line: str, fields: tuple[str, ...]) -> dict[str, str] | None:
    parts = [part.strip() for part in line.split(",", len(fields) - 1)]
    return dict(zip(fields, parts, strict=True)) if len(parts) == len(fields) else None


def _card(values: Mapping[str, str]) -> Card:
    lost = sum("GPU is lost" in value for value in values.values()) > 1
    bits = _value(values.get("clocks_event_reasons.active", values.get("clocks_throttle_reasons.active")))
    capability = re.fullmatch(r"(\d+)\.(\d+)", values.get("compute_cap", ""))
    problems = tuple(
        f"{READINGS[field]}: {_why(value)}"
        for field, value in values.items()
        if field in READINGS and _value(value) is None
    )
    total, used = _number(values.get("memory.total")), _number(values.get("memory.used"))
    return Card(
        uuid=values["uuid"],
        name=_value(values["name"]) or "a card that does not tell its name",
        nvml_index=int(values["index"]),
        pci=_value(values["pci.bus_id"]),
        mig={"enabled": True, "disabled": False}.get(values.get("mig.mode.current", "").casefold(), False),
        lost=lost,
        compute_capability=(int(capability[1]), int(capability[2])) if capability else None,
        memory_total=None if total is None else int(total * MIB),
        memory_used=None if used is None else int(used * MIB),
        utilisation=_number(values.get("utilization.gpu")),
        temperature_c=_number(values.get("temperature.gpu")),
        power_w=_number(values.get("power.draw")),
        power_limit_w=_number(values.get("enforced.power.limit", values.get("power.limit"))),
        clock_mhz=_number(values.get("clocks.sm")),
        clock_limit_mhz=_number(values.get("clocks.max.sm")),
        memory_clock_mhz=_number(values.get("clocks.mem")),
        throttled_by=throttle_words(int(bits, 16))
        if bits and re.fullmatch(r"0x[0-9a-fA-F]+", bits)
        else None,
        problems=("the card does not answer any more (GPU is lost)",) if lost else problems,
    )


def _value(text: str | None) -> str | None:
    """None for every way of saying that there is none."""
    return None if text is None or _NOTHING.fullmatch(text.strip()) else text.strip()


def _number(text: str | None) -> float | None:
    value = _value(text)
    found = re.match(r"-?\d+(\.\d+)?", value) if value is not None else None
    return float(found[0]) if found else None


def _why(text: str) -> str:
    """ "not supported" of "[Not Supported]"."""
    reason = text.strip(" []").casefold()
    return {"n/a": "not supported", "err!": "unknown error", "": "no answer"}.get(reason, reason)
