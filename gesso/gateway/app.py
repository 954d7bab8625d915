"""The gateway as one ASGI app: the order of the middleware, and who answers what."""

import time
from collections.abc import Sequence
from typing import Protocol

from starlette.types import ASGIApp

from gesso.access.access import Access
from gesso.config.schema import Config
from gesso.gateway.comfyui.table import ComfyUIParts, add_comfyui
from gesso.gateway.middleware.addressed import Addressed
from gesso.gateway.middleware.failures import Failures
from gesso.gateway.middleware.identify import Identify
from gesso.gateway.middleware.limits import Limits
from gesso.gateway.middleware.openai_paths import OpenAIPaths
from gesso.gateway.middleware.own_pages import OwnPages
from gesso.gateway.middleware.rates import Rates
from gesso.gateway.middleware.request_log import RequestLog
from gesso.gateway.middleware.url_tokens import UrlTokens
from gesso.gateway.routing import Routes

# Multipart borders and field names around a file of exactly the allowed size.
ENVELOPE_BYTES = 1 << 20


class Routed(Protocol):
    """Something of ours that has routes of its own: health, login."""

    def add_to(self, routes: Routes) -> None: ...


def build_app(
    *, config: Config, access: Access, comfyui: ComfyUIParts, own: Sequence[Routed], api: ASGIApp
) -> ASGIApp:
    """A request passes the middleware from the last line of this function upward, then the table."""
    routes = Routes()
    for part in own:
        part.add_to(routes)
    routes.mount("/gesso/api", api)
    add_comfyui(routes, comfyui)
    gateway = config.gateway
    origins = [gateway.public_url] if gateway.public_url else []
    strangers_per_s = config.limits.strangers.requests_per_s
    rates = Rates(routes, timer=time.monotonic, strangers_per_s=strangers_per_s)
    app: ASGIApp = Identify(
        rates, access=access, is_public=routes.is_public, origins=origins, strangers=rates.strangers
    )
    app = Limits(app, body_bytes=gateway.upload_limit + ENVELOPE_BYTES)
    app = Failures(app)
    app = OwnPages(app)
    app = RequestLog(app)
    app = OpenAIPaths(app)
    app = UrlTokens(app)
    return Addressed(app, behind_proxy=gateway.behind_tls)
