"""The border to httpx: whatever it raises becomes one of gesso's errors, and some of it is tried again."""

import inspect

import httpx
import pytest

from gesso import errors
from gesso.client._sync.connection import Connection, _may_repeat, pause_s

RAISED = [
    kind
    for _, kind in inspect.getmembers(httpx, inspect.isclass)
    if issubclass(kind, httpx.HTTPError | httpx.InvalidURL)
]


@pytest.fixture(scope="module")
def connection():
    made = Connection("http://h", None, timeout_s=1, retries=0)
    yield made
    made.close()


def raised(kind):
    if kind is httpx.HTTPStatusError:
        request = httpx.Request("GET", "http://h")
        return kind("it broke", request=request, response=httpx.Response(500, request=request))
    return kind("it broke")


@pytest.mark.parametrize("kind", RAISED, ids=lambda kind: kind.__name__)
def test_every_exception_of_httpx_is_translated_with_its_words(connection, kind):
    error = connection._translated(raised(kind), "GET", "/x")
    expected = (errors.RequestError, errors.EngineUnreachable, errors.GatewayError)
    assert isinstance(error, expected)
    assert "http://h" in error.message


@pytest.mark.parametrize(
    ("kind", "always", "if_harmless"),
    [
        (httpx.ConnectError, True, True),
        (httpx.ConnectTimeout, True, True),
        (httpx.ReadError, False, True),
        (httpx.ReadTimeout, False, True),
        (httpx.WriteError, False, True),
        (httpx.RemoteProtocolError, False, True),
        (httpx.UnsupportedProtocol, False, False),
        (httpx.InvalidURL, False, False),
        (httpx.DecodingError, False, False),
    ],
)
def test_only_what_never_left_is_always_sent_again(kind, always, if_harmless):
    assert _may_repeat(kind("x"), repeat=False) is always
    assert _may_repeat(kind("x"), repeat=True) is if_harmless


def test_pauses_grow_and_stay_short():
    pauses = [pause_s(tried) for tried in range(6)]
    assert pauses == sorted(pauses) and pauses[0] == 0.25 and pauses[-1] == 2.0
