"""Whatever is sent, sketch neither fails nor shows a traceback, and goes on working."""

import json
from typing import Any

import pytest

from tests.integration.sketch.exchange import send, send_json
from tests.integration.sketch.workflows import plain
from tests.running import Sketch

DEEP = b"[" * 100_000
BODIES = [
    b"",
    b"not json",
    b"\xff\xfe\x00",
    b"null",
    b"5",
    b'"text"',
    b"[]",
    b"[1, 2]",
    b"{}",
    DEEP,
    b'{"a":' * 600 + b"1" + b"}" * 600,
    b'{"prompt": ' + b"9" * 5000 + b"}",
    b'{"clear": true, "delete": 5}',
    b'{"delete": [null, {}, []]}',
    b'{"username": "\\ud800"}',
]
POSTS = [
    "/prompt",
    "/queue",
    "/history",
    "/interrupt",
    "/free",
    "/users",
    "/settings",
    "/settings/x",
    "/upload/image",
]


@pytest.mark.parametrize("path", [*POSTS, "/upload/mask", "/internal/logs/subscribe"])
@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_no_body_makes_sketch_fail(path: str, body: bytes, url: str) -> None:
    method = "PATCH" if path.startswith("/internal") else "POST"
    answer = send(url, method, path, body, {"Content-Type": "application/json; charset=nonsense"})
    assert answer.status < 500
    assert b"Traceback" not in answer.body


PROMPTS: list[Any] = [
    {"prompt": plain(), "number": "many"},
    {"prompt": plain(), "number": float("nan")},
    {"prompt": plain(), "number": float("inf")},
    {"prompt": plain(), "number": []},
    {"prompt": plain(), "extra_data": []},
    {"prompt": plain(), "partial_execution_targets": 5},
    {"prompt": None},
    {"prompt": []},
    {"prompt": "text"},
    {"prompt": {"1": None}},
    {"prompt": {"1": {"class_type": None, "inputs": {}}}},
    {"prompt": {"1": {"class_type": ["EmptyImage"], "inputs": {}}}},
    {"prompt": {"1": {"class_type": "PreviewImage", "inputs": None}}},
    {"prompt": {"1": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}}}},
    {"prompt": {"1": {"class_type": "PreviewImage", "inputs": {"images": [["1"], 0]}}}},
    {"prompt": {"1": {"class_type": "PreviewImage", "inputs": {"images": ["1", -1]}}}},
]


@pytest.mark.parametrize("body", PROMPTS, ids=range(len(PROMPTS)))
def test_senseless_prompt_is_refused_in_comfyuis_shape(body: Any, url: str) -> None:
    answer = send_json(url, "POST", "/prompt", body)
    assert answer.status == 400
    assert set(answer.json) == {"error", "node_errors"}
    assert set(answer.json["error"]) == {"type", "message", "details", "extra_info"}
    assert "Traceback" not in answer.json["error"]["message"]


@pytest.mark.parametrize(
    "path",
    [
        "/history?max_items=x",
        "/history?offset=" + "9" * 5000,
        "/history/%00",
        "/view?filename=%00&type=input",
        "/view?filename=" + "a" * 5000,
        "/view?filename=%ff&type=input",
        "/view?filename=x.png&subfolder=%00",
        "/view?filename=x&type=input&subfolder=" + "a" * 300,
        "/view?filename=[input]",
        "/models/%2e%2e",
        "/models/..%2f..",
        "/experiment/models/preview/checkpoints/a/x",
        "/experiment/models/preview/checkpoints/99/x",
        "/experiment/models/preview/checkpoints/0/..%2f..%2f..%2fetc%2fpasswd",
        "/experiment/models/preview/checkpoints/0/%00",
        "/view_metadata/checkpoints?filename=..%2f..%2fx.safetensors",
        "/view_metadata/checkpoints?filename=%00.safetensors",
        "/userdata?dir=%00",
        "/userdata?dir=" + "a" * 300,
        "/v2/userdata?path=%00",
        "/v2/userdata?path=%ff",
        "/userdata/" + "a" * 300,
        "/internal/files/..",
        "/internal/files/nope",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "/assets/..%2f..%2f__init__.py",
        "/object_info/%00",
        "/settings/%00",
    ],
)
def test_no_path_makes_sketch_fail_or_leaves_its_folders(path: str, url: str) -> None:
    for prefix in ("", "/api"):
        answer = send(url, "GET", prefix + path)
        assert answer.status < 500
        assert b"root:" not in answer.body
        assert b"Traceback" not in answer.body


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://evil.example", 403),
        ("http://127.0.0.1:1", 403),
        ("null", 200),
        ("http://[", 403),
        ("{url}", 200),
        ("http://127.0.0.1", 200),
    ],
)
def test_pages_of_other_sites_are_refused(origin: str, status: int, url: str) -> None:
    answer = send(url, "GET", "/prompt", headers={"Origin": origin.format(url=url)})
    assert answer.status == status


def test_other_sites_open_no_socket(url: str) -> None:
    headers = {
        "Origin": "http://evil.example",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    assert send(url, "GET", "/ws", headers=headers).status == 403


def test_sketch_still_works_and_logged_no_defect(sketch: Sketch) -> None:
    assert json.loads(send(sketch.url, "GET", "/prompt").body)["exec_info"] is not None
    assert send_json(sketch.url, "POST", "/prompt", {"prompt": plain(99)}).status == 200
    assert "Traceback" not in sketch.log.read_text().replace(
        "are not readable: taken as empty\nTraceback", ""
    )
