"""Who calls a route of our own API, held to the scope that the route needs."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request

from gesso.access.identity import Identity
from gesso.gateway.middleware.addressed import from_where


# All of them coroutines: FastAPI takes a plain function to a thread, a long way on a busy gateway.
async def _where(request: Request) -> str:
    return from_where(request)


Where = Annotated[str, Depends(_where)]
"""The address that a request comes from, for the audit."""


async def caller(request: Request) -> Identity:
    """Whoever it is; the identify middleware lets nobody come here without an identity."""
    identity: Identity = request.scope["gesso.identity"]
    return identity


def holder(scope: str) -> Callable[[Request], Awaitable[Identity]]:
    """A dependency: the caller, who has this scope. Forbidden if not."""

    async def check(request: Request) -> Identity:
        identity = await caller(request)
        identity.require(scope)
        return identity

    return check
