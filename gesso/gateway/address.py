"""From where a request comes."""

from starlette.types import Scope


def address_of(scope: Scope, *, behind_proxy: bool) -> str:
    """The client's address. Behind a proxy, the last one told: that is what the proxy itself saw."""
    if behind_proxy:
        told = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
        if told:
            return str(told[-1].decode("latin-1").rpartition(",")[2].strip())
    client = scope.get("client")
    return str(client[0]) if client else "unknown"
