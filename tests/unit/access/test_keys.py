"""Keys: who gets in, who does not, and how soon a change counts."""

import asyncio
import re

import pytest

from gesso.access import tokens
from gesso.access.identity import Via
from gesso.access.scopes import OF_ROLE, Role
from gesso.errors import AccountsUnreadable, Conflict, Forbidden, NotFound, RequestError, Unauthorized
from tests.unit.access.memory import Stage


def test_first_start_makes_one_administrator_and_shows_its_key_once() -> None:
    async def main() -> None:
        async with Stage() as stage:
            identity = await stage.who(stage.admin)
            assert (identity.name, identity.role, identity.via) == ("admin", Role.ADMIN, Via.KEY)
            assert identity.scopes == OF_ROLE[Role.ADMIN]
            assert await stage.access.ensure_admin() is None

    asyncio.run(main())


def test_a_key_is_256_random_bits_behind_a_prefix() -> None:
    made = {tokens.new_key() for _ in range(100)}
    assert len(made) == 100
    assert all(re.fullmatch(r"gesso_[A-Za-z0-9_-]{43}", token) for token in made)
    assert all(tokens.looks_like_key(token) for token in made)


def test_the_token_is_neither_stored_nor_shown_again() -> None:
    async def main() -> None:
        async with Stage() as stage:
            new = await stage.access.create_key("ada", "script")
            assert new.token not in repr(new)
            listed = [key for key in await stage.access.keys() if key.id == new.key.id]
            assert new.token.startswith(listed[0].prefix) and len(listed[0].prefix) == 10
            dump = await stage.db.tx(
                lambda conn: [tuple(row) for row in conn.exec_driver_sql('SELECT * FROM "key"')]
            )
            assert new.token not in str(dump)
            assert tokens.digest(new.token) in str(dump)

    asyncio.run(main())


@pytest.mark.parametrize(
    "token", ["", "gesso_", "gesso_" + "x" * 42, "gesso_" + "x" * 44, "Gesso_" + "x" * 43, "' OR 1=1 --"]
)
def test_what_does_not_look_like_a_key_is_refused_without_asking_the_store(token: str) -> None:
    async def main() -> None:
        async with Stage() as stage:
            with pytest.raises(Unauthorized):
                await stage.who(token)
            assert stage.db.calls == []

    asyncio.run(main())


def test_an_unknown_key_is_refused_and_not_remembered_as_anybody() -> None:
    async def main() -> None:
        async with Stage() as stage:
            for _ in range(2):
                with pytest.raises(Unauthorized, match="not known"):
                    await stage.who(tokens.new_key())

    asyncio.run(main())


def test_a_revoked_key_is_refused_at_once_though_it_was_just_used() -> None:
    async def main() -> None:
        async with Stage() as stage:
            identity = await stage.who(stage.ada)
            first = await stage.access.revoke_key(str(identity.key_id))
            with pytest.raises(Unauthorized, match="revoked"):
                await stage.who(stage.ada)
            stage.clock.now += 5
            again = await stage.access.revoke_key(str(identity.key_id))
            assert again.revoked == first.revoked

    asyncio.run(main())


def test_an_answer_on_its_way_while_the_key_is_revoked_is_not_remembered() -> None:
    async def main() -> None:
        async with Stage() as stage:
            key_id = next(key.id for key in await stage.access.keys() if key.account == "ada")
            stage.db.held = {"look_up"}
            asked = asyncio.create_task(stage.who(stage.ada))
            await stage.db.holding.wait()
            await stage.access.revoke_key(key_id)
            stage.db.released.set()
            await asked
            with pytest.raises(Unauthorized):
                await stage.who(stage.ada)

    asyncio.run(main())


def test_a_key_revoked_by_another_process_is_refused_after_a_second() -> None:
    async def main() -> None:
        async with Stage() as stage:
            identity = await stage.who(stage.ada)
            await stage.db.tx(
                lambda conn: conn.exec_driver_sql(
                    'UPDATE "key" SET revoked = 1 WHERE id = ?', (identity.key_id,)
                )
            )
            stage.timer.now += 0.9
            assert await stage.who(stage.ada) == identity
            stage.timer.now += 0.2
            with pytest.raises(Unauthorized, match="revoked"):
                await stage.who(stage.ada)

    asyncio.run(main())


def test_an_expired_key_is_refused_to_the_second_though_remembered() -> None:
    async def main() -> None:
        async with Stage() as stage:
            new = await stage.access.create_key("ada", "short", expires=stage.clock.now + 10)
            await stage.who(new.token)
            stage.clock.now += 9.9
            await stage.who(new.token)
            stage.clock.now += 0.1
            with pytest.raises(Unauthorized, match="expired"):
                await stage.who(new.token)
            stage.timer.now += 2
            with pytest.raises(Unauthorized, match="expired"):
                await stage.who(new.token)

    asyncio.run(main())


def test_a_disabled_accounts_keys_open_nothing_until_it_is_enabled() -> None:
    async def main() -> None:
        async with Stage() as stage:
            await stage.who(stage.ada)
            await stage.access.set_disabled("ada", True)
            with pytest.raises(Unauthorized, match="disabled"):
                await stage.who(stage.ada)
            await stage.access.set_disabled("ada", False)
            assert (await stage.who(stage.ada)).name == "ada"

    asyncio.run(main())


def test_the_last_administrator_cannot_be_disabled() -> None:
    async def main() -> None:
        async with Stage() as stage:
            with pytest.raises(Conflict):
                await stage.access.set_disabled("admin", True)
            await stage.access.create_account("second", Role.ADMIN)
            await stage.access.set_disabled("admin", True)
            with pytest.raises(Conflict):
                await stage.access.set_disabled("second", True)

    asyncio.run(main())


def test_an_unreadable_store_lets_nobody_in_and_says_so() -> None:
    async def main() -> None:
        async with Stage() as stage:
            stage.db.broken = {"look_up"}
            with pytest.raises(AccountsUnreadable) as caught:
                await stage.who(stage.ada)
            assert caught.value.status == 503
            stage.db.broken = set()
            assert (await stage.who(stage.ada)).name == "ada"
            stage.db.broken = {"look_up"}
            stage.timer.now += 1.1
            with pytest.raises(AccountsUnreadable):
                await stage.who(stage.ada)

    asyncio.run(main())


def test_a_full_disk_keeps_nobody_out() -> None:
    async def main() -> None:
        async with Stage() as stage:
            stage.db.broken = {"touch"}
            assert (await stage.who(stage.ada)).name == "ada"

    asyncio.run(main())


def test_reading_with_a_key_asks_the_store_once_a_second_and_writes_once_a_minute() -> None:
    async def main() -> None:
        async with Stage() as stage:
            for _ in range(1210):
                await stage.who(stage.ada)
                stage.timer.now += 0.1
                stage.clock.now += 0.1
            assert 115 <= stage.db.calls.count("look_up") <= 122
            assert stage.db.calls.count("touch") == 3

    asyncio.run(main())


def test_requests_at_the_same_moment_share_one_look() -> None:
    async def main() -> None:
        async with Stage() as stage:
            found = await asyncio.gather(*(stage.who(stage.ada) for _ in range(50)))
            assert len(set(found)) == 1
            assert stage.db.calls.count("look_up") == 1

    asyncio.run(main())


def test_a_caller_that_goes_away_does_not_take_the_answer_from_the_others() -> None:
    async def main() -> None:
        async with Stage() as stage:
            stage.db.held = {"look_up"}
            first = asyncio.create_task(stage.who(stage.ada))
            second = asyncio.create_task(stage.who(stage.ada))
            await stage.db.holding.wait()
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
            stage.db.released.set()
            assert (await second).name == "ada"

    asyncio.run(main())


def test_a_key_with_fewer_scopes_may_less_and_cannot_give_more() -> None:
    async def main() -> None:
        async with Stage() as stage:
            narrow = await stage.access.create_key("ada", "narrow", scopes=["keys:own"])
            by = await stage.who(narrow.token)
            assert by.scopes == {"keys:own"}
            with pytest.raises(Forbidden, match="'jobs:own'"):
                by.require("jobs:own")
            with pytest.raises(Forbidden):
                await stage.access.create_key("ada", "wide", scopes=["jobs:own"], by=by)
            heir = await stage.access.create_key("ada", "heir", by=by)
            assert heir.key.scopes == {"keys:own"}

    asyncio.run(main())


def test_a_key_that_expires_cannot_make_one_that_does_not() -> None:
    async def main() -> None:
        async with Stage() as stage:
            end = stage.clock.now + 100
            short = await stage.access.create_key("ada", "short", expires=end)
            by = await stage.who(short.token)
            for asked in (None, end + 50):
                assert (await stage.access.create_key("ada", "heir", expires=asked, by=by)).key.expires == end

    asyncio.run(main())


def test_a_user_cannot_make_keys_for_others_and_an_administrator_can() -> None:
    async def main() -> None:
        async with Stage() as stage:
            with pytest.raises(Forbidden):
                await stage.access.create_key("admin", "theft", by=await stage.who(stage.ada))
            made = await stage.access.create_key("ada", "gift", by=await stage.who(stage.admin))
            assert (await stage.who(made.token)).name == "ada"

    asyncio.run(main())


def test_a_users_key_never_gets_an_administrators_scope() -> None:
    async def main() -> None:
        async with Stage() as stage:
            made = await stage.access.create_key("ada", "wish", scopes=["engines:control", "jobs:own"])
            assert (await stage.who(made.token)).scopes == {"jobs:own"}

    asyncio.run(main())


def test_another_accounts_key_cannot_be_revoked_nor_its_existence_learned() -> None:
    async def main() -> None:
        async with Stage() as stage:
            admins = (await stage.who(stage.admin)).key_id
            ada = (await stage.who(stage.ada)).account_id
            with pytest.raises(NotFound) as foreign:
                await stage.access.revoke_key(str(admins), ada)
            with pytest.raises(NotFound) as absent:
                await stage.access.revoke_key("0" * 12, ada)
            assert foreign.value.message.replace(str(admins), "") == absent.value.message.replace(
                "0" * 12, ""
            )
            await stage.who(stage.admin)

    asyncio.run(main())


@pytest.mark.parametrize("name", ["", "a b", "../x", "-a", "a\n", "a" * 65, "ä", "Ada", "ADA"])
def test_account_names_are_plain_and_unlike(name: str) -> None:
    async def main() -> None:
        async with Stage() as stage:
            with pytest.raises(RequestError):
                await stage.access.create_account(name)

    asyncio.run(main())


def test_unknown_scopes_and_past_ends_are_refused() -> None:
    async def main() -> None:
        async with Stage() as stage:
            with pytest.raises(RequestError, match="'jobs:owm'"):
                await stage.access.create_key("ada", "typo", scopes=["jobs:owm"])
            with pytest.raises(RequestError, match="later"):
                await stage.access.create_key("ada", "past", expires=stage.clock.now)
            with pytest.raises(NotFound):
                await stage.access.create_key("nobody", "lost")

    asyncio.run(main())
