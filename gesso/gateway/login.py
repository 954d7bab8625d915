"""Signing in and out with a browser: a password or key is exchanged for a cookie that no script can read."""

import asyncio
import re
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.resources import files
from urllib.parse import parse_qs, quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gesso.access import tokens
from gesso.access.access import Access
from gesso.access.audit import Audit
from gesso.access.identity import Identity
from gesso.access.logins import NewLogin
from gesso.errors import (
    AccountsUnreadable,
    GessoError,
    NotFound,
    RequestError,
    StorageError,
    TooLarge,
    Unauthorized,
)
from gesso.gateway.guesses import Guesses, Names, network
from gesso.gateway.login_page import LoginPage, Way
from gesso.gateway.middleware.addressed import from_where
from gesso.gateway.middleware.failures import LOGIN
from gesso.gateway.middleware.identify import COOKIE
from gesso.gateway.routing import Routes

FORM_BYTES = 16 * 1024
# The way that somebody took last, where it is not the one that would be offered.
PREFERENCE = "gesso_login_with"
PREFERENCE_LASTS_S = 400 * 24 * 3600
ASSETS = {
    "colours.css": "text/css; charset=utf-8",
    "gesso.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
    "login.js": "text/javascript; charset=utf-8",
}
# Browsers drop tabs and newlines and take a backslash for a slash: "/\t/elsewhere" would leave this site.
UNSAFE_NEXT = re.compile(r"[\x00-\x20\x7f\\]")


class Login:
    """The pages /gesso/login and /gesso/logout, and what they are made of.

    `behind_proxy`: a proxy in front does TLS.
    """

    def __init__(
        self,
        access: Access,
        audit: Audit,
        *,
        behind_proxy: bool = False,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._access = access
        self._audit = audit
        self._behind_proxy = behind_proxy
        self._guesses = Guesses(timer)
        self._names = Names(timer)
        self._page = LoginPage()
        pages = files("gesso.gateway") / "pages"
        self._assets = {name: (pages / name).read_bytes() for name in ASSETS}

    def add_to(self, routes: Routes) -> None:
        routes.add("GET", LOGIN, self.show, public=True)
        routes.add("POST", LOGIN, self.sign_in, public=True)
        routes.add("GET", "/gesso/logout", self.offer_logout, public=True)
        routes.add("POST", "/gesso/logout", self.sign_out, public=True)
        for name in ASSETS:
            routes.add("GET", f"/gesso/pages/{name}", self.asset, public=True)

    async def show(self, request: Request) -> Response:
        """`GET /gesso/login?next=…&with=key|password`"""
        next_path = safe_next(request.query_params.get("next"))
        identity: Identity | None = request.scope.get("gesso.identity")
        if identity is not None:
            return self._page.welcome(identity, next_path)
        asked = request.query_params.get("with")
        return self._page.form(Way(asked) if asked in list(Way) else await self._offered(request), next_path)

    async def sign_in(self, request: Request) -> Response:
        """`POST /gesso/login` with `key`, or `name` and `password`: on to `next`, or the form again."""
        form = await _read_form(request)
        next_path, name = safe_next(form.get("next")), form.get("name", "").strip()
        way = Way.PASSWORD if "password" in form else Way.KEY
        try:
            login = await self._open(form.get("key", ""), name, form.get("password"), from_where(request))
        except GessoError as error:
            if isinstance(error, Unauthorized):
                await self._note_failure(request, name)
            return self._page.form(way, next_path, error, name)
        response = RedirectResponse(next_path, 303)
        if way is not await self._offered(request):
            self._set_cookie(request, response, PREFERENCE, way.value, PREFERENCE_LASTS_S, LOGIN)
        self._set_cookie(request, response, COOKIE, login.token, int(login.lasts_s))
        return response

    async def _open(self, key: str, name: str, password: str | None, address: str) -> NewLogin:
        """A login, if what was typed is right; attempts are counted by address, and by name."""
        self._guesses.check(address)
        # Before it is judged, not after: many at once must not all find the count as it was.
        self._guesses.failed(address)
        if password is None or tokens.looks_like_key(password.strip()):
            identity = await self._access.identify_key((key or password or "").strip())
            login = await self._access.open_login(identity, address=address)
            self._names.at_home(identity.name, address)
        elif not name or not password:
            raise Unauthorized("Both are needed: a name, and its password.")
        else:
            await asyncio.sleep(self._names.attempt(name, address))
            login = await self._access.sign_in(name, password, address=address)
            self._names.succeeded(name, address)
        self._guesses.succeeded(address)
        return login

    async def _note_failure(self, request: Request, name: str) -> None:
        """For the audit: not what was typed, but whose account was meant, if it is anybody's."""
        target = None
        with suppress(NotFound, StorageError):
            target = (await self._access.account(name)).name
        address = from_where(request)
        await self._audit.login_failed(address, network(address), target)

    async def _offered(self, request: Request) -> Way:
        """The way shown to somebody who asks for none: the last taken, or else what this server has."""
        before = request.cookies.get(PREFERENCE)
        if before in list(Way):
            return Way(before)
        try:
            return Way.PASSWORD if await self._access.any_passwords() else Way.KEY
        except (StorageError, AccountsUnreadable):
            return Way.KEY

    def _set_cookie(
        self, request: Request, response: Response, name: str, value: str, lasts_s: int, path: str = "/"
    ) -> None:
        response.set_cookie(
            name,
            value,
            max_age=lasts_s,
            path=path,
            httponly=True,
            samesite="lax",
            secure=self._over_tls(request),
        )

    async def offer_logout(self, request: Request) -> Response:
        """`GET /gesso/logout`: a link may not end a login, so it leads to the page with the button."""
        return RedirectResponse(LOGIN, 303)

    async def sign_out(self, request: Request) -> Response:
        """`POST /gesso/logout`"""
        cookie = request.cookies.get(COOKIE)
        if cookie:
            by: Identity | None = request.scope.get("gesso.identity")
            await self._access.close_login(cookie, by=by, address=from_where(request))
        response = RedirectResponse(LOGIN, 303)
        response.delete_cookie(COOKIE, httponly=True, samesite="lax", secure=self._over_tls(request))
        return response

    async def asset(self, request: Request) -> Response:
        name = request.url.path.rpartition("/")[2]
        headers = {"cache-control": "public, max-age=300"}
        return Response(self._assets[name], media_type=ASSETS[name], headers=headers)

    def _over_tls(self, request: Request) -> bool:
        return self._behind_proxy or request.scope["scheme"] == "https"


def safe_next(path: str | None) -> str:
    """A path on this server, percent-encoded; "/" for anything that could lead elsewhere."""
    if not path or not path.startswith("/") or path.startswith("//") or UNSAFE_NEXT.search(path):
        return "/"
    if path.partition("?")[0] in (LOGIN, "/gesso/logout"):
        return "/"
    return quote(path, safe="/%?&=#:@!$'()*+,;~[]-._")


async def _read_form(request: Request) -> dict[str, str]:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > FORM_BYTES:
            raise TooLarge("No key and no password is that long.")
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=10)
    except ValueError as error:
        raise RequestError("This is not what the login's form sends.") from error
    return {name: values[0] for name, values in fields.items()}
