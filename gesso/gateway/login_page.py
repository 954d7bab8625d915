"""The login page as HTML: the form, in its two ways, and the page of those who are signed in."""

from enum import StrEnum
from html import escape
from importlib.resources import files
from string import Template
from urllib.parse import quote

from starlette.responses import Response

from gesso.access.identity import Identity
from gesso.access.scopes import Role
from gesso.errors import GessoError, OverLimit
from gesso.gateway.middleware.bodies import headers_of
from gesso.gateway.middleware.failures import LOGIN
from gesso.gateway.responses import Dialect, html


class Way(StrEnum):
    """How somebody signs in. Each has a page of its own, so that a password manager meets one form only."""

    PASSWORD = "password"  # noqa: S105
    KEY = "key"


class LoginPage:
    """Its parts are read once, at the start."""

    def __init__(self) -> None:
        pages = files("gesso.gateway") / "pages"
        self._page, self._sign_in, self._signed_in, self._key, self._password = (
            Template((pages / f"{name}.html").read_text("utf-8"))
            for name in ("login", "sign_in", "signed_in", "with_key", "with_password")
        )

    def form(self, way: Way, next_path: str, error: GessoError | None = None, name: str = "") -> Response:
        """The form, with what went wrong; `name` is kept of what was typed, and nothing else is."""
        problem, status, headers, described = "", 200, None, ""
        if error is not None:
            words = error.message
            if isinstance(error, OverLimit):
                words += f" Try again in {headers_of(error, Dialect.GESSO)['retry-after']} seconds."
            problem = f'<p class="problem" id="problem" role="alert">{escape(words)}</p>'
            status, headers = error.status, headers_of(error, Dialect.GESSO)
            described = ' aria-invalid="true"'
        fields = (self._key if way is Way.KEY else self._password).substitute(
            invalid=described,
            name=escape(name),
            focus_name="" if name else " autofocus",
            focus_password=" autofocus" if name else "",
        )
        content = self._sign_in.substitute(
            problem=problem,
            fields=fields,
            next=escape(next_path),
            with_password=_link(Way.PASSWORD, way, next_path),
            with_key=_link(Way.KEY, way, next_path),
        )
        return html(self._page.substitute(title="Sign in", content=content), status, headers)

    def welcome(self, identity: Identity, next_path: str) -> Response:
        content = self._signed_in.substitute(
            account=escape(identity.name),
            role=", an administrator" if identity.role is Role.ADMIN else "",
            next=escape(next_path),
            go="Open ComfyUI" if next_path == "/" else "Go on",
        )
        return html(self._page.substitute(title="Signed in", content=content))


def _link(way: Way, shown: Way, next_path: str) -> str:
    """The attributes of the link to one way's page."""
    address = f"{LOGIN}?with={way}"
    if next_path != "/":
        address += f"&next={quote(next_path, safe='/')}"
    return f'href="{escape(address)}"' + (' aria-current="page"' if way is shown else "")
