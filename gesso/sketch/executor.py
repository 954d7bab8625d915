"""Runs a prompt: ComfyUI's order, messages, cache and errors, in the calling thread."""

import logging
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial
from typing import Any, Literal

from gesso.sketch.cache import Cache
from gesso.sketch.folders import Folders
from gesso.sketch.graph import Graph
from gesso.sketch.graph_calls import Gathered, Returned, gather, hidden, map_over_lists, merge, read_answers
from gesso.sketch.graph_order import DependencyCycle, Order
from gesso.sketch.memory import Memory
from gesso.sketch.node import Blocked, Interrupted, Node
from gesso.sketch.progress import Outlet, Progress, RunningNode
from gesso.sketch.registry import NODES
from gesso.workflows.graph import is_link

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What history keeps of an executed prompt."""

    outputs: dict[str, Any]
    meta: dict[str, Any]
    status_str: Literal["success", "error"]
    completed: bool
    messages: list[tuple[str, dict[str, Any]]]


class Executor:
    """Executes prompts one after the other and keeps the results of the last one for the next."""

    def __init__(
        self,
        folders: Folders,
        nodes: Mapping[str, type[Node]] = NODES,
        clock: Callable[[], float] = time.time,
        memory: Memory | None = None,
    ) -> None:
        self.folders = folders
        self.nodes = nodes
        self.memory = memory or Memory()
        self._clock = clock
        self._cache = Cache()

    def execute(
        self,
        prompt_id: str,
        prompt: dict[str, Any],
        extra_data: Mapping[str, Any],
        outputs: Sequence[str],
        outlet: Outlet,
        interrupted: Callable[[], bool],
    ) -> Result:
        """Runs a validated prompt to its end. Errors of nodes are told in the result, never raised.

        `outputs` are the ids of the output nodes to run, in the order that validation gave;
        `interrupted` is asked before every node and at every step of those that tell their progress.
        """
        run = _Run(
            prompt_id=prompt_id,
            graph=Graph(prompt, self.nodes),
            extra_data=extra_data,
            cache=self._cache,
            folders=self.folders,
            memory=self.memory,
            outlet=outlet,
            interrupted=interrupted,
            clock=self._clock,
        )
        completed = run.to_end(outputs)
        shown = self._cache.shown()
        return Result(
            outputs={node_id: ui["output"] for node_id, ui in shown.items()},
            meta={node_id: ui["meta"] for node_id, ui in shown.items()},
            status_str="success" if completed else "error",
            completed=completed,
            messages=run.messages,
        )

    def free(self) -> None:
        """Forgets all cached results and node instances, and the pretended model."""
        self._cache = Cache()
        self.memory.clear()


class _Step(Enum):
    DONE = auto()
    WAITS = auto()
    """The node asked for more: lazy inputs, or the nodes that it expanded to."""


@dataclass(kw_only=True)
class _Run:
    """One execution of one prompt."""

    prompt_id: str
    graph: Graph
    extra_data: Mapping[str, Any]
    cache: Cache
    folders: Folders
    memory: Memory
    outlet: Outlet
    interrupted: Callable[[], bool]
    clock: Callable[[], float]
    messages: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.progress = Progress(self.prompt_id, self.graph, self.outlet)
        self.order = Order(self.graph, self.cache.is_cached)
        self.executed: dict[str, None] = {}
        self.expansions: dict[str, Returned] = {}
        self.inputs = Gathered()
        self.has_client = self.extra_data.get("client_id") is not None

    def to_end(self, outputs: Sequence[str]) -> bool:
        """Executes all that the outputs need; True where nothing went wrong."""
        self._status("execution_start", {})
        self.cache.begin(self.graph, self.folders)
        cached = [node_id for node_id in self.graph.prompt if self.cache.is_cached(node_id)]
        self._status("execution_cached", {"nodes": cached})
        node_id = ""
        try:
            for node_id in outputs:
                self.order.add(node_id)
            while self.order:
                node_id = self.order.pick()
                self.inputs = Gathered()
                if self._step(node_id) is _Step.DONE:
                    self.order.done(node_id)
        except Interrupted:
            log.info("Prompt %s was interrupted at node %s.", self.prompt_id, node_id)
            self._status("execution_interrupted", self._where(node_id), always=True)
            return False
        except DependencyCycle as error:
            self._failed(error.node_id, "graph.DependencyCycleError", str(error), inputs=[])
            return False
        except Exception as error:
            # A node may raise anything; that ends its prompt, not the engine.
            log.warning("Node %s of prompt %s failed.", node_id, self.prompt_id)
            log.error("!!! Exception during processing !!! %s", error, exc_info=True)
            inputs = {
                name: [_printable(value) for value in values] for name, values in self.inputs.values.items()
            }
            # The first frame is this function's: the node's story begins after it.
            frames = traceback.format_tb(error.__traceback__)[1:]
            self._failed(node_id, _full_name(type(error)), f"{error}\n", inputs=inputs, frames=frames)
            return False
        self._status("execution_success", {})
        return True

    def _step(self, node_id: str) -> _Step:
        if self.cache.is_cached(node_id):
            shown = self.cache.entry(node_id).ui
            self._shown(node_id, None if shown is None else shown["output"])
            self.progress.finish(node_id)
            return _Step.DONE
        node = self.graph.class_of(node_id)
        if node_id in self.expansions:
            outputs = merge(node, self._resolved(self.expansions.pop(node_id)))
        else:
            returned = self._call(node_id, node)
            if returned is None:
                return _Step.WAITS
            if returned.ui:
                self.cache.entry(node_id).ui = {"meta": self._identity(node_id), "output": returned.ui}
                self._shown(node_id, returned.ui)
            if returned.expands:
                self._expand(node_id, returned)
                return _Step.WAITS
            outputs = merge(node, [part for _, part in returned.parts])
        self.cache.entry(node_id).outputs = outputs
        self.progress.finish(node_id)
        self.executed[node_id] = None
        return _Step.DONE

    def _call(self, node_id: str, node: type[Node]) -> Returned | None:
        """Runs the node; None where it first needs a lazy input."""
        self.progress.start(node_id)
        self.inputs = gather(self.graph, node_id, self.cache.outputs)
        self.inputs.values.update(hidden(node, self.graph.prompt, self.extra_data, node_id))
        if self.has_client:
            data = {"node": node_id, "display_node": self.graph.display(node_id), "prompt_id": self.prompt_id}
            self.outlet.emit("executing", data)
        instance = self.cache.instance(node_id)
        context = RunningNode(
            node_id, self.folders, self.memory, self.progress, self.outlet, self.interrupted
        )
        if node.needed is not None:
            answers = map_over_lists(
                node, self.inputs.values, partial(node.needed, instance), before=context.check
            )
            if self._require(node_id, answers):
                return None
        execute = partial(node.execute, instance)
        if node.spec.context:
            execute = partial(execute, context=context)
        report = partial(self._blocked, node_id)
        answers = map_over_lists(node, self.inputs.values, execute, before=context.check, blocked=report)
        return read_answers(node, answers)

    def _require(self, node_id: str, answers: Sequence[Any]) -> bool:
        """Waits for those of the inputs asked for that are not known; True where there are any."""
        asked = dict.fromkeys(
            name for answer in answers if isinstance(answer, list | tuple) for name in answer
        )
        unknown = [name for name in asked if name not in self.inputs.values or name in self.inputs.missing]
        for name in unknown:
            self.order.require(node_id, name)
        return bool(unknown)

    def _expand(self, node_id: str, returned: Returned) -> None:
        added: list[str] = []
        for nodes, _ in returned.parts:
            self.graph.expand(node_id, nodes or {})
            added.extend(nodes or {})
        self.cache.expand(node_id, added)
        for child in added:
            if self.graph.is_output(child):
                self.order.add(child)
        for nodes, outputs in returned.parts:
            for output in outputs if nodes is not None else ():
                if is_link(output):
                    self.order.depend(node_id, output[0])
        self.expansions[node_id] = returned

    def _resolved(self, returned: Returned) -> list[tuple[Any, ...]]:
        """The outputs of an expansion, with what its nodes computed in place of the links to them."""
        resolved = []
        for nodes, outputs in returned.parts:
            values: list[Any] = []
            for output in outputs:
                if nodes is not None and is_link(output):
                    values.extend((self.cache.outputs(output[0]) or [])[output[1]])
                else:
                    values.append(output)
            resolved.append(tuple(values))
        return resolved

    def _blocked(self, node_id: str, block: Blocked) -> Blocked:
        if block.message is None:
            return block
        data = {
            **self._where(node_id),
            "exception_message": f"Execution Blocked: {block.message}",
            "exception_type": "ExecutionBlocked",
            "traceback": [],
            "current_inputs": [],
            "current_outputs": [],
        }
        # Told to the client, but not an end of the prompt: other outputs may well succeed.
        self.outlet.emit("execution_error", {"prompt_id": self.prompt_id, **data})
        return Blocked()

    def _failed(
        self, node_id: str, kind: str, message: str, *, inputs: Any, frames: Sequence[str] = ()
    ) -> None:
        data = {
            **self._where(node_id),
            "exception_message": message,
            "exception_type": kind,
            "traceback": list(frames),
            "current_inputs": inputs,
            "current_outputs": list(self.graph.prompt),
        }
        self._status("execution_error", data)

    def _where(self, node_id: str) -> dict[str, Any]:
        real = self.graph.real(node_id)
        return {"node_id": real, "node_type": self.graph.class_type(real), "executed": list(self.executed)}

    def _identity(self, node_id: str) -> dict[str, Any]:
        return {
            "node_id": node_id,
            "display_node": self.graph.display(node_id),
            "parent_node": self.graph.parent(node_id),
            "real_node_id": self.graph.real(node_id),
        }

    def _shown(self, node_id: str, output: Any) -> None:
        if self.has_client:
            data = {"node": node_id, "display_node": self.graph.display(node_id), "output": output}
            self.outlet.emit("executed", {**data, "prompt_id": self.prompt_id})

    def _status(self, type: str, data: dict[str, Any], *, always: bool = False) -> None:
        """A message that history keeps too."""
        message = {"prompt_id": self.prompt_id, **data, "timestamp": int(self.clock() * 1000)}
        self.messages.append((type, message))
        if self.has_client or always:
            self.outlet.emit(type, message)


def _full_name(kind: type) -> str:
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _printable(value: object) -> object:
    return value if value is None or isinstance(value, int | float | bool | str) else str(value)
