"""What several ComfyUIs answer, as the answer of one: pure functions over the JSON values."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

# What marks a program that is run by hand, and no path of the machine it runs on.
PROGRAM = "main.py"


def in_order(values: Iterable[Any]) -> list[Any]:
    """Lists as one: the first's entries, then what only later ones have. What is no list adds nothing."""
    merged: list[Any] = []
    seen: set[str] = set()
    for value in values:
        for entry in value if isinstance(value, list) else ():
            if (name := repr(entry)) not in seen:
                seen.add(name)
                merged.append(entry)
    return merged


def names(values: Iterable[Any]) -> list[str]:
    """Lists of file names as one, sorted as ComfyUI sorts each of them."""
    return sorted(entry for entry in in_order(values) if isinstance(entry, str))


def mappings(values: Iterable[Any]) -> dict[str, Any]:
    """Objects as one, level by level; lists grow, and of two other values the first counts."""
    merged: dict[str, Any] = {}
    for value in values:
        if isinstance(value, Mapping):
            for key, entry in value.items():
                merged[key] = _both(merged[key], entry) if key in merged else entry
    return merged


def by_name(values: Iterable[Any]) -> list[dict[str, Any]]:
    """Lists of {"name": …, …} as one: of several with one name, the first."""
    found: dict[str, dict[str, Any]] = {}
    for entry in in_order(values):
        if isinstance(entry, dict) and isinstance(entry.get("name"), str):
            found.setdefault(entry["name"], entry)
    return list(found.values())


def model_folders(values: Iterable[Any]) -> list[dict[str, Any]]:
    """`/experiment/models`: [{"name": "loras", "folders": ["/srv/models/loras"]}], the folders of all."""
    lists = list(values)
    folders: dict[str, list[Any]] = {entry["name"]: [] for entry in by_name(lists)}
    for entry in in_order(lists):
        if isinstance(entry, dict) and entry.get("name") in folders:
            folders[entry["name"]] = in_order((folders[entry["name"]], entry.get("folders")))
    return [{"name": name, "folders": paths} for name, paths in folders.items()]


def system_stats(by_engine: Mapping[str, Any]) -> dict[str, Any]:
    """`/system_stats` of one machine with the devices of all.

    Devices that have one name get their engine's behind it: each engine calls its card "cuda:0". ComfyUI's
    frontend tells devices apart by `index`, so they are counted anew where there are several.
    """
    good = {name: value for name, value in by_engine.items() if isinstance(value, Mapping)}
    system: Mapping[str, Any] = {}
    for value in reversed(good.values()):
        system = _mapping(value.get("system")) or system
    devices = [
        (engine, device)
        for engine, value in good.items()
        for device in in_order([value.get("devices")])
        if isinstance(device, dict)
    ]
    if len(devices) == 1:
        return {"system": system, "devices": [devices[0][1]]}
    called = [str(device.get("name")) for _, device in devices]
    told = [
        {**device, "name": f"{name} ({engine})" if called.count(name) > 1 else name, "index": index}
        for index, ((engine, device), name) in enumerate(zip(devices, called, strict=True))
    ]
    return {"system": system, "devices": told}


def without_paths(stats: Mapping[str, Any]) -> dict[str, Any]:
    """`/system_stats` for those who do not run the engines: no command line, which names the host's folders
    and switches on what only administrators may use (ComfyUI-Manager)."""
    return {**stats, "system": {**_mapping(stats.get("system")), "argv": [PROGRAM]}}


def without_parents(folders: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """`/experiment/models` with the last part of each path: as many, in the same order."""
    return [
        {**entry, "folders": [_last(path) for path in entry.get("folders") or () if isinstance(path, str)]}
        for entry in folders
    ]


def _last(path: str) -> str:
    return re.split(r"[\\/]", path.rstrip("\\/"))[-1]


def _both(first: Any, other: Any) -> Any:
    if isinstance(first, Mapping) and isinstance(other, Mapping):
        return mappings((first, other))
    if isinstance(first, list) and isinstance(other, list):
        return in_order((first, other))
    return first


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
