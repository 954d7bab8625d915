"""Node classes that a role may not use: hidden from it, and refused in its workflows."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from gesso.workflows.graph import class_of
from gesso.workflows.validate import BLAMED, refusal


def is_denied(class_type: str, patterns: Sequence[str]) -> bool:
    """Whether one of the patterns, like "*Shell*", is this class; capitals count."""
    return any(fnmatchcase(class_type, pattern) for pattern in patterns)


def without_denied(object_info: Mapping[str, Any], patterns: Sequence[str]) -> Mapping[str, Any]:
    """The classes that may be used."""
    if not patterns:
        return object_info
    return {name: info for name, info in object_info.items() if not is_denied(name, patterns)}


def refuse_denied(prompt: object, patterns: Sequence[str]) -> None:
    """Raises InvalidWorkflow, in ComfyUI's shape, where a node of `prompt` has a denied class, also one that
    no output needs. What a class makes of itself while it runs nobody can see here."""
    if not patterns or not isinstance(prompt, Mapping):
        return
    classes = {node_id: class_of(node) for node_id, node in prompt.items()}
    denied = [
        (node_id, name) for node_id, name in classes.items() if name is not None and is_denied(name, patterns)
    ]
    if not denied:
        return
    node_errors = {
        node_id: {"errors": [_reason(name, "")], "dependent_outputs": [], "class_type": name}
        for node_id, name in denied[:BLAMED]
    }
    node_id, name = denied[0]
    raise refusal({"error": _reason(name, f"Node ID '#{node_id}'"), "node_errors": node_errors})


def _reason(class_type: str, details: str) -> dict[str, Any]:
    message = f"Node class {class_type} is not allowed for your role"
    return {"type": "node_denied", "message": message, "details": details, "extra_info": {}}
