"""ComfyUI's JSON shapes: the request for a prompt, queue and history items, error bodies, ids and secrets."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gesso.errors import InvalidWorkflow

SECRETS = ("auth_token_comfy_org", "api_key_comfy_org")
ID_LIMIT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptRequest:
    """The body of POST /prompt, checked in shape only; `workflows.validate` judges the graph.

    `front` asks for a place before all others. `targets` are the only output nodes to run, None for all.
    `extra_data` still has its secrets: see `strip_secrets`.
    """

    prompt: dict[str, Any]
    prompt_id: str | None = None
    client_id: str | None = None
    number: float | None = None
    front: bool = False
    extra_data: dict[str, Any] = field(default_factory=dict)
    targets: list[str] | None = None


def parse_prompt_request(body: object) -> PromptRequest:
    """Read the body of POST /prompt; raises InvalidWorkflow with ComfyUI's 400 body.

    Where ComfyUI answers a bare 500 (a prompt that is no object, a number that is none, …) the body has
    the same shape, with type "invalid_prompt". A null counts as left out.
    """
    if not isinstance(body, Mapping) or "prompt" not in body:
        raise _no_prompt(body)
    prompt = body["prompt"]
    if isinstance(prompt, list | str) and not prompt:
        # ComfyUI finds no outputs in these, so that is what validation will say.
        prompt = {}
    if not isinstance(prompt, dict):
        raise _invalid("The prompt must be an object of nodes.", "prompt")
    extra_data = body.get("extra_data")
    if extra_data is not None and not isinstance(extra_data, dict):
        raise _invalid("extra_data must be an object.", "extra_data")
    return PromptRequest(
        prompt=prompt,
        prompt_id=_id(body),
        client_id=_name(body, "client_id"),
        number=_number(body.get("number")),
        front=bool(body.get("front")),
        extra_data=dict(extra_data or {}),
        targets=_targets(body.get("partial_execution_targets")),
    )


def error_body(
    kind: str,
    message: str,
    details: str = "",
    extra_info: dict[str, Any] | None = None,
    node_errors: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The body of ComfyUI's 400 to POST /prompt."""
    error = {"type": kind, "message": message, "details": details, "extra_info": extra_info or {}}
    return {"error": error, "node_errors": node_errors or {}}


def queue_item(
    number: float,
    prompt_id: str,
    prompt: dict[str, Any],
    extra_data: dict[str, Any],
    outputs: list[str],
    *,
    client_id: str | None = None,
) -> list[Any]:
    """An entry of GET /queue, and `prompt` of a history item; secrets are left out, the client id put in."""
    public = strip_secrets(extra_data)
    if client_id is not None:
        public["client_id"] = client_id
    return [number, prompt_id, prompt, public, outputs]


def history_item(
    item: list[Any],
    *,
    outputs: dict[str, Any],
    status_str: str | None,
    completed: bool,
    messages: list[Any],
    meta: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The value GET /history has under a prompt id; `item` as from `queue_item`.

    `messages` example: [["execution_start", {"prompt_id": "…", "timestamp": 1795225212967}], …].
    `status_str` is "success" or "error", None for a prompt that has no status.
    """
    status = {"status_str": status_str, "completed": completed, "messages": messages}
    return {
        "prompt": item,
        "outputs": outputs,
        "status": None if status_str is None else status,
        "meta": meta or {},
    }


def strip_secrets(extra_data: Mapping[str, Any]) -> dict[str, Any]:
    """A copy without the tokens that clients put in for paid nodes; these never reach queue or history."""
    return {key: value for key, value in extra_data.items() if key not in SECRETS}


def rewrite_prompt_id(value: Any, old: str, new: str) -> Any:
    """A copy of a message, queue item or history item in which the prompt id `old` is `new`.

    Changed are values under a key "prompt_id" at any depth, the id in a queue item (a list that starts
    [number, id, {…}]) under a key "prompt", and a key that is the id itself, as in GET /history/{id}.
    """
    holder = [value]
    pending: list[Any] = [holder]
    # No recursion: JSON from outside may be nested as deep as the parser allowed.
    while pending:
        container = pending.pop()
        entries = container.items() if isinstance(container, dict) else enumerate(container)
        for key, inner in list(entries):
            if key == "prompt_id" and inner == old:
                container[key] = new
            elif isinstance(inner, dict):
                container[key] = {new if name == old else name: child for name, child in inner.items()}
                pending.append(container[key])
            elif isinstance(inner, list | tuple):
                container[key] = _renamed_item(inner, old, new) if key == "prompt" else list(inner)
                pending.append(container[key])
    return holder[0]


def _renamed_item(item: list[Any] | tuple[Any, ...], old: str, new: str) -> list[Any]:
    copied = list(item)
    if len(copied) >= 3 and copied[1] == old and isinstance(copied[2], dict):
        copied[1] = new
    return copied


def _name(body: Mapping[str, Any], key: str) -> str | None:
    value = body.get(key)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _invalid(f"{key} must be a text.", key)
    name = str(value)
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise _invalid(f"{key} must be a text; it holds half a character.", key) from error
    return name


def _id(body: Mapping[str, Any]) -> str | None:
    """The prompt id: it is part of paths and of log lines, which ComfyUI does not mind."""
    name = _name(body, "prompt_id")
    if name is None:
        return None
    if len(name) > ID_LIMIT or not name.isprintable() or name != name.strip() or set(name) & {"/", "\\"}:
        raise _invalid(
            f"prompt_id has at most {ID_LIMIT} printable characters, no slash among them.", "prompt_id"
        )
    if name in (".", ".."):
        raise _invalid("prompt_id names a folder.", "prompt_id")
    return name


def _number(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, str | int | float):
        try:
            number = float(value)
        except (ValueError, OverflowError):
            number = math.nan
        if math.isfinite(number):
            return number
    raise _invalid("number must be a number.", "number")


def _targets(value: object) -> list[str] | None:
    if value is None:
        return None
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list | dict):
        raise _invalid("partial_execution_targets must be a list of node ids.", "partial_execution_targets")
    return [target for target in value if isinstance(target, str)]


def _no_prompt(body: object) -> InvalidWorkflow:
    message = "No prompt provided"
    details = message
    if isinstance(body, Mapping) and isinstance(body.get("nodes"), list):
        details = 'This is the editor format; use Export (API), and send it as {"prompt": …}.'
    return InvalidWorkflow(
        message if details == message else f"{message}: {details}",
        body=error_body("no_prompt", message, details),
    )


def _invalid(message: str, key: str) -> InvalidWorkflow:
    return InvalidWorkflow(message, body=error_body("invalid_prompt", message, key))
