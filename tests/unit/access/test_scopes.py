"""The table of scopes, and the page made from it."""

from pathlib import Path

import pytest

from gesso.access.scopes import FOR_OTHERS, NAMES, OF_ROLE, SCOPES, Role, effective, markdown, parse
from gesso.errors import RequestError

PAGE = Path(__file__).parents[3] / "docs/reference/scopes.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text("utf-8") == markdown(), (
        "regenerate: python -c 'from gesso.access.scopes import markdown; print(markdown(), end=str())' "
        "> docs/reference/scopes.md"
    )


def test_an_administrator_has_every_scope_and_a_user_only_what_is_his() -> None:
    assert OF_ROLE[Role.ADMIN] == NAMES - {FOR_OTHERS}
    assert OF_ROLE[Role.USER] == {"jobs:own", "engines:read", "keys:own"}
    assert len(NAMES) == len(SCOPES)


def test_a_narrowed_key_has_what_both_it_and_its_role_have() -> None:
    assert effective(Role.USER, None) == OF_ROLE[Role.USER]
    assert effective(Role.USER, ["jobs:own", "accounts:manage", "gone"]) == {"jobs:own"}
    assert effective(Role.ADMIN, []) == frozenset()


@pytest.mark.parametrize("role", list(Role))
def test_a_key_acts_for_others_only_if_it_was_made_for_that(role: Role) -> None:
    assert FOR_OTHERS not in effective(role, None)
    assert effective(role, ["jobs:own", FOR_OTHERS]) == {"jobs:own", FOR_OTHERS}


def test_an_unknown_scope_is_refused_with_those_there_are() -> None:
    with pytest.raises(RequestError) as caught:
        parse(["jobs:own", "jobs"])
    assert "'jobs'" in caught.value.message and "jobs:own" in caught.value.remedy


def test_every_scope_that_code_requires_is_in_the_table() -> None:
    """A misspelt scope would lock a route for everybody."""
    import re

    named = set()
    for file in (PAGE.parents[2] / "gesso").rglob("*.py"):
        named |= set(re.findall(r'(?:needs=|require\(|may\(|holder\()"([a-z:]+)"', file.read_text("utf-8")))
    assert named and named <= NAMES
