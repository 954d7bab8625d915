"""Which node runs next: the dependencies of the outputs, and ComfyUI's choice among those ready."""

from collections.abc import Callable

from gesso.sketch.graph import Graph
from gesso.workflows.graph import is_link


class DependencyCycle(Exception):
    """Expansions, lazy inputs or inputs that no class declares made the graph run in a circle."""

    def __init__(self, node_id: str) -> None:
        super().__init__("Dependency cycle detected")
        self.node_id = node_id


class NodeInputError(Exception):
    """A node asked for an input that cannot be computed for it."""


class Order:
    """The nodes still to run. A node that was picked may come back with more dependencies.

    Dictionaries, not sets: the order in which nodes were added decides among nodes that are equal otherwise.
    """

    def __init__(self, graph: Graph, is_cached: Callable[[str], bool]) -> None:
        self._graph = graph
        self._is_cached = is_cached
        self._waiting_for: dict[str, int] = {}
        self._dependents: dict[str, dict[str, None]] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting_for)

    def add(self, node_id: str) -> None:
        """Adds a node, even one with a cached result, and all that it needs and that is not cached."""
        stack = [node_id]
        links: list[tuple[str, str]] = []
        while stack:
            current = stack.pop()
            if current in self._waiting_for:
                continue
            self._waiting_for[current] = 0
            self._dependents[current] = {}
            for name, value in self._graph.inputs(current).items():
                if (
                    is_link(value)
                    and not self._graph.is_lazy(current, name)
                    and not self._is_cached(value[0])
                ):
                    stack.append(value[0])
                    links.append((value[0], current))
        for source, target in links:
            self.depend(target, source)

    def depend(self, node_id: str, source: str) -> None:
        """Makes a node wait for another one, unless that one's result is there."""
        if self._is_cached(source):
            return
        self.add(source)
        if node_id not in self._dependents[source]:
            self._dependents[source][node_id] = None
            self._waiting_for[node_id] += 1

    def require(self, node_id: str, name: str) -> None:
        """Makes a node wait for one of its lazy inputs."""
        inputs = self._graph.inputs(node_id)
        if name not in inputs:
            raise NodeInputError(
                f"Node {node_id} says it needs input {name}, but there is no input to that node at all"
            )
        if not is_link(inputs[name]):
            raise NodeInputError(f"Node {node_id} says it needs input {name}, but that value is a constant")
        self.depend(node_id, inputs[name][0])

    def pick(self) -> str:
        """The node to run now; it stays here until it is `done`.

        An output node first, then one that an output node waits for, then one step further back, so that
        pictures appear early; else the one that was added first.
        """
        ready = [node_id for node_id, count in self._waiting_for.items() if count == 0]
        if not ready:
            raise DependencyCycle(self._blame())
        if len(ready) == 1:
            return ready[0]
        for distance in range(3):
            for node_id in ready:
                if self._reaches_output(node_id, distance):
                    return node_id
        return ready[0]

    def done(self, node_id: str) -> None:
        """Takes a node out and lets go of those that waited for it."""
        del self._waiting_for[node_id]
        for dependent in self._dependents.pop(node_id):
            self._waiting_for[dependent] -= 1

    def _reaches_output(self, node_id: str, distance: int) -> bool:
        if distance == 0:
            return self._graph.is_output(node_id)
        return any(self._reaches_output(dependent, distance - 1) for dependent in self._dependents[node_id])

    def _blame(self) -> str:
        # Nothing is ready, so every node here is in a circle or behind one. Circles among the prompt's own
        # nodes are refused before they get here: the first node that an expansion brought is to blame.
        for node_id in self._waiting_for:
            if self._graph.display(node_id) != node_id:
                return self._graph.display(node_id)
        return next(iter(self._waiting_for))
