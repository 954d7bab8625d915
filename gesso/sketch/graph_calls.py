"""From a node's inputs to calls of its function, and from what these answer to outputs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gesso.sketch.graph import Graph
from gesso.sketch.node import Blocked, Node, Outcome
from gesso.workflows.graph import is_link

Values = dict[str, Sequence[Any]]
"""Every input as a list: a node runs once for each place of the longest one."""

Answer = tuple[Any, ...] | Outcome | Blocked


@dataclass(slots=True)
class Gathered:
    """The inputs that a node runs with, and which of them are still unknown (and stand as None)."""

    values: Values = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)


def gather(graph: Graph, node_id: str, outputs: Callable[[str], list[list[Any]] | None]) -> Gathered:
    """Constants as they are, links as what the linked output holds."""
    spec = graph.class_of(node_id).spec
    found = Gathered()
    for name, value in graph.inputs(node_id).items():
        declared = spec.input(name)
        if is_link(value) and not (declared is not None and (declared.options or {}).get("rawLink")):
            source = outputs(value[0])
            index = int(value[1])
            if source is None or index >= len(source):
                found.missing.add(name)
                found.values[name] = (None,)
            else:
                found.values[name] = source[index]
        elif declared is not None or name in spec.hidden:
            found.values[name] = [value]
    return found


def constants(graph: Graph, node_id: str) -> Values:
    """The inputs as they are known before anything runs; links stand as None."""
    return gather(graph, node_id, lambda _: None).values


def hidden(
    node: type[Node], prompt: Mapping[str, Any], extra_data: Mapping[str, Any], node_id: str
) -> Values:
    """The inputs that no client sends: the prompt itself, what goes into picture files, the node's id."""
    known: dict[str, Any] = {
        "PROMPT": prompt,
        "EXTRA_PNGINFO": extra_data.get("extra_pnginfo"),
        "UNIQUE_ID": node_id,
    }
    return {name: [known[kind]] for name, kind in node.spec.hidden.items() if kind in known}


def map_over_lists(
    node: type[Node],
    values: Values,
    call: Callable[..., Any],
    *,
    before: Callable[[], None] | None = None,
    blocked: Callable[[Blocked], Blocked] | None = None,
) -> list[Any]:
    """Calls once per place of the longest list (shorter ones repeat their last), or once with the lists.

    Where an input is Blocked there is no call: the block, as `blocked` gives it back, is the answer.
    """
    if node.spec.input_is_list:
        calls: list[dict[str, Any]] = [dict(values)]
    else:
        length = max((len(value) for value in values.values()), default=0)
        calls = [
            {name: value[min(index, len(value) - 1)] for name, value in values.items()}
            for index in range(length)
        ] or [{}]
    results = []
    for inputs in calls:
        if before is not None:
            before()
        block = _block(inputs, node.spec.input_is_list)
        if block is None:
            results.append(call(**inputs))
        else:
            results.append(block if blocked is None else blocked(block))
    return results


def _block(inputs: Mapping[str, Any], lists: bool) -> Blocked | None:
    for value in inputs.values():
        for each in value if lists else (value,):
            if isinstance(each, Blocked):
                return each
    return None


def merge(node: type[Node], results: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    """The outputs of several calls as one list per output; outputs that are lists are joined."""
    if not results:
        return []
    width = len(results[0])
    is_list = node.spec.output_is_list or (False,) * width
    merged: list[list[Any]] = []
    for index, joined in zip(range(width), is_list, strict=False):
        column: list[Any] = []
        for result in results:
            if joined and not isinstance(result[index], Blocked):
                column.extend(result[index])
            else:
                column.append(result[index])
        merged.append(column)
    return merged


@dataclass(slots=True)
class Returned:
    """What all the calls of one node answered.

    `parts` has one pair per call: the graph that it expands to (or None), and its outputs, which may be
    links into that graph.
    """

    parts: list[tuple[Mapping[str, Any] | None, tuple[Any, ...]]] = field(default_factory=list)
    ui: dict[str, list[Any]] = field(default_factory=dict)

    @property
    def expands(self) -> bool:
        """True where at least one call answered with a graph."""
        return any(graph is not None for graph, _ in self.parts)


def read_answers(node: type[Node], answers: Sequence[Answer]) -> Returned:
    """Sorts what the calls answered into outputs, expansions and what is to be shown."""
    returned = Returned()
    shown: list[Mapping[str, Sequence[Any]]] = []
    for answer in answers:
        if not isinstance(answer, Outcome):
            returned.parts.append((None, _outputs(node, answer)))
            continue
        if answer.ui is not None:
            shown.append(answer.ui)
        if answer.expand is not None:
            returned.parts.append((answer.expand, _outputs(node, answer.result or ())))
        elif answer.result is not None:
            returned.parts.append((None, _outputs(node, answer.result)))
    if shown:
        returned.ui = {name: [item for ui in shown for item in ui[name]] for name in shown[0]}
    return returned


def _outputs(node: type[Node], answer: tuple[Any, ...] | Blocked) -> tuple[Any, ...]:
    return (answer,) * len(node.spec.outputs) if isinstance(answer, Blocked) else tuple(answer)
