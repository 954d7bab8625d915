"""From an HTTP answer that is not the wanted one to the exception that names its cause; pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from gesso.errors import (
    Conflict,
    DiskFull,
    EngineUnreachable,
    Forbidden,
    GatewayError,
    GessoError,
    InvalidParameter,
    InvalidWorkflow,
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

UNREACHABLE_REMEDY = "Start it with `gesso up`, or say where it listens: --url or GESSO_URL."
_LOGIN_REMEDY = "The server wants a sign-in: send a key (--key or GESSO_KEY)."


def failure(asked: str, status: int, headers: Mapping[str, str], body: bytes) -> GessoError:
    """The exception for an answer other than 2xx; `asked` is for people: "POST http://host/prompt"."""
    answer = _json(headers, body)
    told = _told(answer)
    # gesso says itself which of several errors with the same status it is.
    ours = by_code().get(told.code)
    if status == 429:
        return _made(OverLimit, told, retry_after_s=retry_after_s(headers, answer))
    if 300 <= status < 400:
        place = headers.get("location", "another page")
        return Unauthorized(f"{asked} was sent on to {place!r}.", remedy=_LOGIN_REMEDY)
    if status == 400 and "node_errors" in _dict(answer) and ours in (None, InvalidWorkflow):
        return invalid_workflow(_dict(answer))
    if status == 400 and told.param is not None:
        return _made(InvalidParameter, told, param=told.param, kind=told.code)
    kind = ours if ours is not None and ours.status == status else _BY_STATUS.get(status, GatewayError)
    if not told.message:
        return kind(f"{asked} was answered with {status} {_shown(headers, body)}.")
    return _made(kind, told if kind is ours or told.in_one else replace(told, remedy=None))


def _made(kind: type[GessoError], told: "_Told", /, **more: Any) -> GessoError:
    """The error in the server's own words, with its own remedy, where it has one for just this case."""
    message, remedy = told.message, told.remedy
    if told.in_one:
        # What such errors usually say at the end is their remedy; any other is said in the message.
        message = told.message.removesuffix(f" {kind.remedy}")
        remedy = kind.remedy if message != told.message else ""
    error = kind(message or None, **more)
    error.remedy = error.remedy if remedy is None else remedy
    return error


def by_code() -> dict[str, type[GessoError]]:
    """gesso's errors by the code that a program knows them by."""
    found: dict[str, type[GessoError]] = {}
    waiting = [GessoError]
    while waiting:
        kind = waiting.pop()
        found[kind.code] = kind
        waiting += kind.__subclasses__()
    return found


def invalid_workflow(answer: dict[str, Any]) -> InvalidWorkflow:
    """From ComfyUI's answer to a workflow it does not take."""
    told = _told(answer)
    message = ": ".join(part for part in (told.message, told.details) if part)
    return InvalidWorkflow(message or None, body=answer, problems=tuple(problems(answer)))


def misunderstood(asked: str, headers: Mapping[str, str], body: bytes) -> GatewayError:
    """The answer was 2xx, but not what such a request is answered with."""
    return GatewayError(f"{asked} was answered with {_shown(headers, body)}, not with what it should.")


def retry_after_s(headers: Mapping[str, str], answer: object = None) -> float:
    """What the server asks us to wait; 1 s when it says nothing, or a date."""
    told = headers.get("retry-after") or _dict(_dict(answer).get("error")).get("retry_after_s")
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What an error's body says, in whichever dialect."""

    message: str = ""
    code: str = ""
    details: str = ""
    remedy: str | None = None
    param: str | None = None
    in_one: bool = False
    """OpenAI's shape has one field for what is wrong and what to do."""


def _told(answer: object) -> _Told:
    """From gesso's, ComfyUI's and OpenAI's shapes of an error; empty from any other."""
    error = _dict(answer).get("error")
    if isinstance(error, str):
        return _Told(message=error)
    error = _dict(error)
    code = str(error.get("code") or error.get("type") or "")
    details = str(error.get("details") or "")
    # In ComfyUI's shape there is no field for the remedy: gesso puts it where ComfyUI has details.
    remedy = error.get("remedy") or (details if code in by_code() else None)
    return _Told(
        message=str(error.get("message") or ""),
        code=code,
        details="" if details == remedy else details,
        remedy=str(remedy) if remedy else None,
        param=str(error["param"]) if error.get("param") else None,
        in_one="param" in error,
    )


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _shown(headers: Mapping[str, str], body: bytes) -> str:
    """What came, short enough for a message: "text/html '<!DOCTYPE html><title>Sign in…'"."""
    start = " ".join(body[:300].decode("utf-8", "replace").split())
    kind = headers.get("content-type", "no content type").split(";")[0]
    return f"{kind} {start[:80] + '…' if len(start) > 80 else start!r}"
