"""Changes to a workflow, as the command line asks for them."""

import json
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from gesso.errors import RequestError
from gesso.workflows.graph import Prompt, inputs_of, is_link

WORDS = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}


def set_input(prompt: Mapping[str, Any], path: str, value: object) -> Prompt:
    """A copy of `prompt` with the input at `path` ("6.text") set.

    A text takes the type of what was there: a number for a number, true/false for a truth value, itself for
    a text. Over a link, and where nothing was, it is read as JSON if it is JSON. Other values go in as they
    are. The node must exist; the input need not, optional ones are often left out.
    """
    node_id, dot, name = path.partition(".")
    if not dot or not name:
        raise RequestError(f"{path!r} is not NODE.INPUT, e.g. '6.text'.")
    if node_id not in prompt:
        raise RequestError(f"There is no node {node_id!r} to set {name!r} of.{_nearest(node_id, prompt)}")
    inputs = inputs_of(prompt[node_id])
    if isinstance(value, str):
        value = _from_text(value, inputs.get(name), path)
    edited = {key: dict(node) for key, node in prompt.items()}
    edited[node_id]["inputs"] = {**inputs, name: value}
    return edited


def _from_text(text: str, current: Any, path: str) -> Any:
    if isinstance(current, bool):
        word = WORDS.get(text.strip().lower())
        if word is None:
            raise RequestError(f"{path}: {text!r} is neither true nor false.")
        return word
    if isinstance(current, int | float):
        number = _json(text)
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise RequestError(f"{path}: {text!r} is not a number, and {current!r} was.")
        return number
    if isinstance(current, str):
        return text
    parsed = _json(text)
    if parsed is None or (isinstance(parsed, list) and not is_link(parsed)):
        return text
    return parsed


def _json(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _nearest(name: str, names: Iterable[str]) -> str:
    near = get_close_matches(name, list(names), n=1, cutoff=0.5)
    return f" Did you mean {near[0]!r}?" if near else ""
