"""What a service cannot give is told in OpenAI's words: whose fault it is, and what to do about it."""

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.service import ENGINE, UNHURRIED, RunningGesso, running_service
from tests.strokes import STROKES


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGesso]:
    model = (
        f"[[model]]\nname = 'strokes'\ntemplate = '{STROKES}'\ndefaults = {{ steps = 1, size = '32x32' }}\n"
    )
    with running_service(tmp_path_factory.mktemp("gesso"), ENGINE + UNHURRIED + model) as service:
        yield service


@pytest.fixture
def client(service: RunningGesso) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{service.url}/v1", api_key=service.key, timeout=60) as client:
        yield client


def count_jobs(service: RunningGesso) -> int:
    return len(service.call("GET", "/gesso/api/jobs").json()["jobs"])


@pytest.mark.parametrize("key", ["", "x" * 256, "x" * 10_000, "sch\u00fcssel", "a\tb"])
def test_an_idempotency_key_that_is_no_good_as_a_name_is_refused(service: RunningGesso, key: str) -> None:
    before, headers = count_jobs(service), {"Idempotency-Key": key}
    told = service.call("POST", "/v1/images/generations", {"prompt": "a heart"}, headers=headers)
    error = told.json()["error"]
    assert (told.status, error["type"]) == (400, "invalid_request_error")
    assert error["param"] == "Idempotency-Key" and "255" in error["message"]
    assert count_jobs(service) == before


def test_an_idempotency_key_may_be_long_and_have_blanks(client: openai.OpenAI) -> None:
    headers = {"Idempotency-Key": f"order 4711, {'~' * 243}"}
    assert client.images.generate(prompt="a heart", extra_headers=headers).data


def test_a_stored_file_that_is_no_picture_is_a_fault_of_the_server(
    service: RunningGesso, client: openai.OpenAI
) -> None:
    def ask() -> Any:
        return client.images.generate(prompt="a heart", extra_headers={"Idempotency-Key": "damaged"})

    stored = artifact(service, base64.b64decode(ask().data[0].b64_json))
    stored.chmod(0o600)
    stored.write_bytes(b"no picture")
    with pytest.raises(openai.InternalServerError) as refused:
        ask()
    assert (refused.value.status_code, refused.value.type) == (502, "server_error")
    assert refused.value.code == "engine_refused"
    assert refused.value.response.headers["x-should-retry"] == "false"
    stored.unlink()
    with pytest.raises(openai.NotFoundError):
        ask()


def artifact(service: RunningGesso, data: bytes) -> Path:
    """Where gesso keeps this content."""
    (found,) = service.directory.rglob(hashlib.sha256(data).hexdigest())
    return found


def test_a_model_whose_only_engine_was_stopped_by_hand_is_told_to_be_so(
    service: RunningGesso, client: openai.OpenAI
) -> None:
    known: Any = {"prompt": "a heart", "extra_headers": {"Idempotency-Key": "before the stop"}}
    made = client.images.generate(**known)
    before = count_jobs(service)
    service.call("POST", "/gesso/api/engines/sketch/stop")
    try:
        with pytest.raises(openai.InternalServerError, match="engine 'sketch' is stopped") as refused:
            client.with_options(max_retries=0).images.generate(prompt="a heart")
        assert (refused.value.status_code, refused.value.type) == (503, "server_error")
        assert refused.value.code == "no_engine" and "gesso engines start" in refused.value.message
        listed = client.models.retrieve("strokes").model_dump()
        assert (listed["available"], listed["reason"]) == (False, "engine 'sketch' is stopped")
        assert count_jobs(service) == before
        # What is made already needs no engine.
        assert client.images.generate(**known).data == made.data
    finally:
        service.call("POST", "/gesso/api/engines/sketch/start")
    # Starting is not stopped: this one is waited for.
    assert client.images.generate(prompt="a heart").data
