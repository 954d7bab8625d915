"""Several engines' node classes as one catalogue: what any of them has, with the choices of all."""

from collections.abc import Mapping, Sequence
from typing import Any

from gesso.workflows.catalog import Catalog

SECTIONS = ("required", "optional")


def union(catalogs: Sequence[Catalog]) -> Catalog:
    """Every class of every catalogue. A class that several have is the first one's, but where the first
    offers choices (models, samplers), those of the others follow its own.

    Which engine can take which job is not for the union to say: see `workflows.needs`.
    """
    if len(catalogs) == 1:
        return catalogs[0]
    merged: dict[str, Any] = {}
    for catalog in catalogs:
        for name, info in catalog.raw.items():
            merged[name] = _with_choices(merged[name], info) if name in merged else info
    return Catalog(merged)


def _with_choices(first: Any, other: Any) -> Any:
    """`first`, one class's object_info, with the choices that only `other` has; neither is changed."""
    mine, theirs = _inputs(first), _inputs(other)
    changed: dict[str, dict[str, Any]] = {}
    for section in SECTIONS:
        for name, declared in _mapping(mine.get(section)).items():
            wider = _wider(declared, _mapping(theirs.get(section)).get(name))
            if wider is not declared:
                changed.setdefault(section, {})[name] = wider
    if not changed:
        return first
    sections = {section: {**mine[section], **inputs} for section, inputs in changed.items()}
    return {**first, "input": {**mine, **sections}}


def _wider(declared: Any, other: Any) -> Any:
    """[["a"], {…}] or ["COMBO", {"options": ["a"], …}] with the other's choices behind its own."""
    if not (isinstance(declared, list) and declared and isinstance(other, list) and other):
        return declared
    if isinstance(declared[0], list) and isinstance(other[0], list):
        more = [choice for choice in other[0] if choice not in declared[0]]
        return [[*declared[0], *more], *declared[1:]] if more else declared
    mine, theirs = _options(declared), _options(other)
    if mine is None or theirs is None:
        return declared
    more = [choice for choice in theirs if choice not in mine]
    return [declared[0], {**declared[1], "options": [*mine, *more]}, *declared[2:]] if more else declared


def _options(declared: list[Any]) -> list[Any] | None:
    if declared[0] != "COMBO" or len(declared) < 2 or not isinstance(declared[1], Mapping):
        return None
    options = declared[1].get("options")
    return options if isinstance(options, list) else None


def _inputs(info: Any) -> Mapping[str, Any]:
    return _mapping(_mapping(info).get("input"))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
