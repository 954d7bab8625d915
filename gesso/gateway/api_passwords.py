"""`/gesso/api`: one's own password, and those of others. What is sent here is never answered or logged."""

import time
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import SecretStr

from gesso.access.access import Access
from gesso.access.identity import Identity, Via
from gesso.errors import Forbidden
from gesso.gateway.api_answers import Asked
from gesso.gateway.api_caller import Where, caller, holder
from gesso.gateway.api_models import User
from gesso.gateway.guesses import Guesses
from gesso.gateway.middleware.identify import COOKIE


class ChangePassword(Asked):
    old: SecretStr | None = None
    """The present one; needed where there is one."""
    new: SecretStr
    """At least 10 characters, at most 1024 bytes."""


class SetPassword(Asked):
    new: SecretStr | None
    """At least 10 characters, at most 1024 bytes; null removes the password."""


def password_routes(access: Access) -> APIRouter:
    router = APIRouter(tags=["accounts"])
    guesses = Guesses(time.monotonic, of="on this password")

    @router.post("/password")
    async def change_password(
        request: Request,
        identity: Annotated[Identity, Depends(caller)],
        where: Where,
        asked: ChangePassword,
    ) -> User:
        """Your own password. Your other browsers' logins end; keys go on.

        The first one is given with a key that may all that your account may, and does not end.
        """
        guesses.check(identity.account_id)
        old = None if asked.old is None else asked.old.get_secret_value()
        if old is not None:
            guesses.failed(identity.account_id)  # before, not after: many at once must count, too
        changed = await access.change_password(
            identity, old, asked.new.get_secret_value(), keep=_present(request, identity), address=where
        )
        guesses.succeeded(identity.account_id)
        return User.of(changed)

    @router.put("/users/{name}/password")
    async def set_password(
        request: Request,
        identity: Annotated[Identity, Depends(holder("accounts:manage"))],
        where: Where,
        name: str,
        asked: SetPassword,
    ) -> User:
        """Anybody's password, without the present one; null removes it. Its logins end; keys go on."""
        if identity.via is Via.URL:
            raise Forbidden("A key in an address changes no password.")
        new = None if asked.new is None else asked.new.get_secret_value()
        keep = _present(request, identity)
        return User.of(await access.set_password(name, new, keep=keep, by=identity, address=where))

    return router


def _present(request: Request, identity: Identity) -> str | None:
    """The cookie that this request came with: the login that is not to end."""
    return request.cookies.get(COOKIE) if identity.via is Via.COOKIE else None
