"""From an HTTP answer that is not the wanted one to the exception that names its cause; pure."""

import json
from collections.abc import Mapping
from typing import Any

from gesso.errors import (
    Conflict,
    DiskFull,
    EngineError,
    EngineRefused,
    EngineUnreachable,
    Forbidden,
    GatewayError,
    GessoError,
    IdempotencyMismatch,
    InvalidWorkflow,
    NoEngine,
    NotFound,
    OverLimit,
    RequestError,
    TooLarge,
    Unauthorized,
)
from gesso.workflows.validate import problems

# A proxy in front, or a gateway just starting: nothing was decided, the same request may be sent again.
PASSING = frozenset({502, 503, 504})

_BY_STATUS: dict[int, type[GessoError]] = {
    400: RequestError,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: TooLarge,
    422: RequestError,
    502: EngineUnreachable,
    503: EngineUnreachable,
    504: EngineUnreachable,
    507: DiskFull,
}
# Where gesso itself says which of several errors with the same status it is.
_BY_CODE: dict[str, type[GessoError]] = {
    kind.code: kind for kind in (IdempotencyMismatch, EngineError, EngineRefused, NoEngine)
}

UNREACHABLE_REMEDY = "Start it with `gesso up`, or say where it listens: --url or GESSO_URL."
_LOGIN_REMEDY = "The server wants a sign-in: send a key (--key or GESSO_KEY)."


def failure(asked: str, status: int, headers: Mapping[str, str], body: bytes) -> GessoError:
    """The exception for an answer other than 2xx; `asked` is for people: "POST http://host/prompt"."""
    answer = _json(headers, body)
    message, code, remedy = _words(answer)
    if status == 400 and isinstance(answer, dict) and "node_errors" in answer:
        return invalid_workflow(answer, message)
    if status == 429:
        return OverLimit(message or None, retry_after_s=retry_after_s(headers, answer))
    if 300 <= status < 400:
        return Unauthorized(
            f"{asked} was sent on to {headers.get('location', 'another page')!r}.", remedy=_LOGIN_REMEDY
        )
    kind = _BY_CODE.get(code) or _BY_STATUS.get(status, GatewayError)
    words = message or f"{asked} was answered with {status} {_shown(headers, body)}."
    return kind(words, remedy=remedy)


def invalid_workflow(answer: dict[str, Any], message: str = "") -> InvalidWorkflow:
    return InvalidWorkflow(message or None, body=answer, problems=tuple(problems(answer)))


def misunderstood(asked: str, headers: Mapping[str, str], body: bytes) -> GatewayError:
    """The answer was 2xx, but not what such a request is answered with."""
    return GatewayError(f"{asked} was answered with {_shown(headers, body)}, not with what it should.")


def retry_after_s(headers: Mapping[str, str], answer: object = None) -> float:
    """What the server asks us to wait; 1 s when it says nothing, or a date."""
    told: object = headers.get("retry-after")
    if told is None and isinstance(answer, dict):
        error = answer.get("error")
        told = error.get("retry_after_s") if isinstance(error, dict) else answer.get("retry_after_s")
    try:
        return max(0.0, float(str(told)))
    except ValueError:
        return 1.0


def _json(headers: Mapping[str, str], body: bytes) -> Any:
    if "json" not in headers.get("content-type", ""):
        return None
    try:
        return json.loads(body)
    except ValueError:
        return None


def _words(answer: object) -> tuple[str, str, str | None]:
    """(message, code, remedy) from gesso's, ComfyUI's and OpenAI's shapes of an error."""
    error = answer.get("error", answer) if isinstance(answer, dict) else None
    if isinstance(error, str):
        return error, "", None
    if not isinstance(error, dict):
        return "", "", None
    message = str(error.get("message") or "")
    details = error.get("details")
    if isinstance(details, str) and details and details != message:
        message = f"{message}: {details}"
    remedy = error.get("remedy")
    code = error.get("code") or error.get("type") or ""
    return message, str(code), str(remedy) if remedy else None


def _shown(headers: Mapping[str, str], body: bytes) -> str:
    """What came, short enough for a message: "text/html '<!DOCTYPE html><title>Sign in…'"."""
    start = " ".join(body[:300].decode("utf-8", "replace").split())
    kind = headers.get("content-type", "no content type").split(";")[0]
    return f"{kind} {start[:80] + '…' if len(start) > 80 else start!r}"
