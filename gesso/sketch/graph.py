"""The graph of a running prompt: what was asked for, and what nodes added to it by expanding."""

from collections.abc import Mapping
from typing import Any

from gesso.sketch.node import Node


class NodeMissing(Exception):
    """The graph names a node that is not in it."""


class DuplicateNode(Exception):
    """An expansion brought a node id that is already in use."""


class Graph:
    """A prompt in API format plus the nodes that expansions added.

    An added node knows the node that it came from (parent), and the one that stands for it on the
    user's screen (display); of a node of the prompt itself both are unset and itself.
    """

    def __init__(self, prompt: Mapping[str, Any], classes: Mapping[str, type[Node]]) -> None:
        self.prompt = prompt
        self.classes = classes
        self._added: dict[str, Mapping[str, Any]] = {}
        self._parents: dict[str, str] = {}
        self._display: dict[str, str] = {}

    def __contains__(self, node_id: str) -> bool:
        return node_id in self.prompt or node_id in self._added

    def inputs(self, node_id: str) -> dict[str, Any]:
        """The node's inputs, constants and links."""
        inputs: dict[str, Any] = self._node(node_id).get("inputs", {})
        return inputs

    def class_type(self, node_id: str) -> str:
        """The name of the node's class."""
        return str(self._node(node_id)["class_type"])

    def class_of(self, node_id: str) -> type[Node]:
        """The node's class."""
        class_type = self.class_type(node_id)
        try:
            return self.classes[class_type]
        except KeyError:
            raise NodeMissing(f"There is no node class {class_type!r}.") from None

    def is_output(self, node_id: str) -> bool:
        """True where the node's class is an output node."""
        return self.class_of(node_id).spec.output_node

    def is_lazy(self, node_id: str, name: str) -> bool:
        """True where this input is computed only if the node asks for it."""
        found = self.class_of(node_id).spec.input(name)
        return found is not None and bool((found.options or {}).get("lazy"))

    def parent(self, node_id: str) -> str | None:
        """The node whose expansion brought this one."""
        return self._parents.get(node_id)

    def real(self, node_id: str) -> str:
        """The node of the prompt that this one descends from."""
        while node_id in self._parents:
            node_id = self._parents[node_id]
        return node_id

    def display(self, node_id: str) -> str:
        """The node that shows this one's state to the user."""
        while node_id in self._display:
            node_id = self._display[node_id]
        return node_id

    def expand(self, parent: str, nodes: Mapping[str, Mapping[str, Any]]) -> None:
        """Adds the nodes of an expansion."""
        for node_id in nodes:
            if node_id in self:
                raise DuplicateNode(
                    f"Attempt to add duplicate node {node_id}. The ids of an expansion must be unique: "
                    "start them with the expanding node's own."
                )
        for node_id, node in nodes.items():
            self._added[node_id] = node
            self._parents[node_id] = parent
            self._display[node_id] = str(node.get("override_display_id", parent))

    def _node(self, node_id: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] | None = self._added.get(node_id) or self.prompt.get(node_id)
        if found is None:
            raise NodeMissing(f"Node {node_id} not found")
        return found
