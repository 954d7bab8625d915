"""Whether engines can run a template, judged by their catalogue: what they lack, in words (pure)."""

from collections.abc import Iterator, Mapping
from typing import Any

from gesso.errors import InvalidWorkflow
from gesso.workflows.catalog import Catalog, Input
from gesso.workflows.fill import fill
from gesso.workflows.graph import Prompt, class_of, inputs_of
from gesso.workflows.needs import lacking, needs
from gesso.workflows.template import Kind, Parameter, Template
from gesso.workflows.uploads import upload_checks
from gesso.workflows.validate import problems, validate

# What an input of the catalogue may be for a parameter of this kind to be bound to it.
TYPES = {
    Kind.TEXT: ("STRING",),
    Kind.INTEGER: ("INT", "FLOAT"),
    Kind.NUMBER: ("FLOAT",),
    Kind.BOOLEAN: ("BOOLEAN",),
}
SAMPLE_FILE = "gesso.png"


def obstacles(template: Template, catalog: Catalog) -> tuple[str, ...]:
    """Why this template cannot run with what is in the catalogue; empty if it can, whatever its values."""
    classes = {class_of(node) or "" for node in template.workflow.values()}
    if unknown := sorted(name for name in classes if catalog.node(name) is None):
        return tuple(f"no engine has the node class {name}" for name in unknown)
    found = dict.fromkeys(_unbound(template, catalog))
    found |= dict.fromkeys(_files(template.workflow, catalog))
    if not found:
        for values in samples(template):
            found |= dict.fromkeys(_refusals(fill(template, values), catalog))
    return tuple(found)


def samples(template: Template) -> Iterator[dict[str, Any]]:
    """Values to try a template with: as few as it takes, all of them, the least and the greatest numbers."""
    least = {each.name: _sample(each) for each in template.parameters.values() if each.required}
    everything = {each.name: _sample(each) for each in template.parameters.values()}
    lowest = {each.name: each.minimum for each in template.parameters.values() if each.minimum is not None}
    highest = {each.name: each.maximum for each in template.parameters.values() if each.maximum is not None}
    yield least
    yield everything
    for bounds in (lowest, highest):
        yield everything | {name: _bound(template.parameters[name], value) for name, value in bounds.items()}


def _sample(parameter: Parameter) -> Any:
    return SAMPLE_FILE if parameter.kind is Kind.IMAGE else parameter.default


def _bound(parameter: Parameter, value: float) -> float:
    """The bound itself, or the next number inside that is a multiple."""
    if parameter.kind is Kind.NUMBER:
        return value
    number, multiple = int(value), parameter.multiple
    if value == parameter.minimum:
        return -(-number // multiple) * multiple
    return number // multiple * multiple


def _unbound(template: Template, catalog: Catalog) -> Iterator[str]:
    for parameter in template.parameters.values():
        for node_id, name in parameter.inputs:
            class_type = class_of(template.workflow[node_id]) or ""
            node_type = catalog.node(class_type)
            spec = node_type.inputs.get(name) if node_type else None
            if spec is None:
                yield f"{class_type} has no input {name!r}, to which {parameter.name!r} is bound"
            elif not _takes(spec, parameter.kind):
                yield f"{class_type}.{name} takes no {parameter.kind}, and {parameter.name!r} is one"


def _takes(spec: Input, kind: Kind) -> bool:
    if kind is Kind.IMAGE:
        return spec.upload is not None
    if spec.choices is not None:
        return kind is Kind.TEXT
    return spec.type == "*" or spec.type in TYPES[kind]


def _files(prompt: Prompt, catalog: Catalog) -> Iterator[str]:
    for need in lacking(needs(prompt, catalog).ids(), catalog):
        place, _, file = need.partition(":")[2].partition("=")
        yield f"no engine has {file!r} for {place}"


def _refusals(prompt: Prompt, catalog: Catalog) -> Iterator[str]:
    checks = upload_checks(catalog, lambda name: True, prompt)
    try:
        body: Mapping[str, Any] = {"node_errors": validate(prompt, catalog, checks=checks).node_errors}
    except InvalidWorkflow as refused:
        body = refused.body
        if not refused.problems:
            yield str((body.get("error") or {}).get("message") or refused.message)
    for problem in problems(body):
        yield f"{problem.class_type} (node {problem.node}): {problem.message}: {problem.details}"
    yield from _dangling(prompt)


def _dangling(prompt: Prompt) -> Iterator[str]:
    for node_id, node in prompt.items():
        for name, value in inputs_of(node).items():
            if isinstance(value, list) and value and value[0] not in prompt:
                yield f"{class_of(node)} (node {node_id}): {name} is linked to a node that is not there"
