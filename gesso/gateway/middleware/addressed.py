"""Finds out from where each request comes, once, for the audit."""

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from gesso.gateway.address import address_of


class Addressed:
    """Sets scope["gesso.address"]. `behind_proxy`: a proxy in front says in X-Forwarded-For who is asking."""

    def __init__(self, app: ASGIApp, *, behind_proxy: bool) -> None:
        self._app = app
        self._behind_proxy = behind_proxy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            scope["gesso.address"] = address_of(scope, behind_proxy=self._behind_proxy)
        await self._app(scope, receive, send)


def from_where(connection: HTTPConnection) -> str:
    """The address that `connection` comes from."""
    address: str | None = connection.scope.get("gesso.address")
    return address if address is not None else address_of(connection.scope, behind_proxy=False)
