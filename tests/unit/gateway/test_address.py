"""From where a request comes, as far as one may believe it."""

import pytest

from gesso.gateway.address import address_of


def scope(*told: str) -> dict[str, object]:
    headers = [(b"x-forwarded-for", each.encode()) for each in told]
    return {"type": "http", "client": ("192.0.2.1", 4711), "headers": headers}


def test_without_a_proxy_nobody_says_where_he_is() -> None:
    assert address_of(scope("10.0.0.7"), behind_proxy=False) == "192.0.2.1"


@pytest.mark.parametrize(
    ("told", "address"),
    [
        ((), "192.0.2.1"),
        (("10.0.0.7",), "10.0.0.7"),
        (("10.0.0.1, 10.0.0.7",), "10.0.0.7"),
        (("10.0.0.1", "10.0.0.7"), "10.0.0.7"),
        (("10.0.0.7:51234",), "10.0.0.7"),
        (("2001:DB8::7",), "2001:db8::7"),
        (("[2001:db8::7]:51234",), "2001:db8::7"),
        (("unknown",), "unknown"),
        (("x" * 9000,), "x" * 64),
    ],
)
def test_behind_a_proxy_the_last_one_told_counts(told: tuple[str, ...], address: str) -> None:
    assert address_of(scope(*told), behind_proxy=True) == address
