"""Keys in addresses, for clients that cannot send a header: taken out before anything else sees them.

`/k/<key>/prompt` becomes `/prompt`, as does `/prompt?token=<key>`; the key is in scope["gesso.url_token"].
What is logged, forwarded to engines, put into redirects or told in errors is made of what is left.
Whether the key may be used so is for `Identify` to find out.

Why such a request needs no check of its Origin: what another site's page can make a browser send by itself
is a cookie, and cookies do not count here. The address with the key *is* the credential; a page that knows
it can do without somebody else's browser. GET needs no care beyond the usual: no route changes anything by
GET, so an address that is opened, or fetched by whoever shows a preview of it, does nothing.
What such an address can do is lead somebody into an account that is not theirs. Therefore no answer to it
sets a cookie: whoever leaves the page leaves the account.

An address is kept in more places than a header: histories, bookmarks, logs of proxies, screens. So a key
must be made for it (`in_url`), makes no other keys and no password (`Via.URL` in gesso/access), its page
tells its address to nobody (Referrer-Policy), and no shared cache keeps an answer.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote, unquote_plus

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gesso.access import tokens
from gesso.gateway.responses import raw_path_of

PREFIX = "/k/"
PARAMETER = "token"
HIDDEN = "***"
NO_REFERRER = (b"referrer-policy", b"no-referrer")
OURS = frozenset({b"referrer-policy", b"set-cookie"})
SHARED = (b"public", b"private", b"s-maxage")


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """An address without the keys that were in it, and as it may be shown.

    `token` None: there was none. "": what stood in a key's place can be none, or there were two.
    `path` "": the key was the last of it, without a slash.
    """

    path: str
    query: str
    shown_path: str
    shown_query: str
    token: str | None = field(repr=False)


class UrlTokens:
    """The first of all: the scope it passes on holds no key but in "gesso.url_token".

    Also sets "gesso.shown", path and query for the log. An address without a key passes untouched.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        path, query = raw_path_of(scope), scope.get("query_string", b"")
        if not path.startswith(PREFIX) and b"token" not in query and b"%" not in query:
            await self._app(scope, receive, send)
            return
        found = taken(path, query.decode("latin-1"))
        if found.token is None:
            await self._app(scope, receive, send)
            return
        _rewrite(scope, found)
        if not found.path and scope.get("method") in ("GET", "HEAD"):
            await _add_slash(found, scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                message["headers"] = guarded_headers(message.get("headers", ()))
            await send(message)

        await self._app(scope, receive, guarded)


def taken(path: str, query: str) -> Taken:
    """The address without its keys. `path` and `query` are as they were sent, percent-encoded.

    Only a first segment that is exactly "k" counts, and only the one after it: what follows stays as it is,
    byte for byte, and is judged by the route table like any other path.
    """
    found: list[str] = []
    rest = shown_path = path
    if path.startswith(PREFIX):
        segment, slash, after = path[len(PREFIX) :].partition("/")
        found.append(unquote(segment))
        rest = slash + after
        shown_path = PREFIX + HIDDEN + rest
    kept: list[str] = []
    shown: list[str] = []
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        is_token = unquote_plus(name) == PARAMETER
        if is_token:
            found.append(unquote_plus(value))
        else:
            kept.append(pair)
        shown.append(f"{PARAMETER}={HIDDEN}" if is_token else pair)
    token = None
    if found:
        token = found[0] if len(found) == 1 and tokens.looks_like_key(found[0]) else ""
    return Taken(
        path=rest if rest or token else "/",
        query="&".join(kept),
        shown_path=shown_path,
        shown_query="&".join(shown),
        token=token,
    )


def guarded_headers(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """An answer's headers with no cookie, no referrer and no shared cache."""
    caching = [b"private"]
    kept: list[tuple[bytes, bytes]] = []
    for name, value in headers:
        if name.lower() == b"cache-control":
            said = [part.strip() for part in value.split(b",")]
            caching += [part for part in said if part and not part.lower().startswith(SHARED)]
        elif name.lower() not in OURS:
            kept.append((name, value))
    return [*kept, NO_REFERRER, (b"cache-control", b", ".join(caching))]


def _rewrite(scope: Scope, found: Taken) -> None:
    # In place: the server's own scope, which it may log, is this one.
    path = found.path or "/"
    scope["gesso.url_token"] = found.token
    scope["gesso.shown"] = (found.shown_path, found.shown_query.encode("latin-1"))
    scope["raw_path"] = path.encode("latin-1")
    scope["path"] = unquote(path)
    scope["query_string"] = found.query.encode("latin-1")
    secret = (found.token or "").encode()
    # Proxies in front like to hand the whole address on, in headers of their own.
    scope["headers"] = [
        (name, value)
        for name, value in scope["headers"]
        if name != b"referer" and not (secret and secret in value)
    ]


async def _add_slash(found: Taken, scope: Scope, receive: Receive, send: Send) -> None:
    """A page's relative addresses need the slash; the caller is told nothing that it did not say itself."""
    location = f"{found.token}/" + (f"?{found.query}" if found.query else "")
    headers = {"location": location, "referrer-policy": "no-referrer", "cache-control": "no-store"}
    await Response(status_code=308, headers=headers)(scope, receive, send)
