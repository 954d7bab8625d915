"""What an engine can do: its answer to GET /object_info, typed where we need it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One input of a node class: `type` is a name ("INT", "IMAGE", "COMBO", "*") or a list of choices."""

    name: str
    type: Any
    options: dict[str, Any]
    required: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeType:
    """One node class. `inputs` holds the required ones, then the optional ones, in their order."""

    name: str
    inputs: Mapping[str, Input]
    hidden: Mapping[str, Any]
    outputs: tuple[Any, ...]
    is_output: bool
    is_v3: bool
    info: Mapping[str, Any]


class Catalog:
    """All node classes of an engine, by class_type."""

    def __init__(self, object_info: Mapping[str, Any]) -> None:
        self.raw = object_info

    def node(self, class_type: str) -> NodeType | None:
        raise NotImplementedError
