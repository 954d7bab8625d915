"""Persons for whom a service asks: accounts of their own, which nobody else's name leads to."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gesso.access import persons
from gesso.access.accounts import NAME
from gesso.access.audit import Audit, Wanted
from gesso.access.identity import Identity
from gesso.access.persons import account_name
from gesso.access.scopes import FOR_OTHERS, Role
from gesso.errors import Forbidden, RequestError
from tests.unit.access.memory import Stage


async def service(stage: Stage, name: str = "webui") -> Identity:
    """A service whose key may act for others."""
    await stage.access.create_account(name)
    made = await stage.access.create_key(name, "chat", scopes=["jobs:own", FOR_OTHERS])
    return await stage.who(made.token)


def test_a_person_is_an_account_made_once_that_may_what_is_its_own() -> None:
    async def scenario() -> None:
        async with Stage() as stage:
            webui = await service(stage)
            first = await stage.access.person(webui, "ada@example.org", address="10.0.0.7")
            again = await stage.access.person(webui, "ada@example.org")
            other = await stage.access.person(webui, "ben@example.org")
            assert first == again and first.account_id != other.account_id != webui.account_id
            assert (first.name, first.role) == ("webui~ada@example.org", Role.USER)
            assert first.scopes == {"jobs:own"}
            lines = await Audit(stage.db).entries(Wanted(action="user.create", target=first.name))
            assert [(line.actor, line.address) for line in lines] == [("webui", "10.0.0.7")]

    asyncio.run(scenario())


def test_a_person_whom_two_requests_name_at_once_is_made_once() -> None:
    async def scenario() -> None:
        async with Stage() as stage:
            webui = await service(stage)
            # The other request's account comes between the look and the making.
            assert await stage.db.tx(persons.create, webui.name, "ada", 1.0)
            assert await stage.db.tx(persons.create, webui.name, "ada", 2.0) is None
            ada = await stage.access.person(webui, "ada")
            assert (await stage.access.account(ada.name)).created == 1.0

    asyncio.run(scenario())


def test_an_administrators_service_gives_its_persons_no_more() -> None:
    async def scenario() -> None:
        async with Stage() as stage:
            made = await stage.access.create_key("admin", "chat", scopes=["jobs:own", "jobs:all", FOR_OTHERS])
            person = await stage.access.person(await stage.who(made.token), "admin")
            assert person.name == "admin~admin" and person.role is Role.USER
            assert person.scopes == {"jobs:own"}

    asyncio.run(scenario())


def test_nobody_else_acts_for_others_nor_gives_a_key_that_does() -> None:
    async def scenario() -> None:
        async with Stage() as stage:
            for token in (stage.ada, stage.admin):
                with pytest.raises(Forbidden, match="jobs:for-others"):
                    await stage.access.person(await stage.who(token), "ben")
            with pytest.raises(Forbidden, match="jobs:for-others"):
                ada = await stage.who(stage.ada)
                await stage.access.create_key("ada", "mine", scopes=[FOR_OTHERS], by=ada)
            admin = await stage.who(stage.admin)
            assert await stage.access.create_key("ada", "hers", scopes=[FOR_OTHERS], by=admin)

    asyncio.run(scenario())


def test_a_disabled_person_and_one_too_many_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with Stage() as stage:
            webui = await service(stage)
            ada = await stage.access.person(webui, "ada")
            await stage.access.set_limits(ada.name, {"jobs_queued": 1})
            assert (await stage.access.person(webui, "ada")).allowance.jobs_queued == 1
            await stage.access.set_disabled(ada.name, True)
            with pytest.raises(Forbidden, match="disabled"):
                await stage.access.person(webui, "ada")
            monkeypatch.setattr(persons, "MOST_PERSONS", 2)
            await stage.access.person(webui, "ben")
            with pytest.raises(Forbidden, match="2 persons already"):
                await stage.access.person(webui, "cyd")
            assert await stage.access.person(webui, "ben")

    asyncio.run(scenario())


@given(st.text(min_size=1), st.text(min_size=1))
def test_names_of_persons_differ_and_are_nobody_elses(one: str, other: str) -> None:
    name = account_name("webui", one)
    assert NAME.fullmatch(name) is None
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789._@-~") and len(name) <= 80
    if one != other:
        assert name != account_name("webui", other)
    assert name != account_name("webu", other)


@pytest.mark.parametrize(
    ("person", "name"),
    [
        ("ada@example.org", "webui~ada@example.org"),
        ("6f1c-22", "webui~6f1c-22"),
        ("Ada+x@Example.org", "webui~ada-x@example.org~b6a71747a11d17f1"),
    ],
)
def test_a_name_can_be_read(person: str, name: str) -> None:
    assert account_name("webui", person) == name


def test_no_account_can_be_made_with_such_a_name_and_no_person_is_a_service() -> None:
    async def scenario() -> None:
        async with Stage() as stage:
            with pytest.raises(RequestError):
                await stage.access.create_account("webui~ada")
        with pytest.raises(Forbidden):
            account_name("webui~ada", "x")

    asyncio.run(scenario())
