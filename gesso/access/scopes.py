"""The one table of scopes: what a key may do, and which role has it. The reference page is made from it."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from gesso.errors import RequestError


class Role(StrEnum):
    """What an account is; a key has the scopes of its account's role, or fewer."""

    ADMIN = "admin"
    USER = "user"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """One thing a key may do. `named`: only if the key was made with this scope by name."""

    name: str
    allows: str
    roles: frozenset[Role]
    named: bool = False


FOR_OTHERS = "jobs:for-others"
EVERYBODY = frozenset(Role)
ADMINS = frozenset({Role.ADMIN})

SCOPES: tuple[Scope, ...] = (
    Scope(
        name="jobs:own",
        allows="Submit jobs; see, cancel and download one's own; one's own files, settings and workflows. "
        "This is all that ComfyUI, OpenAI and A1111 clients need.",
        roles=EVERYBODY,
    ),
    Scope(name="engines:read", allows="See the engines and their states.", roles=EVERYBODY),
    Scope(name="keys:own", allows="List, create and revoke one's own keys.", roles=EVERYBODY),
    Scope(
        name=FOR_OTHERS,
        allows="Draw for persons whom the client names, as services with users of their own do; each is an "
        "account of its own. No key has it by its role: an administrator makes one with it.",
        roles=EVERYBODY,
        named=True,
    ),
    Scope(name="jobs:all", allows="See and cancel the jobs of every account.", roles=ADMINS),
    Scope(
        name="engines:control",
        allows="Start, stop and restart engines, read their logs, and use the routes of ComfyUI that change "
        "the server for everybody.",
        roles=ADMINS,
    ),
    Scope(
        name="monitoring:read",
        allows="Read metrics and samples: cards, engines, the queue and the disk over time, without names of "
        "accounts. This is all that Prometheus needs.",
        roles=ADMINS,
    ),
    Scope(
        name="accounts:manage",
        allows="Create, disable and enable accounts, and create and revoke the keys of others. "
        "Whoever has it can give himself every other scope.",
        roles=ADMINS,
    ),
)

NAMES: frozenset[str] = frozenset(scope.name for scope in SCOPES)

OF_ROLE: dict[Role, frozenset[str]] = {
    role: frozenset(scope.name for scope in SCOPES if role in scope.roles and not scope.named)
    for role in Role
}
_BY_NAME = frozenset(scope.name for scope in SCOPES if scope.named)


def effective(role: Role, narrowed: Iterable[str] | None) -> frozenset[str]:
    """What a key may do: its role's scopes, cut down to the key's own where it names some.

    Names that are no longer in the table give nothing.
    """
    own = OF_ROLE[role]
    return own if narrowed is None else (own | _BY_NAME) & frozenset(narrowed)


def parse(names: Iterable[str]) -> frozenset[str]:
    """The scopes of these names; an unknown name is refused with the list of known ones."""
    asked = frozenset(names)
    unknown = sorted(asked - NAMES)
    if unknown:
        raise RequestError(
            f"There is no scope {unknown[0]!r}.", remedy=f"Known scopes: {', '.join(sorted(NAMES))}."
        )
    return asked


def markdown() -> str:
    """The reference page of scopes."""
    lines = [
        "# Scopes",
        "",
        "What a key may do. A key has all scopes of its account's role unless it was created with fewer",
        "(`gesso keys create --scope …`). Generated from `gesso/access/scopes.py`.",
        "",
        "| scope | allows | " + " | ".join(role.value for role in Role) + " |",
        "|---|---|" + "---|" * len(Role),
    ]
    for scope in SCOPES:
        given = "by name" if scope.named else "yes"
        marks = " | ".join(given if role in scope.roles else "–" for role in Role)
        lines.append(f"| `{scope.name}` | {scope.allows} | {marks} |")
    return "\n".join(lines) + "\n"
