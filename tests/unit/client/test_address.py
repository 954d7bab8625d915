"""Where the server is, and with which key it is asked."""

import pytest

from gesso.client.address import credentials, server_key, server_url, socket_url
from gesso.errors import RequestError


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("http://host:8188", "http://host:8188"),
        ("http://host:8188/", "http://host:8188"),
        ("https://host/comfy/", "https://host/comfy"),
        ("localhost:8188", "http://localhost:8188"),
        (" http://host ", "http://host"),
        ("http://[::1]:8700", "http://[::1]:8700"),
        ("http://host/?a=b#c", "http://host"),
    ],
)
def test_an_address_is_understood_as_people_write_it(given, expected):
    assert server_url(given, {}) == expected


def test_argument_goes_before_environment_before_default():
    env = {"GESSO_URL": "http://from-env"}
    assert server_url("http://given", env) == "http://given"
    assert server_url(None, env) == "http://from-env"
    assert server_url(None, {}) == "http://127.0.0.1:8700"


@pytest.mark.parametrize("given", ["ftp://host", "http://", "http://host:port", "http://host:99999", "://"])
def test_what_is_no_address_is_refused_with_an_example(given):
    with pytest.raises(RequestError) as caught:
        server_url(given, {})
    assert "127.0.0.1:8700" in caught.value.remedy


def test_an_empty_key_is_no_key():
    assert server_key(None, {}) is None
    assert server_key("", {"GESSO_KEY": "k"}) is None
    assert server_key(None, {"GESSO_KEY": "k"}) == "k"
    assert credentials(None) == {}
    assert credentials("k") == {"Authorization": "Bearer k"}


@pytest.mark.parametrize("key", ["a b", "kéy", "a\nX-Evil: 1"])
def test_a_key_that_cannot_be_a_header_is_refused_and_not_shown(key):
    with pytest.raises(RequestError) as caught:
        server_key(key, {})
    assert key not in str(caught.value)


def test_the_socket_is_beside_the_other_routes():
    assert socket_url("https://host/comfy", "a b") == "wss://host/comfy/ws?clientId=a+b"
    assert socket_url("http://host:1", "x") == "ws://host:1/ws?clientId=x"
