"""Accounts, keys and logins on real databases, also when two gateways share one."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gesso.access import tokens
from gesso.access.access import RECHECK_S, Access
from gesso.access.identity import Identity
from gesso.access.scopes import Role
from gesso.errors import AccountsUnreadable, Conflict, GessoError, Unauthorized
from tests.databases import opened


@asynccontextmanager
async def gateways(database_url: str) -> AsyncIterator[tuple[Access, Access, str]]:
    """Two gateways on one database, and a key of ada's."""
    async with opened(database_url) as one, opened(database_url) as other:
        first, second = Access(one), Access(other)
        assert await first.ensure_admin() is not None
        await first.create_account("ada")
        yield first, second, (await first.create_key("ada", "laptop")).token


async def refused(access: Access, token: str) -> float:
    """How long it takes until the key opens nothing there; asked all the time, as by a busy client."""
    begun = time.monotonic()
    while time.monotonic() - begun < 10:
        try:
            await access.identify_key(token)
        except Unauthorized:
            return time.monotonic() - begun
        await asyncio.sleep(0)
    raise AssertionError("still let in")


def test_what_one_gateway_makes_the_other_knows(database_url: str) -> None:
    async def main() -> None:
        async with gateways(database_url) as (first, second, token):
            assert await second.ensure_admin() is None
            assert await second.identify_key(token) == await first.identify_key(token)
            login = await first.open_login(await first.identify_key(token))
            assert (await second.identify_session(login.token)).name == "ada"
            with pytest.raises(Conflict):
                await second.create_account("ADA")

    asyncio.run(main())


def test_a_key_revoked_here_is_dead_at_once_and_there_within_a_second(database_url: str) -> None:
    async def main() -> None:
        async with gateways(database_url) as (first, second, token):
            identity = await first.identify_key(token)
            await second.identify_key(token)
            await first.revoke_key(str(identity.key_id))
            with pytest.raises(Unauthorized):
                await first.identify_key(token)
            # The second's memory lasts that long; the rest is for a slow machine.
            assert await refused(second, token) <= RECHECK_S + 2.0

    asyncio.run(main())


def test_an_account_disabled_there_is_shut_out_here_within_a_second(database_url: str) -> None:
    async def main() -> None:
        async with gateways(database_url) as (first, second, token):
            await first.identify_key(token)
            await second.set_disabled("ada", True)
            assert await refused(first, token) <= RECHECK_S + 2.0
            await second.set_disabled("ada", False)
            assert (await first.identify_key(token)).name == "ada"

    asyncio.run(main())


def test_two_first_starts_at_once_make_one_administrator(database_url: str) -> None:
    async def main() -> None:
        async with opened(database_url) as one, opened(database_url) as other:
            # Where both insert at once, the loser is told so by the database, and starts again.
            made = await asyncio.gather(
                Access(one).ensure_admin(), Access(other).ensure_admin(), return_exceptions=True
            )
            assert all(not isinstance(each, BaseException) or isinstance(each, Conflict) for each in made)
            (admin,) = await Access(one).accounts()
            assert (admin.name, admin.role) == ("admin", Role.ADMIN)
            assert len(await Access(other).keys()) == 1

    asyncio.run(main())


def test_the_last_use_is_noted(database_url: str) -> None:
    async def main() -> None:
        async with gateways(database_url) as (first, _, token):
            before = time.time()
            assert [key.used for key in await first.keys()] == [None, None]
            identity = await first.identify_key(token)
            (mine,) = await first.keys(identity.account_id)
            assert mine.used is not None and before - 1 <= mine.used <= time.time() + 1

    asyncio.run(main())


def test_many_keys_at_once_are_told_apart(database_url: str) -> None:
    async def main() -> None:
        async with gateways(database_url) as (first, second, _):
            made = [await first.create_key("ada", f"key {number}") for number in range(30)]
            found = await asyncio.gather(
                *(second.identify_key(new.token) for new in made),
                *(second.identify_key(tokens.new_key()) for _ in made),
                return_exceptions=True,
            )
            ids = [each.key_id for each in found if isinstance(each, Identity)]
            assert ids == [new.key.id for new in made]
            assert sum(isinstance(each, Unauthorized) for each in found) == len(made)

    asyncio.run(main())


def test_a_store_that_is_gone_lets_nobody_in(database_url: str) -> None:
    async def main() -> None:
        async with opened(database_url) as database:
            access = Access(database)
            admin = await access.ensure_admin()
            assert admin is not None
            await database.tx(lambda conn: conn.exec_driver_sql('ALTER TABLE "account" RENAME TO "gone"'))
            with pytest.raises(AccountsUnreadable):
                await access.identify_key(admin.token)
            with pytest.raises(GessoError):
                await access.ensure_admin()

    asyncio.run(main())
