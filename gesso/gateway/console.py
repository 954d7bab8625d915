"""The console under /gesso/: static files, which get all they show from `/gesso/api` and `/view`."""

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gesso.gateway.etags import etag_of, is_known
from gesso.gateway.routing import Routes

ASSETS = "/gesso/console/"
TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
PAGE = "index.html"
# Asked for again each time, which costs an empty answer: after an update nobody mixes old and new.
CACHED = "private, no-cache"


class Console:
    """The page, for everybody who is signed in; others are led to the login."""

    def __init__(self) -> None:
        folder = files("gesso.console")
        self._page = (folder / PAGE).read_bytes()
        self._assets = dict(_assets(folder, ASSETS))

    def add_to(self, routes: Routes) -> None:
        routes.add("GET", "/gesso", self.lead, needs=None)
        routes.add("GET", "/gesso/", self.show, needs=None)
        for path in sorted(self._assets):
            routes.add("GET", path, self.asset, needs=None)

    async def lead(self, request: Request) -> Response:
        return RedirectResponse("/gesso/", 308)

    async def show(self, request: Request) -> Response:
        return _unless_known(request, self._page, "text/html; charset=utf-8")

    async def asset(self, request: Request) -> Response:
        path = request.url.path
        return _unless_known(request, self._assets[path], TYPES[path[path.rindex(".") :]])


def _assets(folder: Traversable, path: str) -> Iterator[tuple[str, bytes]]:
    """The scripts and styles in `folder` and below, by their paths."""
    for item in folder.iterdir():
        if item.is_dir():
            yield from _assets(item, f"{path}{item.name}/")
        elif item.name.endswith(tuple(TYPES)):
            yield path + item.name, item.read_bytes()


def _unless_known(request: Request, body: bytes, media_type: str) -> Response:
    headers = {"etag": etag_of(body), "cache-control": CACHED}
    if is_known(request.headers, headers["etag"]):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=media_type)
