"""Who calls a route of our own API, held to the scope that the route needs."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request

from gesso.access.identity import Identity
from gesso.gateway.middleware.addressed import from_where

Where = Annotated[str, Depends(from_where)]
"""The address that a request comes from, for the audit."""


def caller(request: Request) -> Identity:
    """Whoever it is; the identify middleware lets nobody come here without an identity."""
    identity: Identity = request.scope["gesso.identity"]
    return identity


def holder(scope: str) -> Callable[[Request], Identity]:
    """A dependency: the caller, who has this scope. Forbidden if not."""

    def check(request: Request) -> Identity:
        identity = caller(request)
        identity.require(scope)
        return identity

    return check
