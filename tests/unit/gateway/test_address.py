"""From where a request comes."""

from gesso.gateway.address import address_of

TOLD = [(b"x-forwarded-for", b"192.0.2.1"), (b"x-forwarded-for", b"forged, 203.0.113.5 ")]


def test_behind_a_proxy_it_is_what_the_proxy_saw() -> None:
    scope = {"type": "http", "client": ("127.0.0.1", 40000), "headers": TOLD}
    assert address_of(scope, behind_proxy=True) == "203.0.113.5"
    assert address_of({**scope, "headers": []}, behind_proxy=True) == "127.0.0.1"


def test_without_one_nobody_is_believed() -> None:
    scope = {"type": "http", "client": ("198.51.100.7", 40000), "headers": TOLD}
    assert address_of(scope, behind_proxy=False) == "198.51.100.7"
    assert address_of({**scope, "client": None}, behind_proxy=False) == "unknown"
