"""Refused prompts, uploads and views answer as they were recorded."""

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from tests.integration.sketch.conftest import judge
from tests.integration.sketch.exchange import Answer, differences, form, renaming, send, send_json
from tests.recordings import FOLDER, load_or
from tests.running import running_sketch

pytestmark = [
    pytest.mark.recordings,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="no recordings beside this checkout"),
]

REFUSALS: dict[str, dict[str, Any]] = load_or("invalid-prompts.json", {})
EXCHANGES: list[dict[str, Any]] = load_or("uploads-and-views.json", [])
CHECKPOINT = "random_sd15.safetensors"


def picture(color: str) -> bytes:
    output = BytesIO()
    Image.new("RGB", (8, 8), color).save(output, "PNG")
    return output.getvalue()


RED, BLUE = picture("red"), picture("blue")
# What was sent follows from the answers: the same picture twice, another of the same name, into a
# folder, out of the folder, and nothing.
UPLOADS: list[tuple[dict[str, str], tuple[str, bytes] | None]] = [
    ({}, ("red.png", RED)),
    ({}, ("red.png", RED)),
    ({}, ("red.png", BLUE)),
    ({"subfolder": "deep/er"}, ("red.png", RED)),
    ({"subfolder": "../.."}, ("red.png", RED)),
    ({"type": "input"}, None),
]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if (other := judge()) is not None:
        yield other[0]
        return
    with running_sketch(tmp_path_factory.mktemp("requests") / "data", "--alias", CHECKPOINT) as sketch:
        yield sketch.url


@pytest.fixture(scope="module")
def answers(url: str) -> list[Answer]:
    return answer_uploads_and_views(url)


def answer_uploads_and_views(url: str) -> list[Answer]:
    """The recorded exchanges, sent again in their order."""
    uploads = iter(UPLOADS)
    found = []
    for want in EXCHANGES:
        if want["path"] == "/upload/image":
            body, headers = form(*next(uploads))
            found.append(send(url, "POST", want["path"], body, headers))
        elif want["path"] == "/prompt":
            found.append(send(url, "POST", want["path"], b"not json"))
        else:
            found.append(send(url, "GET", want["path"]))
    return found


@pytest.mark.parametrize("name", REFUSALS)
def test_invalid_prompt_is_answered_as_recorded(name: str, url: str) -> None:
    assert refusal_differences(name, url) == []


def refusal_differences(name: str, url: str) -> list[str]:
    want = REFUSALS[name]
    got = send_json(url, "POST", "/prompt", want["request"])
    # The order of bad nodes' messages is chance there, so `details` of the whole is empty in the recordings.
    return differences(plain(want), got, lambda value: plain({"json": value})["json"])


def plain(exchange: dict[str, Any]) -> dict[str, Any]:
    """Without the order of bad nodes, and without what the lists hold that a value was not in."""
    exchange = without_lines(exchange)
    for node in exchange["json"].get("node_errors", {}).values():
        for error in node["errors"]:
            if error["type"] == "value_not_in_list":
                error["details"] = error["details"].partition(" not in ")[0]
                assert "input_config" in error["extra_info"]
                error["extra_info"]["input_config"] = None
    return exchange


def without_lines(exchange: dict[str, Any]) -> dict[str, Any]:
    error = exchange["json"].get("error")
    if not isinstance(error, dict) or error.get("type") != "prompt_outputs_failed_validation":
        return exchange
    assert isinstance(error["details"], str)
    return {**exchange, "json": {**exchange["json"], "error": {**error, "details": ""}}}


@pytest.mark.parametrize(
    "index", range(len(EXCHANGES)), ids=[f"{each['method']}-{each['path']}" for each in EXCHANGES]
)
def test_upload_or_view_answers_as_recorded(index: int, answers: list[Answer]) -> None:
    want, got = EXCHANGES[index], answers[index]
    if want["path"] == "/prompt" and judge() is None:
        # Different on purpose: ComfyUI answers 500 to a body that is not JSON.
        assert got.status == 400
        assert got.json["error"]["type"] == "invalid_json"
        return
    if want["path"].startswith("/view_metadata/checkpoints") and judge() is None:
        # Their file tells nothing; ours tells what stands in for it.
        assert got.status == 200
        assert "comes with sketch" in got.json["modelspec.description"]
        return
    assert differences(want, got, renaming({})) == []
