"""A workflow as a graph: what a link is, which nodes feed which, and which format a body is in."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

Prompt = dict[str, dict[str, Any]]


class Format(Enum):
    """API is what an engine runs, EDITOR what the UI saves."""

    API = "api"
    EDITOR = "editor"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """`node`'s `input` takes what `source` gives at `slot`."""

    node: str
    input: str
    source: str
    slot: int


def is_link(value: object) -> bool:
    """Whether ComfyUI takes this input value for a link: ["4", 0]."""
    return (
        isinstance(value, list)
        and len(value) == 2
        and isinstance(value[0], str)
        and isinstance(value[1], int | float)
    )


def inputs_of(node: object) -> dict[str, Any]:
    """The inputs of a node as it came in: nodes nobody validated may lack them, or be anything."""
    inputs = node.get("inputs") if isinstance(node, dict) else None
    return inputs if isinstance(inputs, dict) else {}


def class_of(node: object) -> str | None:
    """The class_type of a node as it came in."""
    name = node.get("class_type") if isinstance(node, dict) else None
    return name if isinstance(name, str) else None


def links(prompt: Mapping[str, Any]) -> Iterator[Link]:
    """All links, also those to nodes that are not there."""
    for node_id, node in prompt.items():
        for name, value in inputs_of(node).items():
            if is_link(value):
                yield Link(node=node_id, input=name, source=value[0], slot=int(value[1]))


def upstream(prompt: Mapping[str, Any], outputs: Iterable[str]) -> list[str]:
    """The nodes that `outputs` depend on, themselves included, each after all it depends on.

    Ids that are not in the prompt are left out. On a cycle there is no such order; its nodes still come once.
    """
    order: dict[str, None] = {}
    entered: set[str] = set()
    for output in outputs:
        trail = [output] if output in prompt else []
        while trail:
            node_id = trail[-1]
            if node_id in entered:
                trail.pop()
                order.setdefault(node_id)
                continue
            entered.add(node_id)
            for value in inputs_of(prompt[node_id]).values():
                if is_link(value) and value[0] in prompt and value[0] not in entered:
                    trail.append(value[0])
    return list(order)


def detect(body: object) -> Format:
    """API is {"3": {"class_type": …, "inputs": …}, …}, EDITOR is {"nodes": […], "links": […], …}."""
    if not isinstance(body, dict):
        return Format.NEITHER
    if isinstance(body.get("nodes"), list) and any(key in body for key in ("links", "last_node_id")):
        return Format.EDITOR
    if body and all(isinstance(node, dict) and "class_type" in node for node in body.values()):
        return Format.API
    return Format.NEITHER
