"""ComfyUI's reasons for refusing a node, word for word."""

import math
from typing import Any

from gesso.workflows.catalog import Input

Reason = dict[str, Any]

# Beyond this ComfyUI gives the length of a list of choices instead of the list.
SHOWN_CHOICES = 20


def missing(name: str) -> Reason:
    return _reason("required_input_missing", "Required input is missing", name, input_name=name)


def bad_link(spec: Input, value: Any) -> Reason:
    return _reason(
        "bad_linked_input",
        "Bad linked input, must be a length-2 list of [node_id, slot_index]",
        spec.name,
        input_name=spec.name,
        input_config=_config(spec),
        received_value=value,
    )


def mismatch(spec: Input, received: Any, link: list[Any]) -> Reason:
    return _reason(
        "return_type_mismatch",
        "Return type mismatch between linked nodes",
        f"{spec.name}, received_type({received}) mismatch input_type({spec.type})",
        input_name=spec.name,
        input_config=_config(spec),
        received_type=received,
        linked_node=link,
    )


def unconvertible(spec: Input, value: Any, error: Exception) -> Reason:
    return _reason(
        "invalid_input_type",
        f"Failed to convert an input value to a {spec.type} value",
        f"{spec.name}, {value}, {error}",
        input_name=spec.name,
        input_config=_config(spec),
        received_value=_finite(value),
        exception_message=str(error),
    )


def too_small(spec: Input, value: Any) -> Reason:
    return _out_of_range(
        spec, value, "value_smaller_than_min", f"Value {value} smaller than min of {spec.options['min']}"
    )


def too_big(spec: Input, value: Any) -> Reason:
    return _out_of_range(
        spec, value, "value_bigger_than_max", f"Value {value} bigger than max of {spec.options['max']}"
    )


def not_in_list(spec: Input, value: Any) -> Reason:
    many = len(spec.type) > SHOWN_CHOICES
    choices = f"(list of length {len(spec.type)})" if many else str(spec.type)
    return _reason(
        "value_not_in_list",
        "Value not in list",
        f"{spec.name}: '{value}' not in {choices}",
        input_name=spec.name,
        input_config=None if many else _config(spec),
        received_value=_finite(value),
    )


def custom(name: str, answer: object) -> Reason:
    details = name if answer is False else f"{name} - {answer}"
    return _reason("custom_validation_failed", "Custom validation failed for node", details, input_name=name)


def inner_exception(spec: Input, kind: str, message: str, link: list[Any]) -> Reason:
    return _reason(
        "exception_during_inner_validation",
        "Exception when validating inner node",
        message,
        input_name=spec.name,
        input_config=_config(spec),
        exception_message=message,
        exception_type=kind,
        # No engine has seen the workflow, so there is no stack to show.
        traceback=[],
        linked_node=link,
    )


def outer_exception(kind: str, message: str) -> Reason:
    return _reason(
        "exception_during_validation",
        "Exception when validating node",
        message,
        exception_type=kind,
        traceback=[],
    )


def _out_of_range(spec: Input, value: Any, kind: str, message: str) -> Reason:
    return _reason(
        kind,
        message,
        spec.name,
        input_name=spec.name,
        input_config=_config(spec),
        received_value=_finite(value),
    )


def _reason(kind: str, message: str, details: str, **extra_info: Any) -> Reason:
    return {"type": kind, "message": message, "details": details, "extra_info": extra_info}


def _config(spec: Input) -> list[Any]:
    return [spec.type, spec.options]


def _finite(value: Any) -> Any:
    # ComfyUI answers NaN and Infinity as bare words, which is not JSON; as text every client can read them.
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
