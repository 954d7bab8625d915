"""A template: a workflow in API format with named, typed parameters, each bound to inputs of its nodes.

It is a JSON file:

{
  "title": "Text to image",
  "parameters": {
    "prompt": {"type": "text", "inputs": ["6.text"], "required": true},
    "width": {"type": "integer", "inputs": ["5.width"], "minimum": 16, "maximum": 512, "multiple": 8},
    "image": {"type": "image", "inputs": ["10.image"]},
    "image_2": {"type": "image", "inputs": ["11.image"], "without": {"11": null}},
    "mask": {"type": "image", "inputs": ["12.image"], "without": {"12": null, "13": ["10", 0]}}
  },
  "outputs": ["9"],
  "workflow": {"5": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, …}}, …}
}

What stands in the workflow at a parameter's inputs is its default; with "required" it is only an example.
An image has no default. `without` says what becomes of nodes when no value is given for their parameter: they
are left out, and what took their outputs takes the link named instead, or nothing (null). A parameter without
`without` whose type is image is required. `outputs` are the nodes whose pictures are the result, in order.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gesso.errors import ConfigError
from gesso.workflows.graph import Format, Prompt, detect, inputs_of, is_link

NAME = re.compile(r"[a-z][a-z0-9_]*")
KEYS = {"title", "description", "parameters", "outputs", "workflow"}
PARAMETER_KEYS = {"type", "inputs", "required", "minimum", "maximum", "multiple", "choices", "without"}

Link = tuple[str, int]


class Kind(StrEnum):
    """What values a parameter takes. An image is the name of a file, as the loader's input takes it."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    IMAGE = "image"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter. `inputs` are (node id, input name); `default` is what stands there in the workflow."""

    name: str
    kind: Kind
    inputs: tuple[tuple[str, str], ...]
    required: bool = False
    default: Any = None
    minimum: float | None = None
    maximum: float | None = None
    multiple: int = 1
    choices: tuple[Any, ...] = ()
    without: Mapping[str, Link | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A workflow, its parameters by name, and the nodes whose pictures are the result."""

    name: str
    title: str
    description: str
    parameters: Mapping[str, Parameter]
    outputs: tuple[str, ...]
    workflow: Prompt

    @property
    def images(self) -> tuple[str, ...]:
        """The names of the parameters for pictures to start from: image, image_2, … without a gap."""
        names = ["image", *(f"image_{number}" for number in range(2, 100))]
        found = []
        for name in names:
            if name not in self.parameters:
                break
            found.append(name)
        return tuple(found)


def parse_template(text: str, name: str) -> Template:
    """The template that a file's text is; ConfigError says what is wrong with it, and where."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _wrong(name, f"it is not JSON: {error}") from error
    if not isinstance(data, dict):
        raise _wrong(name, "it is not a JSON object")
    _refuse_unknown(name, "the file", data, KEYS)
    workflow, outputs, declared = data.get("workflow"), data.get("outputs"), data.get("parameters")
    if detect(workflow) is not Format.API:
        hint = "the editor's format; use Export (API)" if detect(workflow) is Format.EDITOR else "no workflow"
        raise _wrong(name, f"`workflow` is {hint}")
    assert isinstance(workflow, dict)  # noqa: S101 - what `detect` has found out, told to mypy
    if not isinstance(outputs, list) or not outputs or not all(isinstance(each, str) for each in outputs):
        raise _wrong(name, "`outputs` is no list of node ids")
    if absent := [each for each in outputs if each not in workflow]:
        raise _wrong(name, f"`outputs` names node {absent[0]!r}, which is not in the workflow")
    if not isinstance(declared, dict):
        raise _wrong(name, "`parameters` is no object")
    parameters = {key: _parameter(name, key, value, workflow) for key, value in declared.items()}
    template = Template(
        name=name,
        title=str(data.get("title") or name),
        description=str(data.get("description") or ""),
        parameters=parameters,
        outputs=tuple(outputs),
        workflow=workflow,
    )
    _check_replacements(template)
    return template


def fits(kind: Kind, value: object) -> bool:
    """Whether a value is of that kind."""
    match kind:
        case Kind.TEXT | Kind.IMAGE:
            return isinstance(value, str)
        case Kind.BOOLEAN:
            return isinstance(value, bool)
        case Kind.INTEGER:
            return isinstance(value, int) and not isinstance(value, bool)
        case Kind.NUMBER:
            return (
                isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")
            )


def outside(parameter: Parameter, value: Any) -> str | None:
    """What `parameter` asks of its values and this one, of the right kind, does not meet; None: nothing."""
    if parameter.choices and value not in parameter.choices:
        return "one of " + ", ".join(map(repr, parameter.choices))
    if parameter.kind not in (Kind.INTEGER, Kind.NUMBER):
        return None
    if parameter.minimum is not None and value < parameter.minimum:
        return f"at least {parameter.minimum}"
    if parameter.maximum is not None and value > parameter.maximum:
        return f"at most {parameter.maximum}"
    if parameter.multiple > 1 and value % parameter.multiple:
        return f"a multiple of {parameter.multiple}"
    return None


def _parameter(template: str, key: str, data: Any, workflow: Prompt) -> Parameter:
    place = f"parameter {key!r}"
    if not NAME.fullmatch(key) or not isinstance(data, dict):
        raise _wrong(template, f"{place}: a name of small letters, digits and _, and an object")
    _refuse_unknown(template, place, data, PARAMETER_KEYS)
    if data.get("type") not in list(Kind):
        raise _wrong(template, f"{place}: `type` is one of {', '.join(Kind)}")
    kind = Kind(data["type"])
    inputs = _inputs(template, place, data.get("inputs"), workflow)
    standing = [inputs_of(workflow[node]).get(name) for node, name in inputs]
    default = None if kind is Kind.IMAGE else standing[0]
    without = _without(template, place, data.get("without", {}), workflow)
    found = Parameter(
        name=key,
        kind=kind,
        inputs=inputs,
        required=_flag(template, place, data) or (kind is Kind.IMAGE and not without),
        default=default,
        minimum=_number(template, place, data, "minimum"),
        maximum=_number(template, place, data, "maximum"),
        multiple=int(_number(template, place, data, "multiple") or 1),
        choices=_choices(template, place, data, kind),
        without=without,
    )
    if kind is not Kind.IMAGE:
        if not all(fits(kind, each) and each == default for each in standing):
            raise _wrong(template, f"{place}: what stands at its inputs is not one {kind}: {standing!r}")
        if (rule := outside(found, default)) is not None:
            raise _wrong(template, f"{place}: {default!r} stands in the workflow, and is not {rule}")
    return found


def _inputs(template: str, place: str, value: Any, workflow: Prompt) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, list) or not value or not all(isinstance(each, str) for each in value):
        raise _wrong(template, f'{place}: `inputs` is a list like ["6.text"]')
    inputs = []
    for each in value:
        node, _, name = each.partition(".")
        if node not in workflow:
            raise _wrong(template, f"{place}: there is no node {node!r} in the workflow")
        if name not in inputs_of(workflow[node]) or is_link(inputs_of(workflow[node])[name]):
            raise _wrong(template, f"{place}: node {node!r} has no value {name!r} in the workflow")
        inputs.append((node, name))
    return tuple(inputs)


def _without(template: str, place: str, value: Any, workflow: Prompt) -> dict[str, Link | None]:
    if not isinstance(value, dict):
        raise _wrong(template, f'{place}: `without` is an object like {{"12": null}}')
    found: dict[str, Link | None] = {}
    for node, link in value.items():
        if node not in workflow or (link is not None and (not is_link(link) or link[0] not in workflow)):
            raise _wrong(
                template, f"{place}: `without` names what is not in the workflow: {node!r}: {link!r}"
            )
        found[node] = None if link is None else (link[0], int(link[1]))
    return found


def _flag(template: str, place: str, data: Mapping[str, Any]) -> bool:
    value = data.get("required", False)
    if not isinstance(value, bool):
        raise _wrong(template, f"{place}: `required` is true or false")
    return value


def _choices(template: str, place: str, data: Mapping[str, Any], kind: Kind) -> tuple[Any, ...]:
    value = data.get("choices", [])
    if not isinstance(value, list) or not all(fits(kind, each) for each in value):
        raise _wrong(template, f"{place}: `choices` is a list, and each of them {kind}")
    return tuple(value)


def _number(template: str, place: str, data: Mapping[str, Any], key: str) -> float | None:
    value = data.get(key)
    if value is not None and not fits(Kind.NUMBER, value):
        raise _wrong(template, f"{place}: `{key}` is no number")
    if key == "multiple" and value is not None and (not fits(Kind.INTEGER, value) or value < 1):
        raise _wrong(template, f"{place}: `multiple` is a whole number above 0")
    number: float | None = value
    return number


def _check_replacements(template: Template) -> None:
    """What stands in for a node that is left out must not be left out for another, for ever."""
    gone = {node: link for each in template.parameters.values() for node, link in each.without.items()}
    for node in gone:
        seen = [node]
        while (link := gone.get(seen[-1])) is not None:
            if link[0] in seen:
                raise _wrong(template.name, f"`without` leads in a circle from node {node!r}")
            seen.append(link[0])
    if lost := [node for node in template.outputs if node in gone]:
        raise _wrong(template.name, f"`without` leaves out node {lost[0]!r}, whose pictures are the result")


def _refuse_unknown(template: str, place: str, data: Mapping[str, Any], known: set[str]) -> None:
    if unknown := sorted(set(data) - known):
        raise _wrong(template, f"{place} has a key {unknown[0]!r}; there are {', '.join(sorted(known))}")


def _wrong(template: str, what: str) -> ConfigError:
    return ConfigError(
        f"The template {template!r} is not usable: {what}.",
        remedy="docs/how-to/openai.md says what a template's file looks like.",
    )
