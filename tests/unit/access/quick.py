"""Passwords that cost next to nothing, for tests of everything else about them."""

from argon2 import PasswordHasher

from gesso.access.passwords import Passwords


def quick_hasher(time_cost: int = 1) -> PasswordHasher:
    return PasswordHasher(time_cost=time_cost, memory_cost=8, parallelism=1)


def quick() -> Passwords:
    return Passwords(quick_hasher())
