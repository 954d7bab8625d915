"""The route table: which function answers which method and path.

A path is split at the slashes that were sent as slashes, then each segment is percent-decoded, once:
`/userdata/workflows%2Fx.json` is two segments, the second being "workflows/x.json".
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from gesso.access.identity import Identity
from gesso.errors import MethodNotAllowed, NotFound, Unauthorized
from gesso.gateway.responses import raw_path_of

Handler = Callable[..., Awaitable[ASGIApp]]
"""`async def handler(request, **params)` gives a Response, or any ASGI app that answers."""

WEBSOCKET = "WEBSOCKET"
ANY = "ANY"
ALIAS = "/api"
NOTHING_HERE = "There is nothing at this address."
CHECK_PATH = "Check the path."
NO_SOCKET = "ComfyUI's WebSocket is at /ws; those of custom nodes are not passed on."


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One row of the table. `needs`: the scope a caller must have; `public`: open to anybody; `hidden`: for
    callers without the scope it is as if there were nothing."""

    method: str
    pattern: str
    needs: str | None
    public: bool
    hidden: bool = False
    handler: Handler | None = None
    app: ASGIApp | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """A pattern taken apart: literal segments (None: a parameter), and the parameters' names in order."""

    literals: tuple[str | None, ...]
    names: tuple[str, ...]
    rest: str | None
    route: Route

    def match(self, segments: list[str]) -> dict[str, str] | None:
        count = len(self.literals)
        if len(segments) < count + (self.rest is not None) or (self.rest is None and len(segments) > count):
            return None
        values = []
        for literal, segment in zip(self.literals, segments, strict=False):
            if literal is None and segment:
                values.append(segment)
            elif literal != segment:
                return None
        params = dict(zip(self.names, values, strict=True))
        if self.rest is not None:
            tail = segments[count:]
            # Joined again, a slash that was not one when it was sent could no longer be told from the others.
            if not all(tail) or any("/" in segment or "\\" in segment for segment in tail):
                return None
            params[self.rest] = "/".join(tail)
        return params


@dataclass(slots=True)
class _Table:
    """The routes of one method: those without parameters by path, the others by their first segment."""

    exact: dict[str, Route] = field(default_factory=dict)
    shapes: dict[str | None, list[_Shape]] = field(default_factory=dict)


class Routes:
    """The table, filled at start; an ASGI app that also holds each caller to the route's scope.

    Patterns: "/queue", "/history/{prompt_id}" (one segment), "/{path...}" (all that remain, at least one).
    Paths without parameters win over patterns, patterns that begin with a literal over those that do not,
    then the first registered. With `api=True` a route exists under /api, too.
    """

    def __init__(self) -> None:
        self._tables: dict[str, _Table] = {}
        self._public: set[str] = set()
        self._fallback: Route | None = None
        self._kept: tuple[list[str], ...] = ()
        self.all: list[Route] = []

    def add(
        self,
        method: str,
        pattern: str,
        handler: Handler,
        *,
        needs: str | None = "jobs:own",
        public: bool = False,
        api: bool = False,
    ) -> None:
        """Answer `method` (GET also answers HEAD) on `pattern` by `handler`."""
        for path in (pattern, ALIAS + pattern) if api else (pattern,):
            self._register(
                Route(
                    method=method,
                    pattern=path,
                    handler=handler,
                    needs=None if public else needs,
                    public=public,
                )
            )

    def websocket(
        self, pattern: str, app: ASGIApp, *, needs: str | None = "jobs:own", api: bool = False
    ) -> None:
        """Give WebSockets on `pattern` to `app`, not accepted yet; parameters are in scope["path_params"]."""
        for path in (pattern, ALIAS + pattern) if api else (pattern,):
            self._register(Route(method=WEBSOCKET, pattern=path, app=app, needs=needs, public=False))

    def mount(self, prefix: str, app: ASGIApp, *, needs: str | None = None) -> None:
        """Give every request at and below `prefix` to `app`, with its path as it came."""
        for path in (prefix, prefix + "/", prefix + "/{rest...}"):
            self._register(Route(method=ANY, pattern=path, app=app, needs=needs, public=False))

    def fallback(self, handler: Handler, *, needs: str, kept: Iterable[str]) -> None:
        """Answer whatever path the table does not know by `handler`, with any method; but nothing at and
        below the paths in `kept` (also under /api), and no WebSockets."""
        route = Route(
            method=ANY, pattern="/{unknown...}", handler=handler, needs=needs, public=False, hidden=True
        )
        self._fallback = route
        self._kept = tuple(path[1:].split("/") for path in kept)
        self.all.append(route)

    def is_public(self, path: str) -> bool:
        """Whether this raw path is open to callers who have not proved who they are."""
        return path in self._public

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """The route for a raw path, and its parameters, decoded. NotFound; MethodNotAllowed."""
        method = "GET" if method == "HEAD" else method
        table = self._tables.get(method)
        if table is not None and (route := table.exact.get(path)) is not None:
            return route, {}
        segments = _segments(path)
        # A mount is more particular than a pattern for all that remains.
        for name in (method,) if method == WEBSOCKET else (ANY, method):
            if (found := self._match(name, segments)) is not None:
                return found
        allowed = sorted(
            name for name in self._tables if name not in (WEBSOCKET, ANY) and self._match(name, segments)
        )
        if allowed and method != WEBSOCKET:
            raise MethodNotAllowed(f"This address does not take {method}.", allowed=tuple(allowed))
        if self._fallback is not None and method != WEBSOCKET and self._is_foreign(segments):
            return self._fallback, {}
        raise NotFound(NOTHING_HERE, remedy=NO_SOCKET if method == WEBSOCKET else CHECK_PATH)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = WEBSOCKET if scope["type"] == "websocket" else scope["method"]
        route, params = self.find(method, raw_path_of(scope))
        if not route.public:
            identity: Identity | None = scope.get("gesso.identity")
            if identity is None:
                raise Unauthorized()
            if route.needs is not None:
                if route.hidden and not identity.may(route.needs):
                    raise NotFound(NOTHING_HERE, remedy=CHECK_PATH)
                identity.require(route.needs)
        scope["path_params"] = params
        if route.handler is not None:
            response = await route.handler(Request(scope, receive, send), **params)
            await response(scope, receive, send)
        elif route.app is not None:
            await route.app(scope, receive, send)

    def _register(self, route: Route) -> None:
        self.all.append(route)
        table = self._tables.setdefault(route.method, _Table())
        if "{" not in route.pattern:
            table.exact.setdefault(route.pattern, route)
            if route.public:
                self._public.add(route.pattern)
            return
        if route.public:
            raise ValueError(f"a public route has no parameters: {route.pattern}")
        shape = _shape(route)
        table.shapes.setdefault(shape.literals[0] if shape.literals else None, []).append(shape)

    def _is_foreign(self, segments: list[str]) -> bool:
        """Whether a path is nobody's here, and can be read in one way only."""
        own = segments[1:] if segments[0] == ALIAS[1:] else segments
        plain = all(own[:-1]) and not any("/" in segment or "\\" in segment for segment in own)
        return plain and not any(own[: len(kept)] == kept for kept in self._kept)

    def _match(self, method: str, segments: list[str]) -> tuple[Route, dict[str, str]] | None:
        table = self._tables.get(method)
        if table is None:
            return None
        if (route := table.exact.get("/" + "/".join(segments))) is not None and _plain(segments):
            return route, {}
        for first in (segments[0], None):
            for shape in table.shapes.get(first, ()):
                if (params := shape.match(segments)) is not None:
                    return shape.route, params
        return None


def _shape(route: Route) -> _Shape:
    literals: list[str | None] = []
    names: list[str] = []
    rest = None
    for part in route.pattern[1:].split("/"):
        if rest is not None:
            raise ValueError(f"nothing can follow {{{rest}...}}: {route.pattern}")
        if part.startswith("{") and part.endswith("...}"):
            rest = part[1:-4]
        elif part.startswith("{") and part.endswith("}"):
            literals.append(None)
            names.append(part[1:-1])
        else:
            literals.append(part)
    return _Shape(literals=tuple(literals), names=tuple(names), rest=rest, route=route)


def _segments(path: str) -> list[str]:
    """The decoded segments. What could climb or cut off a path further down is not a path here."""
    if not path.startswith("/"):
        raise NotFound(NOTHING_HERE, remedy=CHECK_PATH)
    segments = path[1:].split("/")
    if "%" in path:
        try:
            segments = [unquote(segment, errors="strict") for segment in segments]
        except UnicodeDecodeError as error:
            raise NotFound("The path is not UTF-8.", remedy=CHECK_PATH) from error
    if any(segment in (".", "..") or "\0" in segment for segment in segments):
        raise NotFound(NOTHING_HERE, remedy=CHECK_PATH)
    return segments


def _plain(segments: list[str]) -> bool:
    return not any("/" in segment for segment in segments)
