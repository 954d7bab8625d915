"""What holds for every route: cache headers, the check of the Origin, and the shape of failures."""

import errno
import ipaddress
import logging
from collections.abc import Awaitable, Callable
from urllib.parse import SplitResult, urlsplit

from aiohttp import web

from gesso.errors import DiskFull, GessoError, InvalidWorkflow
from gesso.protocol.comfyui import error_body

logger = logging.getLogger(__name__)

Respond = Callable[[web.Request], Awaitable[web.StreamResponse]]

_PICTURES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
_HOUR_S = 3600
_DAY_S = 24 * _HOUR_S


@web.middleware
async def cache_headers(request: web.Request, handler: Respond) -> web.StreamResponse:
    """Scripts and styles are asked for anew each time; pictures in the path may be kept for a day."""
    response = await handler(request)
    if value := cache_control(request.path, response.status):
        response.headers.setdefault("Cache-Control", value)
    return response


def cache_control(path: str, status: int) -> str | None:
    name = path.rsplit("/", 1)[-1]
    if path.endswith((".js", ".css")) or (name.startswith("index") and name.endswith(".json")):
        return "no-cache"
    if not path.lower().endswith(_PICTURES):
        return None
    if status == 404:
        return f"public, max-age={_HOUR_S}"
    if 200 <= status <= 206 or status in (301, 308):
        return f"public, max-age={_DAY_S}"
    return "no-cache" if status in (302, 303, 307) else None


@web.middleware
async def same_origin(request: web.Request, handler: Respond) -> web.StreamResponse:
    """403 to a page of another site that speaks to this loopback address behind its user's back."""
    host, origin = request.headers.get("Host"), request.headers.get("Origin")
    if host and origin and not is_own(host, origin):
        logger.warning("refused a request from the origin %s to %s", origin, host)
        return web.Response(status=403)
    if request.method == "OPTIONS":
        return web.Response()
    return await handler(request)


def is_own(host: str, origin: str) -> bool:
    try:
        ours, theirs = urlsplit(f"//{host.lower()}"), urlsplit(origin.lower())
        ports = (ours.port, theirs.port)
    except ValueError:
        return False
    if not _is_loopback(ours) or not ours.hostname or not theirs.hostname:
        return True
    # A port that one side does not tell is not compared.
    return ours.hostname == theirs.hostname and (None in ports or ports[0] == ports[1])


def _is_loopback(address: SplitResult) -> bool:
    host = address.hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


@web.middleware
async def failures(request: web.Request, handler: Respond) -> web.StreamResponse:
    """Every failure in ComfyUI's JSON shape, none with a traceback."""
    try:
        return await handler(request)
    except web.HTTPException:
        raise
    except InvalidWorkflow as error:
        logger.warning("invalid prompt: %s", error.message)
        return web.json_response(error.body, status=error.status)
    except GessoError as error:
        return _failure(error)
    except RecursionError:
        return web.json_response(error_body("too_deep", "The request is nested too deeply."), status=400)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return web.json_response(error_body("bad_request", "The name is too long."), status=400)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return _failure(DiskFull())
        logger.exception("%s %s failed", request.method, request.path)
        return _defect()
    except Exception:
        logger.exception("%s %s failed", request.method, request.path)
        return _defect()


def _failure(error: GessoError) -> web.Response:
    return web.json_response(error_body(error.code, error.message, error.remedy), status=error.status)


def _defect() -> web.Response:
    return web.json_response(
        error_body("internal_error", "Sketch failed on this request; its log tells why."), status=500
    )
