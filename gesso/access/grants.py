"""What one key may give to another it makes: never more, and never for longer, than it has itself."""

from dataclasses import dataclass

from gesso.access.accounts import Account
from gesso.access.identity import Identity, Via
from gesso.access.scopes import OF_ROLE
from gesso.errors import Forbidden


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Scopes (None: all of the account's role) and end (None: none) of a key to be made."""

    scopes: frozenset[str] | None
    expires: float | None
    in_url: bool = False


def granted(asked: Grant, owner: Account, by: Identity) -> Grant:
    """What `by` may give of what was asked; Forbidden for a scope it has not.

    Whoever manages accounts could make any key in two steps, so is not held back in one.
    """
    if by.via is Via.URL:
        raise Forbidden(
            "A key in an address makes no other keys.", remedy="Send the key in a header, or sign in."
        )
    by.require("keys:own" if owner.id == by.account_id else "accounts:manage")
    if by.may("accounts:manage"):
        return asked
    scopes = asked.scopes
    if scopes is None:
        scopes = None if by.scopes == OF_ROLE[by.role] else by.scopes
    elif beyond := sorted(scopes - by.scopes):
        raise Forbidden(f"This key does not have the scope {beyond[0]!r}, so it cannot give it.")
    ends = [moment for moment in (asked.expires, by.expires) if moment is not None]
    return Grant(scopes=scopes, expires=min(ends, default=None), in_url=asked.in_url)


def check_first_password(by: Identity) -> None:
    """Forbidden unless `by` may all that its account may, and for good: who has the password may, too."""
    if by.may("accounts:manage") or (by.scopes == OF_ROLE[by.role] and by.expires is None):
        return
    raise Forbidden(
        "This key may less than its account, or ends, so it cannot give the account a password.",
        remedy="Use a key with all scopes and without an end, or ask an administrator.",
    )
