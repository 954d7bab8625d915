"""From where a request comes."""

import re
from ipaddress import ip_address

from starlette.types import Scope

# Some proxies (IIS) tell the port, too.
WITH_PORT = re.compile(r"\[(?P<v6>[^\]]+)\](?::\d+)?|(?P<v4>[0-9.]+):\d+")
LONGEST = 64


def address_of(scope: Scope, *, behind_proxy: bool) -> str:
    """The client's address. Behind a proxy, the last one told: that is what the proxy itself saw."""
    if behind_proxy:
        told = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
        if told:
            return _plain(told[-1].decode("latin-1").rpartition(",")[2].strip())
    client = scope.get("client")
    return str(client[0]) if client else "unknown"


def _plain(told: str) -> str:
    """An address without port; what is none, as it is, but short."""
    found = WITH_PORT.fullmatch(told)
    text = told if found is None else found["v6"] or found["v4"]
    try:
        return str(ip_address(text))
    except ValueError:
        return told[:LONGEST]
