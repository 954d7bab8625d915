"""Where the server is and who asks: arguments, then GESSO_URL and GESSO_KEY, then the usual place."""

from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

from gesso.errors import RequestError

DEFAULT_URL = "http://127.0.0.1:8700"


def server_url(url: str | None, env: Mapping[str, str]) -> str:
    """The server's address without a slash at its end: "localhost:8188" becomes "http://localhost:8188"."""
    given = (url or env.get("GESSO_URL") or DEFAULT_URL).strip()
    if "://" not in given:
        given = f"http://{given}"
    try:
        parts = urlsplit(given)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise RequestError(f"{given!r} is not the address of a server.", remedy=_ADDRESS_REMEDY)
    return given.split("#")[0].split("?")[0].rstrip("/")


def server_key(key: str | None, env: Mapping[str, str]) -> str | None:
    given = key if key is not None else env.get("GESSO_KEY")
    if not given:
        return None
    if not given.isascii() or not given.isprintable() or " " in given:
        raise RequestError("The key holds characters that no key has.", remedy=_KEY_REMEDY)
    return given


def credentials(key: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"} if key else {}


def socket_url(url: str, client_id: str) -> str:
    """ "https://host/comfy" becomes "wss://host/comfy/ws?clientId=…"."""
    scheme, rest = url.split("://", 1)
    return f"{'wss' if scheme == 'https' else 'ws'}://{rest}/ws?{urlencode({'clientId': client_id})}"


_ADDRESS_REMEDY = "Write it like http://127.0.0.1:8700, as argument, as --url or in GESSO_URL."
_KEY_REMEDY = "Copy the key again, whole and without spaces or quotes."
