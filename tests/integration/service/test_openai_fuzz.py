"""Whatever JSON is sent to OpenAI's routes is answered, and never with a fault of ours."""

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gesso.protocol.openai_parameters import TABLE
from tests.service import ENGINE, UNHURRIED, RunningGesso, running_service

STROKES = Path(__file__).parents[2] / "templates" / "strokes.json"
MODEL = (
    f"[[model]]\nname = 'strokes'\ntemplate = '{STROKES}'\n"
    "limits = { steps = 2, count = 2, pixels = 4096 }\ndefaults = { size = '32x32', steps = 1 }\n"
)
MORE = settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGesso]:
    with running_service(tmp_path_factory.mktemp("gesso"), ENGINE + UNHURRIED + MODEL) as service:
        yield service
        assert "Traceback" not in service.log()


KNOWN = st.sampled_from([row.name for row in TABLE] + ["messages"])
NAMES = KNOWN | st.sampled_from(["image[]", "mask[]"]) | st.text(max_size=8)
TEXTS = st.text(max_size=20) | st.sampled_from(
    ["strokes", "auto", "32x32", "png", "url", "true", "1", "\ud800"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
ROUTES = st.sampled_from(["images/generations", "images/edits", "images/variations", "chat/completions"])
PARTS = st.sampled_from(["text", "image_url", "input_text", "?"])
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "system"])},
        optional={
            "content": VALUES
            | st.lists(
                st.fixed_dictionaries({"type": PARTS}, optional={"text": VALUES, "image_url": VALUES}),
                max_size=3,
            )
        },
    ),
    max_size=3,
)


def ask(service: RunningGesso, route: str, body: bytes, kind: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    try:
        headers = {"Authorization": f"Bearer {service.key}", "Content-Type": kind}
        connection.request("POST", f"/v1/{route}", body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def check(status: int, body: bytes) -> None:
    assert status < 500, body
    if status >= 400:
        told = json.loads(body)["error"]
        assert set(told) == {"message", "type", "param", "code"} and told["message"]


# One wrong value of a known parameter goes furthest.
FIELDS = st.dictionaries(KNOWN, TEXTS | VALUES, min_size=1, max_size=1) | st.dictionaries(
    NAMES, VALUES, max_size=4
)


@MORE
@given(ROUTES, FIELDS, MESSAGES)
def test_any_json_is_answered(
    service: RunningGesso, route: str, fields: dict[str, Any], messages: list[Any]
) -> None:
    body = {"model": "strokes", "prompt": "x", **fields}
    if route.startswith("chat"):
        body = {"model": "strokes", "messages": messages, **fields}
    check(*ask(service, route, json.dumps(body).encode(), "application/json"))


@MORE
@given(
    ROUTES,
    st.binary(max_size=200),
    st.sampled_from(["application/json", "multipart/form-data", "text/x", ""]),
)
def test_any_body_is_answered(service: RunningGesso, route: str, body: bytes, kind: str) -> None:
    check(*ask(service, route, body, kind))
