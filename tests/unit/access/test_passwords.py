"""Passwords: what is accepted, what is stored, what a wrong name costs."""

import asyncio
import threading
import unicodedata
from concurrent.futures import Future

import pytest
from argon2 import PasswordHasher, extract_parameters

from gesso.access.passwords import AT_ONCE, LONGEST_BYTES, WAITING, Passwords, acceptable
from gesso.errors import OverLimit, RequestError
from tests.unit.access.quick import quick, quick_hasher

RIGHT = "correct horse"


class Counting(PasswordHasher):
    """Counts what it is asked, and can be held."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.asked: list[str] = []
        self.at_once = self.most_at_once = 0
        self.may_end = threading.Event()
        self.may_end.set()
        self._lock = threading.Lock()

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # type: ignore[override]
        with self._lock:
            self.asked.append(str(hash))
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            assert self.may_end.wait(30)
            return super().verify(hash, password)
        finally:
            with self._lock:
                self.at_once -= 1


def test_what_is_stored_is_argon2_and_no_two_are_alike() -> None:
    async def main() -> None:
        passwords = quick()
        one, other = await passwords.hash(RIGHT), await passwords.hash(RIGHT)
        assert one.startswith("$argon2id$") and one != other and RIGHT not in one
        for stored in (one, other):
            assert (await passwords.check(stored, RIGHT)).right
            for wrong in ("correct horsf", "", RIGHT + "\0", "x" * 2000):
                assert not (await passwords.check(stored, wrong)).right

    asyncio.run(main())


def test_a_letter_is_the_same_however_it_was_typed() -> None:
    async def main() -> None:
        passwords = quick()
        stored = await passwords.hash(unicodedata.normalize("NFD", "très très sûr"))
        assert (await passwords.check(stored, unicodedata.normalize("NFC", "très très sûr"))).right

    asyncio.run(main())


def test_length_is_the_only_rule() -> None:
    for fine in ("aaaaaaaaaa", "          ", "\U0001f3a8" * 10, "x" * LONGEST_BYTES):
        assert acceptable(fine)
    for bad in (
        "",
        "a" * 9,
        "\U0001f3a8" * 9,
        "e\u0301" * 9,
        "x" * (LONGEST_BYTES + 1),
        "é" * 600,
        "\ud800" * 10,
    ):
        with pytest.raises(RequestError):
            acceptable(bad)


def test_no_account_and_no_password_cost_as_much_as_a_wrong_password() -> None:
    async def main() -> None:
        hasher = Counting()
        passwords = Passwords(hasher)
        stored = await passwords.hash(RIGHT)
        await passwords.check(stored, "wrong wrong")
        await passwords.check(None, "wrong wrong")
        known, nobodys = hasher.asked
        assert nobodys != known and extract_parameters(nobodys) == extract_parameters(known)

    asyncio.run(main())


def test_a_hash_of_old_costs_is_made_anew_when_the_password_is_right() -> None:
    async def main() -> None:
        stored = await quick().hash(RIGHT)
        today = Passwords(quick_hasher(time_cost=2))
        assert (await today.check(stored, "wrong wrong")).renewed is None
        renewed = (await today.check(stored, RIGHT)).renewed
        assert renewed is not None and ",t=2," in renewed
        checked = await today.check(renewed, RIGHT)
        assert checked.right and checked.renewed is None

    asyncio.run(main())


def test_a_hash_that_is_none_lets_nobody_in() -> None:
    async def main() -> None:
        for rubbish in ("", "x", "$argon2id$", "$2b$12$abcdefghijklmnopqrstuv"):
            assert not (await quick().check(rubbish, RIGHT)).right

    asyncio.run(main())


def test_few_are_judged_at_once_and_not_many_wait() -> None:
    async def main() -> None:
        hasher = Counting()
        passwords = Passwords(hasher)
        stored = await passwords.hash(RIGHT)
        hasher.may_end.clear()
        waiting = [asyncio.create_task(passwords.check(stored, RIGHT)) for _ in range(WAITING)]
        await asyncio.sleep(0)
        with pytest.raises(OverLimit):
            await passwords.check(stored, RIGHT)
        waiting.pop().cancel()
        await asyncio.sleep(0)
        hasher.may_end.set()
        assert all(checked.right for checked in await asyncio.gather(*waiting))
        assert hasher.most_at_once <= AT_ONCE
        assert (await passwords.check(stored, RIGHT)).right

    asyncio.run(main())


def test_the_event_loop_goes_on_meanwhile() -> None:
    async def main() -> None:
        hasher = Counting()
        passwords = Passwords(hasher)
        stored = await passwords.hash(RIGHT)
        hasher.may_end.clear()
        checking = asyncio.create_task(passwords.check(stored, RIGHT))
        turned: Future[bool] = Future()
        asyncio.get_running_loop().call_later(0.01, turned.set_result, True)
        async with asyncio.timeout(30):
            await asyncio.wrap_future(turned)
        assert not checking.done()
        hasher.may_end.set()
        assert (await checking).right

    asyncio.run(main())


def test_the_costs_are_those_the_library_recommends() -> None:
    stored = asyncio.run(Passwords().hash(RIGHT))
    parameters = extract_parameters(stored)
    assert parameters.memory_cost >= 64 * 1024 and parameters.time_cost >= 2
