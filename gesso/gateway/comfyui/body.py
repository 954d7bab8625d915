"""Reads request bodies: JSON with a clear error, within the server's limits."""

import json
from typing import Any

from starlette.requests import Request

from gesso.errors import InvalidWorkflow, RequestError, TooLarge
from gesso.protocol.comfyui import error_body

# Reading JSON holds everybody up: for up to half a second with these. A workflow of ten thousand nodes with
# its editor's picture has half of it. Pictures inside a workflow (base64) have room; files are uploaded.
PROMPT_BYTES = 20_000_000
JSON_BYTES = 2_000_000
# Brackets and commas, which cost more than letters.
VALUES_LIMIT = 250_000


async def read_json(request: Request, default: Any = None, *, limit: int = JSON_BYTES) -> Any:
    """The body as JSON, `default` for none. RequestError names the place where it stops being JSON."""
    body = await read_body(request, limit)
    if not body and default is not None:
        return default
    value = _parse(body)
    # A single byte is soon found not to be there, as in pictures, and these are what is long.
    if b"\\" in body and rb"\ud" in body.lower():
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise RequestError("A text in the body holds half a character.") from error
    return value


async def read_body(request: Request, limit: int) -> bytes:
    """The body, of at most `limit` bytes; TooLarge before the rest is read."""
    parts, size = [], 0
    async for part in request.stream():
        parts.append(part)
        size += len(part)
        if size > limit:
            raise TooLarge(f"The body is larger than the {limit} bytes that this address takes.")
    return b"".join(parts)


async def read_prompt(request: Request) -> Any:
    """The body of `POST /prompt`; what is wrong with it is said in ComfyUI's shape."""
    body = await read_body(request, PROMPT_BYTES)
    try:
        return _parse(body)
    except RequestError as error:
        told = error_body("invalid_json", error.message, error.remedy)
        raise InvalidWorkflow(error.message, body=told) from error


def _parse(body: bytes) -> Any:
    if len(body) > VALUES_LIMIT and sum(body.count(mark) for mark in b"[{,") > VALUES_LIMIT:
        raise RequestError(f"The body has more than {VALUES_LIMIT} values.")
    try:
        return json.loads(body)
    except UnicodeDecodeError as error:
        raise RequestError(f"The body is not JSON: it is not UTF-8 text ({error.reason}).") from error
    except (ValueError, RecursionError) as error:
        raise RequestError(f"The body is not JSON: {error}.") from error
