"""Whether a browser's request comes from our own pages: a cookie travels by itself, an origin does not."""

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.types import Scope

from gesso.errors import Forbidden

SAME = frozenset({b"same-origin", b"none"})


def check_origin(scope: Scope, allowed: Collection[str] = ()) -> None:
    """Forbidden when another site's page sent this request.

    Browsers name the page in Origin on every unsafe request and every WebSocket, and tell in
    Sec-Fetch-Site how it relates to us; a page can forge neither. A program that is no browser sends
    neither, and nobody can make it send its cookie by surprise.
    """
    origin = host = site = None
    for name, value in scope["headers"]:
        if name == b"origin":
            origin = value
        elif name == b"host":
            host = value
        elif name == b"sec-fetch-site":
            site = value
    if origin is not None:
        said = origin.decode("latin-1").lower()
        if said in allowed:
            return
        _, separator, place = said.partition("://")
        if not separator or host is None or place != host.decode("latin-1").lower():
            raise _foreign(f"The page it came from ({said[:100]!r}) is not ours.")
    if site is not None and site.lower() not in SAME:
        raise _foreign("A page of another site sent it.")


def origin_of(address: str) -> str:
    """The origin as a browser names it: "https://gesso.example" for "https://Gesso.example:443/x"."""
    parts = urlsplit(address.lower())
    host = parts.netloc.removesuffix({"http": ":80", "https": ":443"}.get(parts.scheme, " "))
    return f"{parts.scheme}://{host}"


def _foreign(why: str) -> Forbidden:
    return Forbidden(
        f"This request was refused: {why}",
        remedy="Open gesso's own address, or name the address in `gateway.public_url`.",
    )
