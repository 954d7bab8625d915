"""Results kept from one prompt for the next, found by what a node and all before it were asked to do."""

import hashlib
import math
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from gesso.errors import GessoError
from gesso.sketch.folders import Folders
from gesso.sketch.graph import Graph
from gesso.sketch.graph_calls import constants, map_over_lists
from gesso.sketch.node import Node
from gesso.workflows.graph import is_link

_Scope = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Entry:
    """What one node left behind: its outputs, one list each, and what it showed."""

    outputs: list[list[Any]] | None = None
    ui: dict[str, Any] | None = None


@dataclass(slots=True)
class _Store:
    entries: dict[bytes, Entry] = field(default_factory=dict)
    nodes: dict[str, Entry] = field(default_factory=dict)
    instances: dict[tuple[str, str], Node] = field(default_factory=dict)


class Cache:
    """The results of the last prompt; what the next one has no use for is dropped when it begins.

    Nodes of an expansion live in a store of their own below the node that expanded, so that they are
    found again when it expands again. Two nodes of one prompt that do the same share one entry.
    """

    def __init__(self) -> None:
        self._stores: dict[_Scope, _Store] = {(): _Store()}
        self._graph: Graph
        self._signatures: Signatures

    def begin(self, graph: Graph, folders: Folders) -> None:
        """Takes up a new prompt."""
        self._graph = graph
        self._signatures = Signatures(graph, folders)
        for store in self._stores.values():
            store.nodes = {}
        self._open((), graph.prompt)

    def expand(self, parent: str, children: Iterable[str]) -> None:
        """Takes up the nodes that `parent` expanded to."""
        scope = self._scope(parent)
        self._open((*scope, (parent, self._graph.class_type(parent))), children)

    def entry(self, node_id: str) -> Entry:
        """What is known of a node of this prompt; filled by whoever runs it."""
        return self._stores[self._scope(node_id)].nodes[node_id]

    def outputs(self, node_id: str) -> list[list[Any]] | None:
        """The node's outputs, or None while they are not known."""
        store = self._stores.get(self._scope(node_id))
        found = None if store is None else store.nodes.get(node_id)
        return None if found is None else found.outputs

    def is_cached(self, node_id: str) -> bool:
        """True where the node's outputs are known."""
        return self.outputs(node_id) is not None

    def instance(self, node_id: str) -> Node:
        """The object that runs as this node; kept for as long as the id stands for the same class."""
        store = self._stores[self._scope(node_id)]
        key = (node_id, self._graph.class_type(node_id))
        if key not in store.instances:
            store.instances[key] = self._graph.class_of(node_id)()
        return store.instances[key]

    def shown(self) -> dict[str, dict[str, Any]]:
        """What nodes of this prompt showed, in this run or in the one that computed them."""
        return {
            node_id: entry.ui
            for store in self._stores.values()
            for node_id, entry in store.nodes.items()
            if entry.ui is not None
        }

    def _open(self, scope: _Scope, node_ids: Iterable[str]) -> None:
        store = self._stores.setdefault(scope, _Store())
        used: dict[bytes, Entry] = {}
        for node_id in node_ids:
            signature = self._signatures.of(node_id)
            entry = used.get(signature)
            if entry is None:
                entry = used[signature] = store.entries.get(signature) or Entry()
            store.nodes[node_id] = entry
        store.entries = used
        alive = {(node_id, self._graph.class_type(node_id)) for node_id in store.nodes}
        store.instances = {key: node for key, node in store.instances.items() if key in alive}
        depth = len(scope)
        for other in list(self._stores):
            if len(other) > depth and other[:depth] == scope and other[depth] not in alive:
                del self._stores[other]

    def _scope(self, node_id: str) -> _Scope:
        parent = self._graph.parent(node_id)
        if parent is None:
            return ()
        return (*self._scope(parent), (parent, self._graph.class_type(parent)))


class Signatures:
    """Tells of each node a key that is equal exactly where the node would compute the same.

    A key is a digest of the node's own part and of the keys of the nodes it is linked to: its length does not
    grow with the graph.
    """

    def __init__(self, graph: Graph, folders: Folders) -> None:
        self._graph = graph
        self._folders = folders
        self._known: dict[str, bytes] = {}

    def of(self, node_id: str) -> bytes:
        """The node's key. By a stack, not by recursion: a long chain must not end at Python's limit."""
        begun: set[str] = set()
        stack = [node_id]
        while stack:
            current = stack[-1]
            waiting = [source for source in self._sources(current) if source not in self._known]
            if waiting and current not in begun:
                begun.add(current)
                stack.extend(waiting)
                continue
            stack.pop()
            if current not in self._known:
                # What still waits here is linked in a circle: validation keeps that from running, not from
                # being in the prompt beside what runs.
                self._known[current] = self._digest(current)
        return self._known[node_id]

    def _sources(self, node_id: str) -> list[str]:
        if node_id not in self._graph:
            return []
        return [value[0] for value in self._graph.inputs(node_id).values() if is_link(value)]

    def _digest(self, node_id: str) -> bytes:
        if node_id not in self._graph:
            return _unique()
        cls = self._graph.class_of(node_id)
        keep_apart = node_id if "UNIQUE_ID" in cls.spec.hidden.values() else None
        parts: list[Any] = [self._graph.class_type(node_id), keep_apart, self._fingerprint(node_id, cls)]
        for name, value in sorted(self._graph.inputs(node_id).items()):
            if is_link(value):
                parts.append((name, "link", self._known.get(value[0]) or _unique(), int(value[1])))
            else:
                parts.append((name, "value", _freeze(value)))
        return hashlib.blake2b(repr(parts).encode(), digest_size=20).digest()

    def _fingerprint(self, node_id: str, cls: type[Node]) -> object:
        if cls.fingerprint is None:
            return None
        fingerprint = partial(cls.fingerprint, self._folders)
        try:
            results = map_over_lists(cls, constants(self._graph, node_id), fingerprint)
        except (GessoError, OSError, TypeError, ValueError, AttributeError):
            # What it looks at is not there or not known yet: as ComfyUI, take it for changed.
            return _unique()
        return _freeze(results)


def _unique() -> bytes:
    return uuid.uuid4().bytes


def _freeze(value: object) -> object:
    """The value so that its repr is equal for equal values only; what cannot be compared is like nothing."""
    if isinstance(value, dict):
        return "dict", sorted((str(key), _freeze(each)) for key, each in value.items())
    if isinstance(value, list | tuple):
        return "list", [_freeze(each) for each in value]
    if isinstance(value, float) and math.isnan(value):
        return _unique()
    if value is None or type(value) in (bool, int, float, str):
        return value
    return _unique()
