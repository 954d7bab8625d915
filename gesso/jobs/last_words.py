"""What an engine said last about a job, in words (pure)."""

from collections.abc import Mapping
from typing import Any

from gesso.workflows.graph import class_of


def last_words(kind: str, data: Mapping[str, Any], prompt: Mapping[str, Any]) -> str:
    """Of a message of ComfyUI's: "step 5 of 20 of KSampler (node 3)". `prompt` has the nodes' classes."""
    where = _named(data.get("node"), prompt)
    if kind == "progress_state":
        running = _running(data.get("nodes"))
        if running is None:
            return "that a node was done"
        where, data = _named(running[0], prompt), running[1]
    match kind:
        case "progress" | "progress_state":
            return f"step {_number(data.get('value'))} of {_number(data.get('max'))} of {where}"
        case "executing":
            return f"that it began {where}"
        case "executed":
            return f"that it was done with {where}"
        case "execution_start" | "execution_cached":
            return "that it began the job"
        case _:
            return f"{kind!r}"


def _running(nodes: Any) -> tuple[str, Mapping[str, Any]] | None:
    for node, state in nodes.items() if isinstance(nodes, Mapping) else ():
        if isinstance(state, Mapping) and state.get("state") == "running":
            return node, state
    return None


def _named(node: object, prompt: Mapping[str, Any]) -> str:
    described = prompt.get(node) if isinstance(node, str) else None
    kind = class_of(described) if described is not None else None
    return f"{kind} (node {node})" if kind else f"node {node}"


def _number(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float) else "?"
