"""Signing in and out with a browser: a key is exchanged for a cookie that scripts cannot read."""

import re
import time
from collections.abc import Callable
from html import escape
from importlib.resources import files
from string import Template
from urllib.parse import parse_qs, quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gesso.access.access import Access
from gesso.access.identity import Identity
from gesso.access.scopes import Role
from gesso.errors import GessoError, OverLimit, RequestError, TooLarge, Unauthorized
from gesso.gateway.address import address_of
from gesso.gateway.guesses import Guesses
from gesso.gateway.middleware.bodies import headers_of
from gesso.gateway.middleware.failures import LOGIN
from gesso.gateway.middleware.identify import COOKIE
from gesso.gateway.responses import Dialect, html
from gesso.gateway.routing import Routes

FORM_BYTES = 16 * 1024
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

    `behind_proxy`: a proxy in front does TLS, and says in X-Forwarded-For who is asking.
    """

    def __init__(
        self, access: Access, *, behind_proxy: bool = False, timer: Callable[[], float] = time.monotonic
    ) -> None:
        self._access = access
        self._behind_proxy = behind_proxy
        self._guesses = Guesses(timer)
        pages = files("gesso.gateway") / "pages"
        self._page, self._sign_in, self._signed_in = (
            Template((pages / name).read_text("utf-8"))
            for name in ("login.html", "sign_in.html", "signed_in.html")
        )
        self._assets = {name: (pages / name).read_bytes() for name in ASSETS}

    def add_to(self, routes: Routes) -> None:
        routes.add("GET", LOGIN, self.show, public=True)
        routes.add("POST", LOGIN, self.sign_in, public=True)
        routes.add("GET", "/gesso/logout", self.offer_logout, public=True)
        routes.add("POST", "/gesso/logout", self.sign_out, public=True)
        for name in ASSETS:
            routes.add("GET", f"/gesso/pages/{name}", self.asset, public=True)

    async def show(self, request: Request) -> Response:
        """`GET /gesso/login?next=…`"""
        next_path = safe_next(request.query_params.get("next"))
        identity: Identity | None = request.scope.get("gesso.identity")
        return self._form(next_path) if identity is None else self._welcome(identity, next_path)

    async def sign_in(self, request: Request) -> Response:
        """`POST /gesso/login` with `key` and `next`: on to `next`, or the form again with the reason."""
        form = await _read_form(request)
        next_path = safe_next(form.get("next"))
        address = self._address(request)
        try:
            self._guesses.check(address)
            identity = await self._access.identify_key(form.get("key", "").strip())
            login = await self._access.open_login(identity)
        except GessoError as error:
            if isinstance(error, Unauthorized):
                self._guesses.failed(address)
            return self._form(next_path, error)
        self._guesses.succeeded(address)
        response = RedirectResponse(next_path, 303)
        response.set_cookie(
            COOKIE,
            login.token,
            max_age=int(login.lasts_s),
            httponly=True,
            samesite="lax",
            secure=self._over_tls(request),
        )
        return response

    async def offer_logout(self, request: Request) -> Response:
        """`GET /gesso/logout`: a link may not end a login, so it leads to the page with the button."""
        return RedirectResponse(LOGIN, 303)

    async def sign_out(self, request: Request) -> Response:
        """`POST /gesso/logout`"""
        cookie = request.cookies.get(COOKIE)
        if cookie:
            await self._access.close_login(cookie)
        response = RedirectResponse(LOGIN, 303)
        response.delete_cookie(COOKIE, httponly=True, samesite="lax", secure=self._over_tls(request))
        return response

    async def asset(self, request: Request) -> Response:
        name = request.url.path.rpartition("/")[2]
        headers = {"cache-control": "public, max-age=300"}
        return Response(self._assets[name], media_type=ASSETS[name], headers=headers)

    def _over_tls(self, request: Request) -> bool:
        return self._behind_proxy or request.scope["scheme"] == "https"

    def _address(self, request: Request) -> str:
        return address_of(request.scope, behind_proxy=self._behind_proxy)

    def _form(self, next_path: str, error: GessoError | None = None) -> Response:
        problem, status, headers = "", 200, None
        if error is not None:
            words = error.message
            if isinstance(error, OverLimit):
                words += f" Try again in {headers_of(error, Dialect.GESSO)['retry-after']} seconds."
            problem = f'<p class="problem" id="problem" role="alert">{escape(words)}</p>'
            status, headers = error.status, headers_of(error, Dialect.GESSO)
        content = self._sign_in.substitute(
            problem=problem, invalid=' aria-invalid="true"' if error else "", next=escape(next_path)
        )
        return html(self._page.substitute(title="Sign in", content=content), status, headers)

    def _welcome(self, identity: Identity, next_path: str) -> Response:
        content = self._signed_in.substitute(
            account=escape(identity.name),
            role=", an administrator" if identity.role is Role.ADMIN else "",
            next=escape(next_path),
            go="Open ComfyUI" if next_path == "/" else "Go on",
        )
        return html(self._page.substitute(title="Signed in", content=content))


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
            raise TooLarge("A key is not that long.")
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=10)
    except ValueError as error:
        raise RequestError("This is not what the login's form sends.") from error
    return {name: values[0] for name, values in fields.items()}
