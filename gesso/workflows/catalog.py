"""What an engine can do: its answer to GET /object_info, typed where we need it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

UPLOADS = ("image_upload", "video_upload", "audio_upload", "file_upload")


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One input of a node class: `type` is a name ("INT", "IMAGE", "COMBO", "*") or a list of choices."""

    name: str
    type: Any
    options: dict[str, Any]
    required: bool

    @property
    def choices(self) -> list[Any] | None:
        """The values to choose from, in the old form and the new; None for what is no choice."""
        if isinstance(self.type, list):
            return self.type
        options = self.options.get("options")
        return options if self.type == "COMBO" and isinstance(options, list) else None

    @property
    def upload(self) -> str | None:
        """Which upload option it has, of `UPLOADS`."""
        return next((option for option in UPLOADS if self.options.get(option) is True), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeType:
    """One node class. `inputs` holds the required ones, then the optional ones, in their order.

    `is_v3` tells the two ways apart in which ComfyUI's nodes are written: their errors differ in words.
    """

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
        self._nodes: dict[str, NodeType] = {}

    def node(self, class_type: str) -> NodeType | None:
        known = self._nodes.get(class_type)
        if known is None:
            info = self.raw.get(class_type)
            if not isinstance(info, Mapping):
                return None
            known = self._nodes[class_type] = _node_type(class_type, info)
        return known


def _node_type(name: str, info: Mapping[str, Any]) -> NodeType:
    sections = _mapping(info.get("input"))
    optional = _mapping(sections.get("optional"))
    required = _mapping(sections.get("required"))
    inputs = {key: _input(key, spec, required=True) for key, spec in required.items()}
    for key, spec in optional.items():
        inputs.setdefault(key, _input(key, spec, required=False))
    outputs = info.get("output")
    return NodeType(
        name=name,
        inputs=inputs,
        hidden=_mapping(sections.get("hidden")),
        outputs=tuple(outputs) if isinstance(outputs, list | tuple) else (),
        is_output=info.get("output_node") is True,
        # Only the newer kind always states all three; of the older kind, only what its author set.
        is_v3=all(key in info for key in ("deprecated", "experimental", "api_node")),
        info=info,
    )


def _input(name: str, spec: Any, *, required: bool) -> Input:
    parts = list(spec) if isinstance(spec, list | tuple) and spec else [spec]
    options = parts[1] if len(parts) > 1 and isinstance(parts[1], dict) else {}
    return Input(name=name, type=parts[0], options=options, required=required)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
