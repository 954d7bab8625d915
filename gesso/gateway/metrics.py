"""`/gesso/metrics`: what Prometheus scrapes."""

import platform
import time
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from gesso import __version__
from gesso.gateway.routing import Routes
from gesso.monitoring.metrics import Around, exposition
from gesso.monitoring.snapshot import Snapshot

# The format that every version of Prometheus reads.
TEXT = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """Tells of the last snapshot: scraping costs no look at anything."""

    def __init__(self, latest: Callable[[], Snapshot | None]) -> None:
        self._latest = latest

    def add_to(self, routes: Routes) -> None:
        routes.add("GET", "/gesso/metrics", self.show, needs="monitoring:read")

    async def show(self, request: Request) -> Response:
        around = Around(now=time.time(), version=__version__, host=platform.node())
        return Response(exposition(self._latest(), around), media_type=TEXT)
