"""The faults of whatever is asked: refusals, pages in place of JSON, answers that break off."""

import asyncio
import logging
import os
import re
import threading
from collections.abc import Callable, Mapping

from aiohttp import web
from aiohttp.typedefs import Middleware

from gesso.sketch.faults import Fault, Faults
from gesso.sketch.middleware import Respond

logger = logging.getLogger(__name__)

CONTROL = "/sketch/faults"
_MODELS = re.compile(r"(/api)?((/experiment)?/models/[^/]+|/embeddings)")
# By then whoever asked for the end has his answer.
_ANSWERED_S = 0.1
_PAGE = (
    "<html>\r\n<head><title>Welcome</title></head>\r\n<body><center><h1>Welcome</h1></center>"
    "<hr><center>proxy</center></body>\r\n</html>\r\n"
)


def _locked(request: web.Request) -> web.Response:
    challenge = {"WWW-Authenticate": 'Bearer realm="sketch"'}
    return web.json_response({"error": "Unauthorized"}, status=401, headers=challenge)


def _forbidden(request: web.Request) -> web.Response:
    return web.json_response({"error": "Forbidden"}, status=403)


def _login(request: web.Request) -> web.Response:
    return web.Response(status=302, headers={"Location": "/login"})


def _html(request: web.Request) -> web.Response:
    return web.Response(text=_PAGE, content_type="text/html")


_INSTEAD: Mapping[str, Callable[[web.Request], web.Response]] = {
    "locked": _locked,
    "forbidden": _forbidden,
    "login": _login,
    "html": _html,
}


def wrong_answers(faults: Faults) -> Middleware:
    """The middleware around all others; the route that controls the faults is never their victim."""

    @web.middleware
    async def answer(request: web.Request, handler: Respond) -> web.StreamResponse:
        if request.path.startswith(CONTROL):
            return await handler(request)
        if fault := faults.get("slow-answers"):
            await asyncio.sleep(fault.seconds(0, 0.0))
        for name, instead in _INSTEAD.items():
            if faults.get(name):
                return instead(request)
        if faults.get("drop"):
            return await _broken_off(request)
        if faults.get("models-missing") and _MODELS.fullmatch(request.path):
            return web.json_response([])
        response = await handler(request)
        if faults.get("truncated"):
            _truncate(response)
        return response

    return answer


async def _broken_off(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"system": {"os": ')
    if request.transport is not None:
        request.transport.close()
    return response


def _truncate(response: web.StreamResponse) -> None:
    """In step with its length: to HTTP the answer is whole."""
    if (
        isinstance(response, web.Response)
        and isinstance(response.body, bytes)
        and response.content_type == "application/json"
    ):
        response.body = response.body[: len(response.body) // 2]


def end_later(fault: Fault) -> None:
    """`exit:CODE[:S]`"""
    code, wait_s = fault.whole(0, 1), fault.seconds(1, _ANSWERED_S)
    logger.error("told to end with code %d in %g s", code, wait_s)
    timer = threading.Timer(wait_s, os._exit, (code,))
    timer.daemon = True
    timer.start()
