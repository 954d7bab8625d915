"""ComfyUI's JSON shapes: the request for a prompt, queue and history items, error bodies, ids and secrets."""

from dataclasses import dataclass, field
from typing import Any

SECRETS = ("auth_token_comfy_org", "api_key_comfy_org")


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptRequest:
    """The body of POST /prompt, checked in shape only; `workflows.validate` judges the graph."""

    prompt: dict[str, Any]
    prompt_id: str | None = None
    client_id: str | None = None
    number: float | None = None
    front: bool = False
    extra_data: dict[str, Any] = field(default_factory=dict)
    targets: list[str] | None = None


def parse_prompt_request(body: object) -> PromptRequest:
    raise NotImplementedError


def error_body(
    kind: str,
    message: str,
    details: str = "",
    extra_info: dict[str, Any] | None = None,
    node_errors: dict[str, Any] | None = None,
) -> dict[str, Any]:
    raise NotImplementedError


def queue_item(
    number: float, prompt_id: str, prompt: dict[str, Any], extra_data: dict[str, Any], outputs: list[str]
) -> list[Any]:
    raise NotImplementedError


def history_item(
    item: list[Any],
    *,
    outputs: dict[str, Any],
    status_str: str | None,
    completed: bool,
    messages: list[Any],
    meta: dict[str, Any] | None = None,
) -> dict[str, Any]:
    raise NotImplementedError


def strip_secrets(extra_data: dict[str, Any]) -> dict[str, Any]:
    raise NotImplementedError


def rewrite_prompt_id(value: Any, old: str, new: str) -> Any:
    raise NotImplementedError
