"""How each dialect tells an error: the bodies and headers, as values."""

import math
from dataclasses import asdict
from typing import Any

from gesso.errors import (
    EngineUnreachable,
    GessoError,
    InvalidParameter,
    InvalidWorkflow,
    MethodNotAllowed,
    NoEngine,
    OverLimit,
    Unauthorized,
)
from gesso.gateway.responses import Dialect


def body_of(error: GessoError, dialect: Dialect, request_id: str | None = None) -> dict[str, Any]:
    """The JSON body for `error`. `request_id` is told where the log knows more than the caller may."""
    match dialect:
        case Dialect.COMFYUI:
            return _comfyui(error, request_id)
        case Dialect.OPENAI:
            return _openai(error, request_id)
        case Dialect.A1111:
            return {
                "error": error.code,
                "detail": _sentence(error, request_id),
                "body": "",
                "errors": error.remedy,
            }
        case Dialect.GESSO:
            return {"error": _gesso(error, request_id)}


def headers_of(error: GessoError, dialect: Dialect) -> dict[str, str]:
    headers = {"cache-control": "no-store"}
    if isinstance(error, OverLimit):
        headers["retry-after"] = str(max(1, math.ceil(error.retry_after_s)))
    if isinstance(error, Unauthorized):
        headers["www-authenticate"] = 'Bearer realm="gesso"'
    if isinstance(error, MethodNotAllowed):
        headers["allow"] = ", ".join(error.allowed)
    # OpenAI's library repeats 409 and every 5xx by itself, and each repetition is another picture.
    if dialect is Dialect.OPENAI and not isinstance(error, OverLimit | NoEngine | EngineUnreachable):
        headers["x-should-retry"] = "false"
    return headers


def _comfyui(error: GessoError, request_id: str | None) -> dict[str, Any]:
    if isinstance(error, InvalidWorkflow) and error.body:
        return error.body
    extra = {} if request_id is None else {"request_id": request_id}
    # The frontend shows "message: details".
    message = error.message.removesuffix(".")
    told = {"type": error.code, "message": message, "details": error.remedy, "extra_info": extra}
    return {"error": told, "node_errors": {}}


def _openai(error: GessoError, request_id: str | None) -> dict[str, Any]:
    kind, code, param = "invalid_request_error", error.code, None
    match error.status:
        case 401:
            code = "invalid_api_key"
        case 403:
            kind = "permission_error"
        case 429:
            kind, code = "rate_limit_error", "rate_limit_exceeded"
        case status if status >= 500:
            kind = "server_error"
    if isinstance(error, InvalidParameter):
        code, param = error.kind, error.param
    told = {"message": _sentence(error, request_id), "type": kind, "param": param, "code": code}
    return {"error": told}


def _gesso(error: GessoError, request_id: str | None) -> dict[str, Any]:
    told: dict[str, Any] = {"code": error.code, "message": error.message, "remedy": error.remedy}
    if request_id is not None:
        told["request_id"] = request_id
    if isinstance(error, OverLimit):
        told["retry_after_s"] = error.retry_after_s
    if isinstance(error, InvalidWorkflow):
        told["problems"] = [asdict(problem) for problem in error.problems]
    return told


def _sentence(error: GessoError, request_id: str | None) -> str:
    """For dialects with one field for all: what is wrong, then what to do."""
    named = "" if request_id is None else f" (request {request_id})"
    return f"{error.message}{named} {error.remedy}"
