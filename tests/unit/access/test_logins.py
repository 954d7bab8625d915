"""Logins: a cookie stands for the key it was opened with, and ends with it."""

import asyncio

import pytest

from gesso.access import tokens
from gesso.access.identity import Via
from gesso.errors import AccountsUnreadable, Unauthorized
from tests.unit.access.memory import Stage


def test_a_login_is_the_key_s_account_and_scopes_by_cookie() -> None:
    async def main() -> None:
        async with Stage() as stage:
            narrow = await stage.access.create_key("ada", "narrow", scopes=["jobs:own"])
            login = await stage.access.open_login(await stage.who(narrow.token))
            identity = await stage.access.identify_session(login.token)
            assert (identity.name, identity.via, identity.scopes) == ("ada", Via.COOKIE, {"jobs:own"})
            assert login.token not in repr(login)

    asyncio.run(main())


def test_the_cookie_is_stored_as_a_hash() -> None:
    async def main() -> None:
        async with Stage() as stage:
            login = await stage.access.open_login(await stage.who(stage.ada))
            rows = await stage.db.tx(
                lambda conn: [tuple(row) for row in conn.exec_driver_sql("SELECT * FROM login")]
            )
            assert login.token not in str(rows) and tokens.digest(login.token) in str(rows)

    asyncio.run(main())


def test_signing_out_ends_the_login_and_nothing_else() -> None:
    async def main() -> None:
        async with Stage() as stage:
            one = await stage.access.open_login(await stage.who(stage.ada))
            two = await stage.access.open_login(await stage.who(stage.ada))
            await stage.access.identify_session(one.token)
            await stage.access.close_login(one.token)
            await stage.access.close_login(one.token)
            with pytest.raises(Unauthorized):
                await stage.access.identify_session(one.token)
            await stage.access.identify_session(two.token)
            await stage.who(stage.ada)

    asyncio.run(main())


def test_revoking_the_key_ends_its_logins() -> None:
    async def main() -> None:
        async with Stage() as stage:
            identity = await stage.who(stage.ada)
            login = await stage.access.open_login(identity)
            await stage.access.identify_session(login.token)
            await stage.access.revoke_key(str(identity.key_id))
            with pytest.raises(Unauthorized, match="revoked"):
                await stage.access.identify_session(login.token)

    asyncio.run(main())


def test_a_login_ends_by_itself_and_not_later_than_its_key() -> None:
    async def main() -> None:
        async with Stage() as stage:
            short = await stage.access.create_key("ada", "short", expires=stage.clock.now + 10)
            login = await stage.access.open_login(await stage.who(short.token), 100)
            other = await stage.access.open_login(await stage.who(stage.ada), 100)
            stage.clock.now += 11
            with pytest.raises(Unauthorized):
                await stage.access.identify_session(login.token)
            await stage.access.identify_session(other.token)
            stage.clock.now += 90
            with pytest.raises(Unauthorized):
                await stage.access.identify_session(other.token)

    asyncio.run(main())


def test_logins_that_have_ended_are_cleared_away() -> None:
    async def main() -> None:
        async with Stage() as stage:
            await stage.access.open_login(await stage.who(stage.ada), 1)
            stage.clock.now += 2
            await stage.access.open_login(await stage.who(stage.ada), 1)
            count = await stage.db.tx(
                lambda conn: conn.exec_driver_sql("SELECT count(*) FROM login").scalar()
            )
            assert count == 1

    asyncio.run(main())


def test_a_key_is_no_cookie_and_a_cookie_is_no_key() -> None:
    async def main() -> None:
        async with Stage() as stage:
            login = await stage.access.open_login(await stage.who(stage.ada))
            for ask, token in (
                (stage.access.identify_session, stage.ada),
                (stage.access.identify_key, login.token),
                (stage.access.identify_session, tokens.new_cookie()),
            ):
                with pytest.raises(Unauthorized):
                    await ask(token)

    asyncio.run(main())


def test_an_unreadable_store_ends_no_login_and_lets_nobody_in() -> None:
    async def main() -> None:
        async with Stage() as stage:
            login = await stage.access.open_login(await stage.who(stage.ada))
            stage.db.broken = {"*"}
            with pytest.raises(AccountsUnreadable):
                await stage.access.identify_session(login.token)

    asyncio.run(main())


def test_whoever_waits_for_changes_is_told_even_of_one_that_came_before_it_waited() -> None:
    async def main() -> None:
        async with Stage() as stage:
            seen = stage.access.generation
            waiting = asyncio.create_task(stage.access.changed(seen))
            await asyncio.sleep(0)
            assert not waiting.done()
            await stage.access.close_login(tokens.new_cookie())
            async with asyncio.timeout(1):
                await waiting
                await stage.access.changed(seen)

    asyncio.run(main())
