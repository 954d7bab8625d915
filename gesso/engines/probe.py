"""What an engine answered when asked whether it works: facts with their evidence, no verdict on its life."""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

HTTP_OK = 200
HTTP_UNAUTHORIZED = 401
HTTP_FORBIDDEN = 403
HTTP_BAD_REQUEST = 400
HTTP_SERVER_ERROR = 500
REDIRECTS = range(300, 400)


class Fact(StrEnum):
    """A three-way answer: unknown is neither yes nor no."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Outcome(StrEnum):
    """How a probe ended, from the outermost layer to the innermost."""

    NAME_UNKNOWN = "name unknown"
    REFUSED = "connection refused"
    UNREACHABLE = "unreachable"
    TLS_FAILED = "TLS failed"
    DISCONNECTED = "disconnected"
    TIMED_OUT = "timed out"
    NOT_HTTP = "not HTTP"
    LOGIN = "redirected to a login"
    REDIRECTED = "redirected elsewhere"
    UNAUTHORIZED = "401 unauthorized"
    FORBIDDEN = "403 forbidden"
    CLIENT_ERROR = "4xx"
    SERVER_ERROR = "5xx"
    HTML = "HTML instead of JSON"
    NOT_JSON = "truncated or no JSON"
    WRONG_SHAPE = "JSON of another program"
    OK = "ok"


NOT_LISTENING = frozenset({Outcome.NAME_UNKNOWN, Outcome.REFUSED, Outcome.UNREACHABLE})
# It may be busy, starting or frozen: from these nobody can tell.
INCONCLUSIVE = frozenset({Outcome.TIMED_OUT, Outcome.DISCONNECTED})
# It works, but wants to know who we are.
LOCKED = frozenset({Outcome.LOGIN, Outcome.UNAUTHORIZED, Outcome.FORBIDDEN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One question and its answer, e.g. asked "GET http://127.0.0.1:8188/system_stats", status 401."""

    outcome: Outcome
    asked: str
    at: float
    took_ms: float
    status: int | None = None
    content_type: str | None = None
    detail: str = ""
    version: str | None = None

    @property
    def alive(self) -> Fact:
        """Whether something answers there, be it a refusal."""
        if self.outcome in NOT_LISTENING:
            return Fact.NO
        return Fact.UNKNOWN if self.outcome in INCONCLUSIVE else Fact.YES

    @property
    def ready(self) -> Fact:
        """Whether it answers us, with what we show it, as a ComfyUI does."""
        if self.outcome in INCONCLUSIVE:
            return Fact.UNKNOWN
        return Fact.YES if self.outcome is Outcome.OK else Fact.NO

    def __str__(self) -> str:
        detail = f" ({self.detail})" if self.detail else ""
        return f"{self.asked}: {self.outcome}{detail} after {self.took_ms:.0f} ms"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What an answer to GET /system_stats means."""

    outcome: Outcome
    detail: str = ""
    version: str | None = None


def read_answer(status: int, content_type: str, location: str, body: bytes) -> Reading:
    """Tell the answers apart. Redirects are answers too: they are never followed."""
    if status in REDIRECTS:
        # The path only: the rest may hold a token.
        path = urlsplit(location).path
        login = "login" in path.lower() or "signin" in path.lower()
        return Reading(outcome=Outcome.LOGIN if login else Outcome.REDIRECTED, detail=f"{status} to {path!r}")
    if status == HTTP_UNAUTHORIZED:
        return Reading(outcome=Outcome.UNAUTHORIZED)
    if status == HTTP_FORBIDDEN:
        return Reading(outcome=Outcome.FORBIDDEN)
    if status >= HTTP_SERVER_ERROR:
        return Reading(outcome=Outcome.SERVER_ERROR, detail=str(status))
    if status >= HTTP_BAD_REQUEST or status != HTTP_OK:
        return Reading(outcome=Outcome.CLIENT_ERROR, detail=str(status))
    if "html" in content_type.lower() or body.lstrip()[:1] == b"<":
        return Reading(outcome=Outcome.HTML)
    try:
        value = json.loads(body)
    except ValueError as error:
        return Reading(outcome=Outcome.NOT_JSON, detail=str(error))
    return _read_stats(value)


def _read_stats(value: Any) -> Reading:
    if not isinstance(value, dict) or not isinstance(value.get("system"), dict):
        return Reading(outcome=Outcome.WRONG_SHAPE, detail='no "system" in it')
    if not isinstance(value.get("devices"), list):
        return Reading(outcome=Outcome.WRONG_SHAPE, detail='no "devices" in it')
    version = value["system"].get("comfyui_version")
    return Reading(outcome=Outcome.OK, version=version if isinstance(version, str) else None)
