"""Each piece of rubbish gets a clear error in the dialect of its route, and nothing is lost."""

import io
import json
import socket
import struct
import uuid
import zlib
from typing import Any

import pytest
from PIL import Image
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.running import wait_for
from tests.service import PLAIN, Reply, RunningGesso

EDITOR = {"nodes": [{"id": 1, "type": "EmptyImage"}], "links": [], "version": 0.4}


def comfyui_error(reply: Reply) -> dict[str, Any]:
    """The error of an answer that is in ComfyUI's shape."""
    body = reply.json()
    assert set(body["error"]) == {"type", "message", "details", "extra_info"}, body
    assert body["error"]["message"]
    assert isinstance(body["node_errors"], dict)
    error: dict[str, Any] = body["error"]
    return error


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"not json", "invalid_json"),
        (b"\xff\xfe\x00", "invalid_json"),
        (b"", "invalid_json"),
        (b"[" * 100_000, "invalid_json"),
        (b"[]", "no_prompt"),
        (b"null", "no_prompt"),
        (b'{"client_id": "x"}', "no_prompt"),
        (json.dumps({"prompt": EDITOR}).encode(), "invalid_prompt"),
        (json.dumps({"prompt": "text"}).encode(), "invalid_prompt"),
        (json.dumps({"prompt": {"1": {"class_type": "Nope", "inputs": {}}}}).encode(), "invalid_prompt"),
        (json.dumps({"prompt": {"1": {**PLAIN["1"]}}}).encode(), "prompt_no_outputs"),
        (json.dumps({"prompt": PLAIN, "priority": "high"}).encode(), "bad_request"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_senseless_prompt_is_refused_in_comfyuis_shape(service: RunningGesso, body: bytes, kind: str) -> None:
    reply = service.call("POST", "/prompt", body)
    assert reply.status == 400
    assert comfyui_error(reply)["type"] == kind


def test_editor_format_is_told_how_to_export(service: RunningGesso) -> None:
    error = comfyui_error(service.call("POST", "/prompt", {"prompt": EDITOR}))
    assert "Export (API)" in error["message"] + error["details"]


def test_wrong_types_are_named_by_node_and_input(service: RunningGesso) -> None:
    prompt = {**PLAIN, "1": {"class_type": "EmptyImage", "inputs": {**PLAIN["1"]["inputs"], "width": "wide"}}}
    reply = service.call("POST", "/prompt", {"prompt": prompt})
    assert reply.status == 400
    [problem] = reply.json()["node_errors"]["1"]["errors"]
    assert problem["type"] == "invalid_input_type"
    assert problem["extra_info"]["input_name"] == "width"


def test_body_beyond_the_limit_is_refused_before_it_is_read(service: RunningGesso) -> None:
    with socket.create_connection(("127.0.0.1", service.port), 10) as line:
        head = f"POST /prompt HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {service.key}\r\n"
        line.sendall(f"{head}Content-Length: {200 * 1000 * 1000}\r\n\r\n".encode())
        assert b" 413 " in line.recv(65536).split(b"\r\n")[0]


def test_chunked_body_beyond_the_limit_is_refused(service: RunningGesso) -> None:
    chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    head = f"POST /prompt HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {service.key}\r\n"
    answer = b""
    with socket.create_connection(("127.0.0.1", service.port), 10) as line:
        line.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        try:
            for _ in range(200):
                line.sendall(chunk)
        except OSError:
            pass  # refused while we were still sending
        line.settimeout(10)
        try:
            answer = line.recv(65536)
        except OSError:
            return
    assert b" 413 " in answer.split(b"\r\n")[0]


@pytest.mark.parametrize(
    "query",
    [
        "filename=../../gesso.sqlite3&type=input",
        "filename=..%2F..%2Fgesso.sqlite3&type=output",
        "filename=x.png&type=input&subfolder=../../..",
        "filename=/etc/passwd&type=input",
        "filename=C:%5Cwindows%5Cwin.ini",
        "filename=x%00.png",
        "filename=x.png&type=models",
        "filename=" + "a" * 5000,
        "filename=..%2Fgesso.toml%20%5Binput%5D",
    ],
)
def test_view_leaves_no_folder(service: RunningGesso, query: str) -> None:
    assert service.call("GET", f"/view?{query}").status in (400, 403, 404)


@pytest.mark.parametrize(
    "path", ["..%2F..%2Fx", "%2e%2e%2fx.json", "/etc/passwd", "a%2F..%2F..%2Fb", "x%00.json", "..%5c..%5cx"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_userdata_leaves_no_folder(service: RunningGesso, method: str, path: str) -> None:
    body: dict[str, str] | None = {} if method == "POST" else None
    assert service.call(method, f"/userdata/{path}", body).status in (400, 403, 404)


def multipart(filename: str, content: bytes, **fields: str) -> tuple[bytes, dict[str, str]]:
    border = uuid.uuid4().hex
    parts = [
        f'--{border}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = f'--{border}\r\nContent-Disposition: form-data; name="image"; filename="{filename}"\r\n\r\n'
    body = b"".join([*parts, head.encode(), content, f"\r\n--{border}--\r\n".encode()])
    return body, {"Content-Type": f"multipart/form-data; boundary={border}"}


@pytest.mark.parametrize("name", ["../x.png", "/etc/x.png", "a/../../x.png"])
def test_upload_under_a_climbing_name_is_refused(service: RunningGesso, name: str) -> None:
    body, headers = multipart(name, b"data")
    assert service.call("POST", "/upload/image", body, headers=headers).status == 400


@pytest.mark.parametrize("name", ["..\\x.png", "C:\\x.png"])
def test_windows_path_of_an_upload_is_a_name_or_refused(service: RunningGesso, name: str) -> None:
    body, headers = multipart(name, b"data")
    reply = service.call("POST", "/upload/image", body, headers=headers)
    assert reply.status == 400 or reply.json() == {"name": "x.png", "subfolder": "", "type": "input"}


def test_upload_that_is_no_form_is_refused(service: RunningGesso) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    assert service.call("POST", "/upload/image", b"rubbish", headers=headers).status == 400
    assert service.call("POST", "/upload/image", {"image": "text"}).status == 400


def png_bomb(side: int) -> bytes:
    """A small file that says it is `side` × `side` pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def test_png_bomb_is_refused_wherever_it_would_be_unpacked(service: RunningGesso) -> None:
    body, headers = multipart("bomb.png", png_bomb(60_000))
    assert service.call("POST", "/upload/image", body, headers=headers).status == 200  # bytes are bytes
    reply = service.call("GET", "/view?filename=bomb.png&type=input&preview=webp;50")
    assert reply.status == 413
    assert "pixels" in comfyui_error(reply)["message"]
    prompt = {
        "1": {"class_type": "LoadImage", "inputs": {"image": "bomb.png"}},
        "3": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "b"}},
    }
    job_id = service.call("POST", "/prompt", {"prompt": prompt}).json()["prompt_id"]
    item = service.ended(job_id)
    assert item["status"]["status_str"] == "error"
    assert service.call("GET", "/gesso/readyz").status == 200


def socket_url(service: RunningGesso) -> str:
    return f"ws://127.0.0.1:{service.port}/ws?clientId=rubbish"


@pytest.mark.parametrize(
    "rubbish",
    [
        "",
        "not json",
        "[1, 2]",
        '{"type": "feature_flags"}',
        '{"type": "feature_flags", "data": 3}',
        b"\x00\xff",
        b"",
    ],
)
def test_socket_that_sends_rubbish_stays_useful(service: RunningGesso, rubbish: str | bytes) -> None:
    headers = {"Authorization": f"Bearer {service.key}"}
    with connect(socket_url(service), additional_headers=headers) as line:
        assert json.loads(line.recv(10))["type"] == "status"
        for _ in range(50):
            line.send(rubbish)
        job_id = service.call("POST", "/prompt", {"prompt": PLAIN, "client_id": "rubbish"}).json()[
            "prompt_id"
        ]
        heard = [json.loads(line.recv(20))]
        while heard[-1] != {"type": "executing", "data": {"node": None, "prompt_id": job_id}}:
            message = line.recv(20)
            heard.append(json.loads(message))
        assert service.history(job_id) is not None


def test_oversized_socket_message_ends_that_socket_only(service: RunningGesso) -> None:
    headers = {"Authorization": f"Bearer {service.key}"}
    with connect(socket_url(service), additional_headers=headers) as line:
        line.recv(10)
        with pytest.raises(ConnectionClosed):
            for _ in range(200):
                line.send("x" * (1 << 21))
                line.recv(10)
    assert service.call("GET", "/gesso/readyz").status == 200


@pytest.mark.parametrize("key", [None, "gesso_" + "A" * 43, "rubbish"])
def test_socket_without_a_valid_key_is_refused_before_the_upgrade(
    service: RunningGesso, key: str | None
) -> None:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    with pytest.raises(InvalidStatus) as refusal, connect(socket_url(service), additional_headers=headers):
        pass
    assert refusal.value.response.status_code == 401


@pytest.mark.parametrize("key", ["", "rubbish", "gesso_" + "A" * 43])
@pytest.mark.parametrize(
    "path", ["/queue", "/api/queue", "/view?filename=x", "/v1/models", "/gesso/api/jobs"]
)
def test_caller_without_a_valid_key_gets_401_in_json(service: RunningGesso, path: str, key: str) -> None:
    reply = service.call("GET", path, key=key)
    assert reply.status == 401
    assert reply.headers["content-type"].startswith("application/json")
    assert "gesso keys create" in reply.body.decode()


def test_browser_without_a_login_is_sent_to_it(service: RunningGesso) -> None:
    reply = service.call("GET", "/", key="", headers={"Accept": "text/html,*/*"})
    assert reply.status in (302, 303, 307)
    assert reply.headers["location"].startswith("/gesso/login")


def test_revoked_key_opens_nothing_from_that_moment(service: RunningGesso) -> None:
    made = service.call("POST", "/gesso/api/keys", {"name": "short"}).json()
    token, key_id = made["token"], made["key"]["id"]
    assert service.call("GET", "/queue", key=token).status == 200
    assert service.call("DELETE", f"/gesso/api/keys/{key_id}").status in (200, 204)
    assert service.call("GET", "/queue", key=token).status == 401


def test_secrets_of_a_prompt_are_neither_stored_nor_shown(service: RunningGesso) -> None:
    extra = {"auth_token_comfy_org": "SECRET-ONE", "api_key_comfy_org": "SECRET-TWO", "extra_pnginfo": {}}
    prompt = {**PLAIN, "1": {**PLAIN["1"], "inputs": {**PLAIN["1"]["inputs"], "color": 77}}}
    reply = service.call("POST", "/prompt", {"prompt": prompt, "extra_data": extra})
    item = service.ended(reply.json()["prompt_id"])
    assert "SECRET" not in json.dumps(item)
    stored = b"".join(
        path.read_bytes() for path in (service.directory / "storage").glob("gesso.sqlite3*") if path.is_file()
    )
    assert b"SECRET-" not in stored
    assert "SECRET-" not in service.log()


def test_same_id_is_the_same_job_and_another_request_under_it_is_refused(service: RunningGesso) -> None:
    job_id = str(uuid.uuid4())
    first = service.call("POST", "/prompt", {"prompt": PLAIN, "prompt_id": job_id})
    again = service.call("POST", "/prompt", {"prompt": PLAIN, "prompt_id": job_id})
    assert first.json() == again.json()
    other = {**PLAIN, "2": {"class_type": "ImageInvert", "inputs": {"image": ["2", 0]}}}
    other["2"]["inputs"]["image"] = ["1", 0]
    other["3"] = {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "other"}}
    reply = service.call("POST", "/prompt", {"prompt": other, "prompt_id": job_id})
    assert reply.status == 422
    service.ended(job_id)


def test_picture_is_what_was_asked_for(service: RunningGesso) -> None:
    job_id = service.call("POST", "/prompt", {"prompt": PLAIN}).json()["prompt_id"]
    item = wait_for(lambda: service.history(job_id))
    assert item is not None
    picture = Image.open(io.BytesIO(service.picture(item)))
    assert picture.getpixel((5, 5)) == (0xCC, 0x99, 0x32)  # 0x3366CC inverted, cut off as ComfyUI does
