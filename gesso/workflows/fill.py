"""Fills a template: values for its parameters in, a workflow out (pure)."""

from collections.abc import Mapping
from typing import Any

from gesso.errors import InvalidParameter
from gesso.workflows.graph import Prompt, inputs_of, is_link
from gesso.workflows.template import Link, Parameter, Template, fits, outside


def fill(template: Template, values: Mapping[str, Any]) -> Prompt:
    """The template's workflow with `values` in it; None counts as not given. The template stays as it is.

    Raises InvalidParameter, naming the parameter, for what the template does not take.
    """
    given = {name: value for name, value in values.items() if value is not None}
    for name in given:
        if name not in template.parameters:
            raise InvalidParameter(
                f"{template.title} takes no {name!r}.", param=name, kind="unknown_parameter"
            )
    prompt = {
        node_id: {**node, "inputs": dict(inputs_of(node))} for node_id, node in template.workflow.items()
    }
    gone: dict[str, Link | None] = {}
    for parameter in template.parameters.values():
        if parameter.name in given:
            value = checked(parameter, given[parameter.name])
            for node_id, name in parameter.inputs:
                prompt[node_id]["inputs"][name] = value
        elif parameter.required:
            raise InvalidParameter(
                f"{parameter.name!r} is missing.", param=parameter.name, kind="missing_required_parameter"
            )
        else:
            gone |= parameter.without
    return _without(prompt, gone) if gone else prompt


def checked(parameter: Parameter, value: Any) -> Any:
    """The value, if the parameter takes it. Raises InvalidParameter."""
    if not fits(parameter.kind, value):
        message = f"{parameter.name!r} must be {_ARTICLE[parameter.kind]} {parameter.kind}."
        raise InvalidParameter(message, param=parameter.name, kind="invalid_type")
    if (rule := outside(parameter, value)) is not None:
        message = f"{parameter.name!r} must be {rule}, not {value!r}."
        raise InvalidParameter(message, param=parameter.name, kind="invalid_value")
    return value


_ARTICLE = {"text": "a", "integer": "an", "number": "a", "boolean": "a", "image": "an"}


def _without(prompt: Prompt, gone: Mapping[str, Link | None]) -> Prompt:
    """The workflow without some nodes: what took their outputs takes what stands in for them."""
    left: Prompt = {}
    for node_id, node in prompt.items():
        if node_id not in gone:
            inputs = {name: _stand_in(value, gone) for name, value in node["inputs"].items()}
            left[node_id] = {**node, "inputs": {k: v for k, v in inputs.items() if v is not _NOTHING}}
    return left


_NOTHING = object()


def _stand_in(value: Any, gone: Mapping[str, Link | None]) -> Any:
    while is_link(value) and value[0] in gone:
        link = gone[value[0]]
        if link is None:
            return _NOTHING
        value = list(link)
    return value
