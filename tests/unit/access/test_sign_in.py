"""Signing in with a password, and what changes when it does."""

import asyncio

import pytest

from gesso.access import passwords, tokens
from gesso.access.access import Access
from gesso.access.identity import Via
from gesso.access.passwords import Passwords
from gesso.access.scopes import OF_ROLE, Role
from gesso.errors import AccountsUnreadable, Conflict, Forbidden, NotFound, RequestError, Unauthorized
from tests.unit.access.memory import Stage
from tests.unit.access.quick import quick_hasher

OLD, NEW = "ten letters", "more letters"


async def stored(stage: Stage, name: str = "ada") -> str | None:
    return (await stage.db.tx(passwords.stored, name)).hash


def test_a_name_and_its_password_open_a_login_without_a_key() -> None:
    async def main() -> None:
        async with Stage() as stage:
            await stage.access.set_password("ada", OLD)
            for name in ("ada", "ADA"):
                login = await stage.access.sign_in(name, OLD)
                identity = await stage.access.identify_session(login.token)
                assert (identity.name, identity.via, identity.key_id) == ("ada", Via.COOKIE, None)
                assert identity.scopes == OF_ROLE[Role.USER] and identity.has_password
            stage.clock.now += login.lasts_s + 1
            with pytest.raises(Unauthorized):
                await stage.access.identify_session(login.token)
            assert OLD not in str(await stored(stage))

    asyncio.run(main())


def test_whatever_is_wrong_the_answer_is_the_same() -> None:
    async def main() -> None:
        async with Stage() as stage:
            await stage.access.set_password("ada", OLD)
            ada = (await stage.access.account("ada")).id
            await stage.access.create_account("none")
            await stage.access.create_account("eve")
            await stage.access.set_password("eve", OLD)
            await stage.access.set_disabled("eve", True)
            said = set()
            wrong = [
                ("ada", NEW),
                ("nobody", OLD),
                ("none", OLD),
                ("none", ""),
                ("eve", OLD),
                ("", OLD),
                (ada, OLD),
            ]
            for name, password in wrong:
                with pytest.raises(Unauthorized) as raised:
                    await stage.access.sign_in(name, password)
                said.add(raised.value.message)
            assert len(said) == 1
            with pytest.raises(Unauthorized):
                await stage.access.sign_in("ada", "x" * 5000)

    asyncio.run(main())


def test_the_login_ends_with_the_password_and_with_the_account() -> None:
    async def main() -> None:
        async with Stage() as stage:
            access = stage.access
            for end in (
                lambda: access.set_password("ada", NEW),
                lambda: access.set_password("ada", None),
                lambda: access.set_disabled("ada", True),
            ):
                await access.set_disabled("ada", False)
                await access.set_password("ada", OLD)
                login = await access.sign_in("ada", OLD)
                await access.identify_session(login.token)
                await end()
                with pytest.raises(Unauthorized):
                    await access.identify_session(login.token)
                with pytest.raises(Unauthorized):
                    await access.sign_in("ada", OLD)
            await access.set_disabled("ada", False)
            await stage.who(stage.ada)

    asyncio.run(main())


def test_changing_it_ends_the_other_logins_and_not_the_present_one_nor_the_keys() -> None:
    async def main() -> None:
        async with Stage() as stage:
            access = stage.access
            await access.set_password("ada", OLD)
            await access.set_password("admin", OLD)
            mine, other = await access.sign_in("ada", OLD), await access.sign_in("ada", OLD)
            by_key = await access.open_login(await stage.who(stage.ada))
            neighbour = await access.sign_in("admin", OLD)
            me = await access.identify_session(mine.token)
            await access.change_password(me, OLD, NEW, keep=mine.token)
            for ended in (other, by_key):
                with pytest.raises(Unauthorized):
                    await access.identify_session(ended.token)
            for open_ in (mine, neighbour):
                await access.identify_session(open_.token)
            await stage.who(stage.ada)
            await access.sign_in("ada", NEW)

    asyncio.run(main())


def test_ones_own_needs_the_present_one() -> None:
    async def main() -> None:
        async with Stage() as stage:
            access = stage.access
            me = await stage.who(stage.ada)
            assert not me.has_password
            assert (await access.change_password(me, None, OLD)).has_password
            with pytest.raises(RequestError):
                await access.change_password(me, None, NEW)
            with pytest.raises(Forbidden):
                await access.change_password(me, NEW, NEW)
            for bad in ("short", "x" * 1025):
                with pytest.raises(RequestError):
                    await access.change_password(me, OLD, bad)
            await access.change_password(me, OLD, NEW)
            await access.sign_in("ada", NEW)
            assert (await stage.who(stage.ada)).has_password
            with pytest.raises(NotFound):
                await access.set_password("nobody", NEW)

    asyncio.run(main())


def test_a_key_that_may_less_or_ends_gives_its_account_no_password() -> None:
    async def main() -> None:
        async with Stage() as stage:
            access = stage.access
            narrow = await access.create_key("ada", "narrow", scopes=["jobs:own", "keys:own"])
            guest = await access.create_key("ada", "guest", expires=stage.clock.now + 100)
            for token in (narrow.token, guest.token):
                with pytest.raises(Forbidden):
                    await access.change_password(await stage.who(token), None, OLD)
            await access.set_password("ada", OLD)
            # Whoever knows the present one could sign in anyhow.
            await access.change_password(await stage.who(narrow.token), OLD, NEW)

    asyncio.run(main())


def test_a_password_changed_while_it_is_judged_opens_nothing() -> None:
    async def main() -> None:
        async with Stage() as stage:
            await stage.access.set_password("ada", OLD)
            stage.db.held = {"stored"}
            signing = asyncio.create_task(stage.access.sign_in("ada", OLD))
            await stage.db.holding.wait()
            stage.db.held = set()
            await stage.access.set_password("ada", NEW)
            stage.db.released.set()
            with pytest.raises(Unauthorized):
                await signing

    asyncio.run(main())


def test_of_two_who_change_it_at_once_one_succeeds() -> None:
    async def main() -> None:
        async with Stage() as stage:
            me = await stage.who(stage.ada)
            await stage.access.change_password(me, None, OLD)
            results = await asyncio.gather(
                stage.access.change_password(me, OLD, NEW + "1"),
                stage.access.change_password(me, OLD, NEW + "2"),
                return_exceptions=True,
            )
            assert sorted(type(result).__name__ for result in results) == ["Account", Conflict.__name__]

    asyncio.run(main())


def test_old_costs_are_renewed_at_the_next_login_and_logins_go_on() -> None:
    async def main() -> None:
        async with Stage() as stage:
            await stage.access.set_password("ada", OLD)
            before = await stage.access.sign_in("ada", OLD)
            access = Access(
                stage.db, stage.clock, stage.timer, passwords=Passwords(quick_hasher(time_cost=2))
            )
            await access.sign_in("ada", OLD)
            assert ",t=2," in str(await stored(stage))
            await access.identify_session(before.token)
            await access.sign_in("ada", OLD)

    asyncio.run(main())


def test_an_unreadable_store_lets_nobody_in() -> None:
    async def main() -> None:
        async with Stage() as stage:
            await stage.access.set_password("ada", OLD)
            login = await stage.access.sign_in("ada", OLD)
            stage.db.broken = {"*"}
            with pytest.raises(AccountsUnreadable):
                await stage.access.sign_in("ada", OLD)
            with pytest.raises(AccountsUnreadable):
                await stage.access.identify_session(login.token)

    asyncio.run(main())


def test_the_audit_has_a_line_and_no_secret() -> None:
    async def main() -> None:
        async with Stage() as stage:
            await stage.access.set_password("ada", OLD)
            await stage.access.sign_in("ada", OLD, address="203.0.113.9")
            rows = await stage.db.tx(
                lambda conn: [tuple(row) for row in conn.exec_driver_sql("SELECT * FROM audit")]
            )
            told = str(rows)
            assert "user.password" in told and "login.password" in told and "203.0.113.9" in told
            assert OLD not in told and "argon2" not in told
            with pytest.raises(Unauthorized):
                await stage.access.identify_session(tokens.new_cookie())

    asyncio.run(main())
