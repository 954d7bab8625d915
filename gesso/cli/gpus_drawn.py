"""The cards as lines of text that fit a width: pure, from the answer of `/gesso/api/gpus`."""

import re
from collections.abc import Iterator, Mapping
from textwrap import wrap
from typing import Any

from gesso.cli.blocks import blocks
from gesso.config.values import binary_text
from gesso.gpus import throttles, xids

Card = Mapping[str, Any]
NARROWEST = 60
INDENT = " " * 11
READINGS = {
    "memory_used": "memory",
    "utilisation": "utilisation",
    "temperature_c": "temperature",
    "power_w": "power",
    "clock_mhz": "clock",
    "throttled_by": "throttle reasons",
    "processes": "processes",
}
# A MIG instance has no more readings than these; the others are its card's.
OF_INSTANCES = ("memory_used", "processes")
NOT_KNOWN = "not known"


def drawn(told: Mapping[str, Any], width: int, *, cut: bool) -> list[str]:
    """The whole table. Without `cut`, names and commands are never shortened."""
    width = max(width, NARROWEST)
    lines = list(_head(told))
    if told["problem"]:
        lines += _marked(f"{told['problem'].rstrip('.')}.", width, indent="")
    if not told["cards"]:
        return [*lines, "No cards are known."]
    lines += ["", "NVML CUDA  CARD"]
    for card in told["cards"]:
        lines += _card(card, width, cut=cut)
    return [*lines, "", *_legend(told["cards"], width)]


def _head(told: Mapping[str, Any]) -> Iterator[str]:
    facts = [("driver", told["driver"]), ("CUDA", told["cuda_driver"]), ("read by", told["reader"])]
    yield ", ".join(f"{name} {value}" for name, value in facts if value) or "This machine"


def _card(card: Card, width: int, *, cut: bool) -> Iterator[str]:
    # An instance stands below its card, whose name it begins with.
    name = card["name"] if card["parent"] is None else f"└ {re.sub(r'^.* (?=MIG )', '', card['name'])}"
    yield _first(card, name, width, cut=cut)
    facts = [_identity(card), _readings(card)]
    together = "   ".join(filter(None, facts))
    if len(INDENT) + len(together) <= width:
        facts = [together]
    yield from (INDENT + line for line in facts if line)
    for problem in _problems(card):
        yield from _marked(problem, width)
    for holder in card["processes"] or ():
        line = INDENT + _holder(holder)
        yield line[: width - 1] + "…" if cut and len(line) > width else line
    if card["processes"] and card["remainder"]:
        yield f"{INDENT}{'':>12}{binary_text(card['remainder']):>9}  the driver, and what is not told"


def _first(card: Card, name: str, width: int, *, cut: bool) -> str:
    """Indices, name, and the two bars; these take what room there is."""
    room = width - len(INDENT)
    size = max(4, min(24, (room - 26 - 14 - 7 - 4) // 2))
    name_width = room - 2 * size - 14 - 7 - 4
    if cut and len(name) > name_width:
        name = _short(name, name_width)
    used, total = card["memory_used"], card["memory_total"]
    share = None if used is None or not total else used / total
    memory = f"{_bar(share, size)} {_memory(used, total):>13}"
    if card["parent"] is not None and card["utilisation"] is None:
        return f"{_indices(card)}{name:<{name_width}} {memory}".rstrip()
    percent = card["utilisation"]
    busy = f"{_bar(None if percent is None else percent / 100, size)} {_percent(percent):>5}"
    return f"{_indices(card)}{name:<{name_width}} {memory}  {busy}".rstrip()


def _short(name: str, width: int) -> str:
    for needless in ("NVIDIA ", "GeForce ", " GPU"):
        if len(name) > width:
            name = name.replace(needless, "")
    return name if len(name) <= width else name[: width - 1] + "…"


def _indices(card: Card) -> str:
    """NVML's index, and CUDA's in both orders: "1    1/0?  "."""
    if card["parent"] is not None:
        return f"{'':<5}{'':<6}"
    cuda = card["cuda"]
    fastest = _index(cuda["fastest_first"]) + ("?" if cuda["certainty"] == "likely" else "")
    return f"{card['nvml_index']:<5}{_index(cuda['pci_bus_id']) + '/' + fastest:<6}"


def _index(value: int | None) -> str:
    return "-" if value is None else str(value)


def _identity(card: Card) -> str:
    claims = ", ".join(card["claimed_by"])
    facts = [card["uuid"], _short_pci(card["pci"]), f"for {claims}" if claims else ""]
    return "  ".join(filter(None, facts))


def _short_pci(pci: str | None) -> str:
    return re.sub(r"^0+:", "", pci or "")


def _readings(card: Card) -> str:
    facts = []
    if card["temperature_c"] is not None:
        facts.append(f"{card['temperature_c']:.0f} °C")
    if card["power_w"] is not None:
        facts.append(_of(card["power_w"], card["power_limit_w"], "W"))
    if card["clock_mhz"] is not None:
        facts.append(_of(card["clock_mhz"], card["clock_limit_mhz"], "MHz"))
    if card["memory_clock_mhz"] is not None:
        facts.append(f"memory {card['memory_clock_mhz']:.0f} MHz")
    return "  ".join(facts)


def _of(value: float, limit: float | None, unit: str) -> str:
    return f"{value:.0f} {unit}" if limit is None else f"{value:.0f} of {limit:.0f} {unit}"


def _problems(card: Card) -> Iterator[str]:
    if card["lost"]:
        yield f"Lost: {'; '.join(card['problems'])}"
    if card["xid"]:
        xid = xids.explain(card["xid"])
        yield f"Xid {card['xid']}: {xid.words}. {xid.remedy}"
    for reason in card["throttled_by"] or ():
        yield f"Clocks are lowered: {throttles.explain(reason)}"
    if card["mig"]:
        yield "Divided into MIG instances: CUDA takes one of these, not the card"
    if not card["lost"] and (missing := _missing(card)):
        yield f"Not known: {missing}"


def _missing(card: Card) -> str:
    """What is not known, by reason: "power, clock (not supported); processes (no permission)"."""
    reasons: dict[str, list[str]] = {}
    for problem in card["problems"]:
        what, _, reason = problem.partition(": ")
        reasons.setdefault(reason, []).append(what)
    told = {what for names in reasons.values() for what in names}
    of_card = READINGS if card["parent"] is None else OF_INSTANCES
    silent = [READINGS[key] for key in of_card if card[key] is None and READINGS[key] not in told]
    if card["mig"] and "utilisation" in silent:
        silent.remove("utilisation")
    parts = [
        f"{', '.join(names)} ({reason})" if reason else ", ".join(names) for reason, names in reasons.items()
    ]
    return "; ".join([*parts, *([", ".join(silent)] if silent else [])])


def _holder(holder: Mapping[str, Any]) -> str:
    pid = "" if holder["pid"] is None else f"PID {holder['pid']}"
    size = "?" if holder["memory"] is None else binary_text(holder["memory"])
    what = holder["command"] or holder["name"] or ""
    return f"{pid:<12}{size:>9}  {_whose(holder):<16}  {what}".rstrip()


def _whose(holder: Mapping[str, Any]) -> str:
    if holder["engine"]:
        return f"engine {holder['engine']}"
    kind = "desktop" if holder["whose"] == "desktop" else ""
    return " ".join(filter(None, (holder["user"], kind))) or "somebody else's"


def _memory(used: int | None, total: int | None) -> str:
    if used is None and total is None:
        return NOT_KNOWN
    return f"{_gib(used)}/{_gib(total)} GiB"


def _gib(size: int | None) -> str:
    if size and size < 2**30 / 20:
        return "<0.1"
    return "?" if size is None else f"{size / 2**30:.1f}".removesuffix(".0")


def _percent(value: float | None) -> str:
    return "?" if value is None else f"{value:.0f} %"


def _bar(share: float | None, size: int) -> str:
    """ "███▌░░"; dots, where it is not known."""
    if share is None:
        return "·" * size
    return blocks(share, size).ljust(size, "░")


def _marked(text: str, width: int, indent: str = INDENT) -> list[str]:
    first, more = f"{indent}! ", f"{indent}  "
    return wrap(text, width, initial_indent=first, subsequent_indent=more, break_long_words=False)


def _legend(cards: list[Card], width: int) -> Iterator[str]:
    text = "CUDA: the index with CUDA_DEVICE_ORDER=PCI_BUS_ID / without it"
    if any(card["cuda"]["certainty"] == "likely" for card in cards):
        text += " (?: likely, CUDA's rule is not published)"
    reasons = {card["cuda"]["reason"] for card in cards if card["cuda"]["certainty"] == "unknown"}
    if reasons:
        text += f"; -: {'; '.join(sorted(reasons))}"
    yield from wrap(f"{text}. UUIDs are the same everywhere.", width)
