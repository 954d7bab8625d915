"""What a row of the leak matrix says of a route, and of the requests that go there.

{names} stand for the ids of Ada's things (`tests/leaks.py`): others ask for them as they are, and in many
disguises; and ids that name nothing must be answered in the same way.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class For(StrEnum):
    """Whom a route is for."""

    OWNER = "its owner"
    ALL = "everybody, and tells everybody the same"
    ADMIN = "administrators"
    STRANGERS = "anybody, also without a key"
    ELSEWHERE = "tried elsewhere"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request: `body` is JSON, `fields` a page's form, `form` a multipart form's around a `picture`."""

    path: str
    body: Any = None
    fields: str = ""
    form: dict[str, str] | None = None
    picture: str = ""
    headers: dict[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One route.

    `shows`: what Ada must see of hers, or the test could not fail. `bites`: what the request does to her
    world when she sends it herself, in this order. `admin_sees`: an administrator may see Ada's things here.
    `all`: with `?all=true` he must see them, and others are refused. `oracle`: why the answer may tell that
    an id is taken. `safe`: an administrator may be made to send it. `alias`: another name of a route.
    """

    method: str
    pattern: str
    whom: For
    asks: tuple[Ask, ...] = ()
    shows: tuple[str, ...] = ()
    bites: int = 0
    admin_sees: bool = False
    all: bool = False
    oracle: str = ""
    safe: bool = True
    alias: bool = False

    @property
    def reads(self) -> bool:
        return self.method in ("GET", "ANY")

    def __str__(self) -> str:
        return f"{self.method} {self.pattern}"


def _asks(asks: tuple[str | Ask, ...]) -> tuple[Ask, ...]:
    return tuple(each if isinstance(each, Ask) else Ask(path=each) for each in asks)


def own(method: str, pattern: str, *asks: str | Ask, **more: Any) -> Row:
    return Row(method=method, pattern=pattern, whom=For.OWNER, asks=_asks(asks), **more)


def same(pattern: str, *asks: str) -> Row:
    return Row(method="GET", pattern=pattern, whom=For.ALL, asks=_asks(asks or (pattern,)))


def admin(method: str, pattern: str, *asks: str | Ask, **more: Any) -> Row:
    more = {"admin_sees": True} | more
    return Row(method=method, pattern=pattern, whom=For.ADMIN, asks=_asks(asks or (pattern,)), **more)


def strangers(method: str, pattern: str, *asks: str | Ask) -> Row:
    return Row(method=method, pattern=pattern, whom=For.STRANGERS, asks=_asks(asks or (pattern,)))


def elsewhere(method: str, pattern: str) -> Row:
    return Row(method=method, pattern=pattern, whom=For.ELSEWHERE)
