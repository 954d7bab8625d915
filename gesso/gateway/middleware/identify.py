"""Finds out who is asking, and lets nobody else in: by a key in a header or the address, or by a cookie."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from functools import partial

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gesso.access.access import Access
from gesso.access.identity import Identity, Via
from gesso.errors import AccountsUnreadable, Unauthorized
from gesso.gateway.middleware.origin import check_origin, origin_of
from gesso.gateway.responses import raw_path_of

logger = logging.getLogger(__name__)

COOKIE = "gesso_session"
SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
# How long a socket may outlive a key that another process revoked. What is revoked here ends it at once.
SOCKET_RECHECK_S = 15.0
POLICY_VIOLATION = 1008

Credential = tuple[Via, str]


class Identify:
    """Sets scope["gesso.identity"] and scope["state"]["identity"], or raises Unauthorized.

    Public paths are passed on without an identity where there is none, so that health can be asked and
    somebody can log in while the accounts cannot be read. `origins` are addresses whose pages are ours
    besides the one in the Host header: "https://gesso.example/". `strangers` is told of each request of
    nobody's, and may refuse it.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        access: Access,
        is_public: Callable[[str], bool],
        origins: Collection[str] = (),
        strangers: Callable[[Scope], None] = lambda scope: None,
    ) -> None:
        self._app = app
        self._access = access
        self._is_public = is_public
        self._strangers = strangers
        self._origins = frozenset(origin_of(address) for address in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        credential, identity = None, None
        try:
            credential = credential_of(scope)
            identity = await self._identify(credential)
        except (Unauthorized, AccountsUnreadable) as error:
            if isinstance(error, Unauthorized):
                self._strangers(scope)
            if not self._is_public(raw_path_of(scope)):
                raise
        if identity is None or identity.via is Via.COOKIE:
            if scope["type"] == "websocket" or scope["method"] not in SAFE:
                check_origin(scope, self._origins)
        if identity is not None:
            scope["gesso.identity"] = identity
            scope.setdefault("state", {})["identity"] = identity
            if credential is not None:
                # For answers that go on for hours: it returns when the key opens nothing any more.
                scope["gesso.revoked"] = partial(self._ended, credential)
        if scope["type"] == "websocket" and credential is not None:
            await self._serve_socket(credential, scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _identify(self, credential: Credential) -> Identity:
        via, token = credential
        asks: dict[Via, Callable[[str], Awaitable[Identity]]] = {
            Via.KEY: self._access.identify_key,
            Via.URL: self._access.identify_url_key,
            Via.COOKIE: self._access.identify_session,
        }
        return await asks[via](token)

    async def _serve_socket(self, credential: Credential, scope: Scope, receive: Receive, send: Send) -> None:
        """A socket lives for hours: it is closed when what opened it is taken back."""
        accepted, closed = asyncio.Event(), False

        async def guarded(message: Message) -> None:
            nonlocal closed
            if closed:
                return
            closed = message["type"] == "websocket.close"
            await send(message)
            if message["type"] == "websocket.accept":
                accepted.set()

        async def watch() -> None:
            await accepted.wait()
            reason = await self._ended(credential)
            logger.info("closing a socket: %s", reason)
            await guarded({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": reason})

        watcher = asyncio.create_task(watch(), name="socket watch")
        try:
            await self._app(scope, receive, guarded)
        finally:
            watcher.cancel()
            await asyncio.gather(watcher, return_exceptions=True)

    async def _ended(self, credential: Credential) -> str:
        """Returns, with the reason, once the credential opens nothing any more."""
        while True:
            seen = self._access.generation
            try:
                await self._identify(credential)
            except Unauthorized as error:
                return error.message
            except AccountsUnreadable as error:
                # Unknown is not "revoked": nothing is torn down on a guess.
                logger.warning("a socket's key could not be checked: %s", error.message)
            try:
                async with asyncio.timeout(SOCKET_RECHECK_S):
                    await self._access.changed(seen)
            except TimeoutError:
                pass


def credential_of(scope: Scope) -> Credential:
    """The key or cookie sent. A key counts before a cookie; more than one key counts as none.

    A key in the address has been taken out of it by `UrlTokens`.
    """
    keys: list[bytes] = []
    cookies: list[bytes] = []
    for name, value in scope["headers"]:
        if name == b"authorization":
            keys.append(value)
        elif name == b"cookie":
            cookies.append(value)
    if len(keys) > 1:
        raise Unauthorized("More than one Authorization header was sent.")
    in_url: str | None = scope.get("gesso.url_token")
    if in_url is not None:
        if keys:
            raise Unauthorized("A key was sent in the address, and another in the Authorization header.")
        return Via.URL, in_url
    if keys:
        kind, _, token = keys[0].decode("latin-1").partition(" ")
        if kind.lower() != "bearer":
            raise Unauthorized(f"This server takes `Authorization: Bearer`, not {kind[:20]!r}.")
        return Via.KEY, token.strip()
    for header in cookies:
        for pair in header.decode("latin-1").split(";"):
            name, _, value = pair.strip().partition("=")
            if name == COOKIE:
                return Via.COOKIE, value.strip().strip('"')
    raise Unauthorized("No key was sent.")
