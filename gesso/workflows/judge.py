"""The judgement of single nodes, from the outputs upward, in the order and words of ComfyUI 0.3.64."""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gesso.workflows import reasons
from gesso.workflows.catalog import Catalog, Input, NodeType
from gesso.workflows.graph import Prompt, is_link
from gesso.workflows.reasons import Reason

# What a check may raise; more than these is a bug in gesso and travels on.
CHECK_ERRORS = (ArithmeticError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError)
CONVERSIONS: dict[str, Callable[[Any], Any]] = {"INT": int, "FLOAT": float, "STRING": str, "BOOLEAN": bool}


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A node class's own validation (its VALIDATE_INPUTS).

    `inputs` are the arguments it takes, None for all: values are still converted for them, but range and
    list checks are left to it. Those not in `optional` must be there, else it fails as Python would.
    `function` gets their values (None for a linked one) and answers True, False, or what is wrong.
    With `types` it also gets "input_types", {input: type received}, and judges the links' types itself.
    """

    function: Callable[[Mapping[str, Any]], bool | str]
    inputs: tuple[str, ...] | None
    optional: tuple[str, ...] = ()
    types: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """A node is bad without reasons of its own when something it depends on is bad."""

    good: bool
    reasons: list[Reason] = field(default_factory=list)


class _Raised(Exception):
    """ComfyUI's validation would raise here; the exception's type and text are part of its answer."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


class Judge:
    """Judges nodes and remembers the verdicts, in the order in which they were reached.

    Every class_type in `prompt` must be in `catalog`. Values in `prompt` are converted in place.
    """

    def __init__(self, prompt: Prompt, catalog: Catalog, checks: Mapping[str, Check]) -> None:
        self.verdicts: dict[str, Verdict] = {}
        self._prompt = prompt
        self._catalog = catalog
        self._checks = checks

    def output(self, node_id: str) -> Verdict:
        """The verdict on an output node, and with it on all it depends on."""
        try:
            return self._run(node_id)
        except _Raised as error:
            verdict = Verdict(False, [reasons.outer_exception(error.kind, error.message)])
            self.verdicts[node_id] = verdict
            return verdict

    def _run(self, node_id: str) -> Verdict:
        # A stack of our own: ComfyUI recurses, and fails on a chain of some hundred nodes.
        if node_id in self.verdicts:
            return self.verdicts[node_id]
        stack = {node_id: self._judge(node_id)}
        answer: Verdict | None = None
        raised: _Raised | None = None
        while True:
            current, judging = next(reversed(stack.items()))
            try:
                wanted = judging.throw(raised) if raised else judging.send(answer)
            except StopIteration as end:
                raised, answer = None, end.value
                self.verdicts[current] = end.value
            except _Raised as error:
                raised = error
            else:
                raised, answer = None, self.verdicts.get(wanted)
                if answer is None and wanted in stack:
                    # A cycle: ComfyUI runs out of stack and blames no node.
                    answer = Verdict(False)
                elif answer is None:
                    stack[wanted] = self._judge(wanted)
                continue
            del stack[current]
            if not stack:
                if raised:
                    raise raised
                return self.verdicts[node_id]

    def _judge(self, node_id: str) -> Generator[str, Verdict | None, Verdict]:
        """Judge one node; yields the ids of nodes whose verdict is needed first."""
        node = self._prompt[node_id]
        if "inputs" not in node:
            raise _Raised("KeyError", "'inputs'")
        node_type = self._type_of(node_id)
        check = self._checks.get(node_type.name)
        inputs = _checked_inputs(node["inputs"], node_type)
        found: list[Reason] = []
        received: dict[str, Any] = {}
        good = True
        for name, spec in node_type.inputs.items():
            if name not in inputs:
                if spec.required:
                    found.append(reasons.missing(name))
                continue
            value = inputs[name]
            if not isinstance(value, list):
                found += _value_reasons(inputs, spec, check)
                continue
            if len(value) != 2:
                found.append(reasons.bad_link(spec, value))
                continue
            received[name] = self._received(value)
            if not (check and check.types) and not fits(received[name], spec.type):
                found.append(reasons.mismatch(spec, received[name], value))
                continue
            try:
                verdict = yield value[0]
                good = good and verdict is not None and verdict.good
            except _Raised as error:
                good = False
                reason = reasons.inner_exception(spec, error.kind, error.message, value)
                self.verdicts[value[0]] = Verdict(False, [reason])
        if check:
            found += _custom_reasons(inputs, node_type, check, received)
        return Verdict(good and not found, found)

    def _type_of(self, node_id: str) -> NodeType:
        node_type = self._catalog.node(self._prompt[node_id]["class_type"])
        if node_type is None:
            raise LookupError(f"the class of node {node_id!r} was not looked up before judging it")
        return node_type

    def _received(self, link: list[Any]) -> Any:
        """The type of what a link leads to."""
        source, slot = link
        if isinstance(source, list | dict):
            raise _Raised("TypeError", f"unhashable type: '{type(source).__name__}'")
        if source not in self._prompt:
            raise _Raised("KeyError", repr(source))
        node_type = self._type_of(source)
        holder = list(node_type.outputs) if node_type.is_v3 else node_type.outputs
        try:
            return holder[slot]
        except (IndexError, TypeError) as error:
            raise _Raised(type(error).__name__, str(error)) from error


def fits(received: Any, wanted: Any) -> bool:
    """Whether a link may carry `received` into `wanted`; both may be unions ("INT,FLOAT") or choices.

    "*" fits everything. (A node that spells it as a plain string fits nothing in ComfyUI; object_info does
    not show the difference, and nearly all of them mean anything.)
    """
    if received == wanted or received == "*" or wanted == "*":
        return True
    if not isinstance(received, str) or not isinstance(wanted, str):
        return False
    return not {part.strip() for part in received.split(",")}.isdisjoint(
        part.strip() for part in wanted.split(",")
    )


def _checked_inputs(inputs: Any, node_type: NodeType) -> dict[str, Any]:
    """`inputs` if it is an object; else raises what looking for the node's inputs in it would raise."""
    if isinstance(inputs, dict):
        return inputs
    if not isinstance(inputs, list | str):
        raise _Raised("TypeError", f"argument of type '{type(inputs).__name__}' is not iterable")
    if any(name in inputs for name in node_type.inputs):
        kind = "list indices must be integers or slices, not str"
        text = "string indices must be integers, not 'str'"
        raise _Raised("TypeError", kind if isinstance(inputs, list) else text)
    return {}


def _value_reasons(inputs: dict[str, Any], spec: Input, check: Check | None) -> list[Reason]:
    value = inputs[spec.name]
    if isinstance(value, dict) and "__value__" in value:
        # How the frontend sends a list as a value, since a bare list is a link.
        value = inputs[spec.name] = value["__value__"]
    convert = CONVERSIONS.get(spec.type) if isinstance(spec.type, str) else None
    if convert:
        try:
            value = inputs[spec.name] = convert(value)
        except (TypeError, ValueError, OverflowError) as error:
            return [reasons.unconvertible(spec, value, error)]
    if check and (check.inputs is None or spec.name in check.inputs):
        return []
    try:
        if "min" in spec.options and value < spec.options["min"]:
            return [reasons.too_small(spec, value)]
        if "max" in spec.options and value > spec.options["max"]:
            return [reasons.too_big(spec, value)]
    except TypeError as error:
        raise _Raised("TypeError", str(error)) from error
    if isinstance(spec.type, list) and value not in spec.type:
        return [reasons.not_in_list(spec, value)]
    return []


def _custom_reasons(
    inputs: dict[str, Any], node_type: NodeType, check: Check, received: dict[str, Any]
) -> list[Reason]:
    known = node_type.inputs.keys() | node_type.hidden.keys()
    given: dict[str, Any] = {
        name: None if is_link(value) else value
        for name, value in inputs.items()
        if name in known and (check.inputs is None or name in check.inputs)
    }
    if check.types:
        given["input_types"] = received
    absent = [name for name in check.inputs or () if name not in given and name not in check.optional]
    if absent:
        raise _Raised("TypeError", _missing_arguments(node_type, absent))
    try:
        answer: object = check.function(given)
    except CHECK_ERRORS as error:
        raise _Raised(type(error).__name__, str(error)) from error
    return [] if answer is True else [reasons.custom(name, answer) for name in given]


def _missing_arguments(node_type: NodeType, absent: list[str]) -> str:
    function = "validate_inputs" if node_type.is_v3 else "VALIDATE_INPUTS"
    names = [repr(name) for name in absent]
    if len(names) > 1:
        names[-1] = f"and {names[-1]}"
    listed = (", " if len(names) > 2 else " ").join(names)
    plural = "s" if len(names) > 1 else ""
    return (
        f"{node_type.name}.{function}() missing {len(names)} required positional argument{plural}: {listed}"
    )
