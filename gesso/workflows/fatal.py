"""What ComfyUI 0.3.64 takes and does not survive.

Its one thread that executes reads all of a prompt, also what no output needs, before it guards itself: an
exception there ends the thread. The engine goes on answering, and never executes anything again.
"""

from collections.abc import Iterable
from typing import Any

from gesso.workflows.graph import Prompt, is_link, upstream

# It follows both by recursion. Chains of 600 and depths of 480 were survived, 1 100 and 600 were not.
LONGEST = 800
DEEPEST = 400


def fatal(prompt: Prompt, outputs: Iterable[str]) -> tuple[str, str] | None:
    """The first node of a valid prompt that would end it, and why."""
    for node_id, node in prompt.items():
        if not isinstance(node.get("inputs"), dict):
            return node_id, "it has no inputs"
        for name, value in node["inputs"].items():
            if _is_deep(value):
                return node_id, f"the value of {name} is nested more than {DEEPEST} times"
    # It follows the links of inputs that the class does not declare, too, and has not looked at those before.
    for node_id in upstream(prompt, outputs):
        for name, value in prompt[node_id]["inputs"].items():
            if is_link(value) and value[0] not in prompt:
                return node_id, f"{name} is linked to node {value[0]}, which does not exist"
    return _long_chain(prompt) if len(prompt) > LONGEST else None


def _long_chain(prompt: Prompt) -> tuple[str, str] | None:
    lengths: dict[str, int] = {}
    for node_id in upstream(prompt, prompt):
        before = [
            # A source that comes later is part of a cycle: among so many nodes, maybe one as long.
            lengths.get(value[0], LONGEST)
            for value in prompt[node_id]["inputs"].values()
            if is_link(value) and value[0] in prompt
        ]
        lengths[node_id] = 1 + max(before, default=0)
        if lengths[node_id] > LONGEST:
            return node_id, f"it is at the end of a chain of more than {LONGEST} nodes"
    return None


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST + 1):
        holders = [each for each in level if isinstance(each, list | dict)]
        if not holders:
            return False
        level = [child for each in holders for child in (each.values() if isinstance(each, dict) else each)]
    return True
