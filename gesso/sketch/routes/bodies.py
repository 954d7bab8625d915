"""Reading what a request brought: JSON, numbers in the query, yes and no."""

import json
from typing import Any

from aiohttp import web

from gesso.errors import RequestError


class InvalidJson(RequestError):
    """The body is not JSON."""

    code = "invalid_json"
    remedy = "Send a JSON document, UTF-8 encoded."


class InvalidRequest(RequestError):
    """The body does not have the shape that this route takes."""

    code = "invalid_request"


async def json_body(request: web.Request) -> Any:
    """The body as JSON; InvalidJson where it is not. (ComfyUI 0.3.64 answers 500 with a plain text there.)"""
    try:
        return json.loads(await request.read())
    except RecursionError as error:
        raise InvalidJson("The body is nested too deeply.") from error
    except ValueError as error:
        raise InvalidJson(f"The body is not JSON: {error}") from error


async def json_object(request: web.Request) -> dict[str, Any]:
    body = await json_body(request)
    if not isinstance(body, dict):
        raise InvalidRequest("The body is not a JSON object.")
    return body


def query_number(request: web.Request, name: str) -> int | None:
    """An integer of the query; None where it is not given."""
    value = request.query.get(name)
    if value is None:
        return None
    try:
        return int(value)
    except ValueError as error:
        raise InvalidRequest(f"{name} is not an integer: {value!r}") from error


def query_flag(request: web.Request, name: str) -> bool:
    return request.query.get(name, "").lower() == "true"
