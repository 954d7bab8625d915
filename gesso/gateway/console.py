"""The console under /gesso/: static files, which get all they show from `/gesso/api` and `/view`."""

from importlib.resources import files

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gesso.gateway.etags import etag_of, is_known
from gesso.gateway.routing import Routes

TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
PAGE = "index.html"
# Asked for again each time, which costs an empty answer: after an update nobody mixes old and new.
CACHED = "private, no-cache"


class Console:
    """The page, for everybody who is signed in; others are led to the login."""

    def __init__(self) -> None:
        folder = files("gesso.console")
        self._page = (folder / PAGE).read_bytes()
        self._assets = {
            item.name: item.read_bytes()
            for item in folder.iterdir()
            if item.name.endswith(tuple(TYPES)) and item.is_file()
        }

    def add_to(self, routes: Routes) -> None:
        routes.add("GET", "/gesso", self.lead, needs=None)
        routes.add("GET", "/gesso/", self.show, needs=None)
        for name in sorted(self._assets):
            routes.add("GET", f"/gesso/console/{name}", self.asset, needs=None)

    async def lead(self, request: Request) -> Response:
        return RedirectResponse("/gesso/", 308)

    async def show(self, request: Request) -> Response:
        return _unless_known(request, self._page, "text/html; charset=utf-8")

    async def asset(self, request: Request) -> Response:
        name = request.url.path.rpartition("/")[2]
        return _unless_known(request, self._assets[name], TYPES[name[name.rindex(".") :]])


def _unless_known(request: Request, body: bytes, media_type: str) -> Response:
    headers = {"etag": etag_of(body), "cache-control": CACHED}
    if is_known(request.headers, headers["etag"]):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=media_type)
