"""The dialects that clients speak, and answers as the servers they were written for would give them."""

import json as jsonlib
from enum import StrEnum
from typing import Any

from starlette.responses import Response
from starlette.types import Scope


class Dialect(StrEnum):
    """Whose API a path belongs to; errors are told in its shape."""

    COMFYUI = "comfyui"
    OPENAI = "openai"
    A1111 = "a1111"
    GESSO = "gesso"


_FIRST_SEGMENT = {"v1": Dialect.OPENAI, "sdapi": Dialect.A1111, "gesso": Dialect.GESSO}


def dialect_of(path: str) -> Dialect:
    """By the first segment of the raw path; what nobody else claims is ComfyUI's."""
    return _FIRST_SEGMENT.get(path[1:].partition("/")[0], Dialect.COMFYUI)


def raw_path_of(scope: Scope) -> str:
    """The path as it was sent: percent-encoded, without the query."""
    raw: bytes | None = scope.get("raw_path")
    return str(scope["path"]) if raw is None else raw.decode("latin-1")


def json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """JSON with the bytes and the content type that ComfyUI's server (aiohttp) sends."""
    return Response(
        jsonlib.dumps(value), status, headers=headers, media_type="application/json; charset=utf-8"
    )


def text(value: str, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(value, status, headers=headers, media_type="text/plain; charset=utf-8")


def html(value: str, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(value, status, headers=headers, media_type="text/html; charset=utf-8")
