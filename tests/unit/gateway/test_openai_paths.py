"""OpenAI's addresses in all their spellings lead to one place, with one key."""

import asyncio

import pytest

from gesso.gateway.middleware.openai_paths import OpenAIPaths, plain_path
from gesso.gateway.responses import Dialect, dialect_of, raw_path_of
from tests.unit.gateway.calls import Answer, call


@pytest.mark.parametrize(
    ("path", "plain", "model"),
    [
        ("/images/generations", "/v1/images/generations", None),
        ("/images/edits", "/v1/images/edits", None),
        ("/images/variations", "/v1/images/variations", None),
        ("/chat/completions", "/v1/chat/completions", None),
        ("/openai/v1/images/edits", "/v1/images/edits", None),
        ("/openai/v1/models/a%2Fb", "/v1/models/a%2Fb", None),
        ("/openai/models", "/v1/models", None),
        ("/openai/deployments/sketch/images/generations", "/v1/images/generations", "sketch"),
        ("/openai/deployments/a%2Fb/chat/completions", "/v1/chat/completions", "a/b"),
        ("/openai/deployments/sketch/embeddings", "/v1/embeddings", "sketch"),
        # ComfyUI's own, and what is nobody's.
        ("/v1/images/generations", "/v1/images/generations", None),
        ("/models", "/models", None),
        ("/embeddings", "/embeddings", None),
        ("/images/generations/x", "/images/generations/x", None),
        ("/openai", "/openai", None),
        ("/openai/deployments/sketch", "/openai/deployments/sketch", None),
        ("/openai/deployments//images/edits", "/openai/deployments//images/edits", None),
        ("/openai/../gesso/api/jobs", "/v1/../gesso/api/jobs", None),
    ],
)
def test_an_address_is_made_plain(path: str, plain: str, model: str | None) -> None:
    assert plain_path(path) == (plain, model)


def seen(path: str, **headers: str) -> dict[str, object]:
    """The scope that reaches the rest of the gateway."""

    async def inner(scope: object, receive: object, send: object) -> None:
        pass

    sent = [(name.replace("_", "-"), value) for name, value in headers.items()]
    answer: Answer = asyncio.run(call(OpenAIPaths(inner), path, headers=sent))
    return answer.scope


def test_azures_header_of_a_key_becomes_the_usual_one_for_this_api_only() -> None:
    for path in ("/openai/deployments/sketch/images/edits?api-version=1", "/v1/models", "/images/edits"):
        assert seen(path, api_key="gesso_x")["headers"] == [(b"authorization", b"Bearer gesso_x")]
    assert seen("/prompt", api_key="gesso_x")["headers"] == [(b"api-key", b"gesso_x")]


def test_one_key_in_two_headers_is_one_and_two_keys_stay_two() -> None:
    headers = seen("/v1/models", authorization="Bearer a", api_key="a")["headers"]
    assert headers == [(b"authorization", b"Bearer a")]
    headers = seen("/v1/models", authorization="Bearer a", api_key="b")["headers"]
    assert headers == [(b"authorization", b"Bearer a"), (b"authorization", b"Bearer b")]


def test_the_log_shows_the_address_as_it_came_and_errors_have_openais_shape() -> None:
    scope = seen("/openai/deployments/a/embeddings?api-version=1")
    assert scope["gesso.shown"] == ("/openai/deployments/a/embeddings", b"api-version=1")
    assert scope["path"] == "/v1/embeddings" and scope["gesso.model"] == "a"
    assert dialect_of(raw_path_of(scope)) is Dialect.OPENAI
