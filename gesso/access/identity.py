"""Who is asking: the account behind a request, and what this key of it may do."""

from dataclasses import dataclass
from enum import StrEnum

from gesso.access.limits import Allowance
from gesso.access.scopes import Role
from gesso.errors import Forbidden


class Via(StrEnum):
    """How the caller proved who it is. A cookie travels by itself, so only with it is the Origin checked."""

    KEY = "key"
    COOKIE = "cookie"
    URL = "url"
    """A key in the address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """An account that has proved itself with a key, or with the cookie of a login.

    `key_id` None: the login was made with the account's password.
    """

    account_id: str
    name: str
    role: Role
    scopes: frozenset[str]
    key_id: str | None
    via: Via
    expires: float | None = None
    """When the key ends by itself, in seconds since 1970; None: it does not."""
    allowance: Allowance = Allowance()
    has_password: bool = False

    def may(self, scope: str) -> bool:
        return scope in self.scopes

    def require(self, scope: str) -> None:
        """Raises Forbidden, naming the scope, unless this identity has it."""
        if scope not in self.scopes:
            raise Forbidden(f"This needs the scope {scope!r}, which this key does not have.")
