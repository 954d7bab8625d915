"""Reads request bodies: JSON with a clear error, within the server's limits."""

import json
from typing import Any

from starlette.requests import Request

from gesso.errors import InvalidWorkflow, RequestError
from gesso.protocol.comfyui import error_body

# Brackets and commas: what costs time and memory to read. A workflow of ten thousand nodes has a fifth of it;
# pictures in base64 have none.
VALUES_LIMIT = 500_000


async def read_json(request: Request) -> Any:
    """The body as JSON. RequestError names the place where it stops being JSON."""
    return _parse(await request.body())


async def read_prompt(request: Request) -> Any:
    """The body of `POST /prompt`; what is wrong with it is said in ComfyUI's shape."""
    body = await request.body()
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
