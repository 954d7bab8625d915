"""OpenAI's API at the other addresses where clients look for it: made `/v1/…` before anything else sees them.

`/images/generations` and `/chat/completions` for a base URL without `/v1`, `/openai/v1/…` and
`/openai/deployments/{model}/…` for clients of Azure, which send their key as `api-key`. What is logged is
the address as it came.
"""

from collections.abc import Iterable, Iterator
from urllib.parse import unquote

from starlette.types import ASGIApp, Receive, Scope, Send

from gesso.gateway.responses import Dialect, dialect_of, raw_path_of

ROOT = "/v1/"
WITHOUT_ROOT = frozenset({"/images/generations", "/images/edits", "/images/variations", "/chat/completions"})
AZURE = "/openai/"
DEPLOYMENTS = "deployments/"
AZURE_KEY = b"api-key"


class OpenAIPaths:
    """Rewrites the path, sets scope["gesso.model"] where the path names one, and puts Azure's header of a key
    in the place of the usual one. A request with two keys keeps both, and `Identify` refuses it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = raw_path_of(scope)
            plain, model = plain_path(path)
            if plain != path:
                scope.setdefault("gesso.shown", (path, scope.get("query_string", b"")))
                scope["raw_path"], scope["path"] = plain.encode("latin-1"), unquote(plain)
            if model is not None:
                scope["gesso.model"] = model
            if dialect_of(plain) is Dialect.OPENAI:
                scope["headers"] = list(_usual(scope["headers"]))
        await self._app(scope, receive, send)


def plain_path(path: str) -> tuple[str, str | None]:
    """The address under /v1 that this raw path means, and the model that stands in it, if one does."""
    if path in WITHOUT_ROOT:
        return ROOT + path[1:], None
    if not path.startswith(AZURE):
        return path, None
    rest = path[len(AZURE) :]
    if rest.startswith(DEPLOYMENTS):
        model, slash, rest = rest[len(DEPLOYMENTS) :].partition("/")
        return (ROOT + rest, unquote(model)) if model and slash else (path, None)
    return ROOT + rest.removeprefix(ROOT[1:]), None


def _usual(headers: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    """With one header of a key, also where a client sends the same key in both."""
    keys = set()
    for name, value in headers:
        if name == AZURE_KEY:
            name, value = b"authorization", b"Bearer " + value
        if name != b"authorization" or value not in keys:
            yield name, value
        if name == b"authorization":
            keys.add(value)
