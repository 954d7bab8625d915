"""Says of a workflow what ComfyUI 0.3.64 would say, from its object_info alone."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from gesso.errors import InvalidWorkflow, Problem
from gesso.workflows.catalog import Catalog
from gesso.workflows.fatal import fatal
from gesso.workflows.graph import Format, Prompt, detect
from gesso.workflows.judge import Check as Check
from gesso.workflows.judge import Judge
from gesso.workflows.reasons import Reason

# ComfyUI blames every bad node known by then for each bad output: a square that ten thousand bad outputs
# make too large for anybody. The first ones are named, all are left out of `outputs`.
BLAMED = 100
EDITOR_MESSAGE = "This is the editor format; use Export (API)."


@dataclass(frozen=True, slots=True, kw_only=True)
class Validated:
    """A workflow that can run, at least in part.

    `outputs` are the good output nodes, `node_errors` what is wrong with the others (as ComfyUI answers it
    beside the prompt id), `prompt` a copy with values converted to their inputs' types.
    """

    outputs: list[str]
    node_errors: dict[str, Any] = field(default_factory=dict)
    prompt: Prompt


def validate(
    prompt: object,
    catalog: Catalog,
    targets: Collection[str] | None = None,
    *,
    checks: Mapping[str, Check] | None = None,
) -> Validated:
    """Judge `prompt`, or only what the output nodes named in `targets` need.

    Raises InvalidWorkflow with ComfyUI's own 400 body when no output can run. Where ComfyUI answers a bare
    500 (a prompt or a node that is no object, a class_type that is no text), the body has the same shape
    with type "invalid_prompt". Lists whose order ComfyUI leaves to chance are in the prompt's order here.
    What ComfyUI takes but would not survive is refused as "invalid_prompt" too (see `fatal`).
    """
    graph = _graph(prompt, catalog)
    outputs = [
        node_id
        for node_id, node in graph.items()
        if _is_output(node, catalog) and (targets is None or node_id in targets)
    ]
    if not outputs:
        raise refusal({"error": _error("prompt_no_outputs", "Prompt has no outputs"), "node_errors": {}})
    judge = Judge(graph, catalog, checks or {})
    good: list[str] = []
    lines: list[str] = []
    node_errors: dict[str, Any] = {}
    bad = 0
    for output in outputs:
        verdict = judge.output(output)
        if verdict.good:
            good.append(output)
            continue
        bad += 1
        if bad <= BLAMED:
            lines += [f"{reason['message']}: {reason['details']}" for reason in verdict.reasons]
            _blame(output, judge, graph, node_errors)
    if not good:
        error = _error(
            "prompt_outputs_failed_validation", "Prompt outputs failed validation", "\n".join(lines)
        )
        raise refusal({"error": error, "node_errors": node_errors})
    if found := fatal(graph, good):
        node_id, reason = found
        raise _invalid(f"Cannot execute because of node {node_id}: {reason}", f"Node ID '#{node_id}'")
    return Validated(outputs=good, node_errors=node_errors, prompt=graph)


def problems(body: Mapping[str, Any]) -> tuple[Problem, ...]:
    """The node errors in a 400 body of ComfyUI, typed; what does not look like one is passed over."""
    found: list[Problem] = []
    node_errors = body.get("node_errors")
    for node_id, entry in node_errors.items() if isinstance(node_errors, dict) else ():
        entry = entry if isinstance(entry, dict) else {}
        errors = entry.get("errors")
        for reason in errors if isinstance(errors, list) else ():
            if isinstance(reason, dict):
                found.append(_problem(str(node_id), entry, reason))
    return tuple(found)


def refusal(body: dict[str, Any]) -> InvalidWorkflow:
    """The exception for a 400 body of ComfyUI: ours, or one that an engine sent."""
    found = problems(body)
    error = body.get("error")
    error = error if isinstance(error, dict) else {}
    words = [str(error.get("message") or "The workflow cannot run.").rstrip(".")]
    if found:
        first = found[0]
        words.append(f"node {first.node!r} ({first.class_type}): {first.message}: {first.details}")
    elif error.get("details"):
        words.append(str(error["details"]))
    return InvalidWorkflow(": ".join(words), body=body, problems=found)


def _graph(prompt: object, catalog: Catalog) -> Prompt:
    """A copy of `prompt` in which every node has a class of the catalog."""
    if detect(prompt) is Format.EDITOR:
        details = "The prompt has 'nodes' and 'links', as the editor saves it."
        raise _invalid(EDITOR_MESSAGE, details)
    if isinstance(prompt, list | str) and not prompt:
        # ComfyUI finds no outputs in these; only other non-objects make it stumble.
        return {}
    if not isinstance(prompt, Mapping):
        raise _invalid("The prompt must be an object of nodes.", f"It is {_json_type(prompt)}.")
    graph: Prompt = {}
    for node_id, node in prompt.items():
        where = f"Node ID '#{node_id}'"
        if not isinstance(node, Mapping) or "class_type" not in node:
            message = "Cannot execute because a node is missing the class_type property."
            raise _invalid(message, where)
        class_type = node["class_type"]
        if not isinstance(class_type, str) or catalog.node(class_type) is None:
            raise _invalid(f"Cannot execute because node {class_type} does not exist.", where)
        copied = dict(node)
        if isinstance(copied.get("inputs"), dict):
            copied["inputs"] = dict(copied["inputs"])
        graph[node_id] = copied
    return graph


def _is_output(node: Mapping[str, Any], catalog: Catalog) -> bool:
    node_type = catalog.node(node["class_type"])
    return node_type is not None and node_type.is_output


def _blame(output: str, judge: Judge, graph: Prompt, node_errors: dict[str, Any]) -> None:
    # As ComfyUI does it: every bad node known by now counts as the output's, also another output's.
    for node_id, verdict in judge.verdicts.items():
        if verdict.good or not verdict.reasons:
            continue
        entry = node_errors.setdefault(
            node_id,
            {
                "errors": verdict.reasons,
                "dependent_outputs": [],
                "class_type": graph[node_id]["class_type"],
            },
        )
        entry["dependent_outputs"].append(output)


def _problem(node_id: str, entry: Mapping[str, Any], reason: Reason) -> Problem:
    extra = reason.get("extra_info")
    name = extra.get("input_name") if isinstance(extra, dict) else None
    return Problem(
        node=node_id,
        class_type=str(entry.get("class_type", "")),
        kind=str(reason.get("type", "")),
        message=str(reason.get("message", "")),
        details=str(reason.get("details", "")),
        input=name if isinstance(name, str) else None,
    )


def _invalid(message: str, details: str) -> InvalidWorkflow:
    return refusal({"error": _error("invalid_prompt", message, details), "node_errors": {}})


def _error(kind: str, message: str, details: str = "") -> Reason:
    return {"type": kind, "message": message, "details": details, "extra_info": {}}


def _json_type(value: object) -> str:
    names = {list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
