"""Forms, pictures and JSON as nobody's library sends them: answered, and nothing of them left behind."""

import base64
import io
import json
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.service import ENGINE, UNHURRIED, RunningGesso, running_service

STROKES = Path(__file__).parents[2] / "templates" / "strokes.json"
MODELS = (
    "[[model]]\nname = 'sketch'\ntemplate = 'sketch-text-to-image'\nedit_template = 'sketch-edit'\n"
    "variation_template = 'sketch-variation'\ndefaults = { steps = 1 }\nlimits = { steps = 1, count = 2 }\n"
    f"[[model]]\nname = 'strokes'\ntemplate = '{STROKES}'\n"
    "limits = { steps = 1, count = 2, pixels = 4096 }\ndefaults = { size = '32x32', steps = 1 }\n"
)
FUZZ = settings(
    max_examples=int(os.environ.get("GESSO_FUZZ_EXAMPLES", "60")),
    derandomize="GESSO_FUZZ_EXAMPLES" not in os.environ,
    database=None,
    suppress_health_check=list(HealthCheck),
)
HANGS_S = 30.0


def saved(image: Image.Image, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def plain(mode: str, color: Any) -> Image.Image:
    return Image.new(mode, (24, 16), color)


PNG, CLEAR = saved(plain("RGB", "red"), "PNG"), saved(plain("RGBA", (9, 9, 9, 0)), "PNG")
PICTURES = [
    *(PNG, CLEAR, b"", b"no picture", b"<svg/>", PNG[:-30], saved(plain("RGB", "red"), "JPEG")[:-50]),
    # Four thousand million pixels, in a few bytes.
    PNG[:16] + b"\0\0\xff\xff\0\0\xff\xff" + PNG[24:],
    saved(plain("P", 1), "GIF", save_all=True, append_images=[plain("P", 2)]),
    saved(plain("CMYK", (1, 2, 3, 4)), "JPEG"),
    saved(plain("I;16", 40_000), "PNG"),
    saved(plain("P", 1), "PNG", transparency=b"\0\1\2"),
    saved(plain("LA", (3, 4)), "PNG"),
    saved(plain("F", 0.5), "TIFF"),
    saved(plain("RGB", "red"), "EPS"),
]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGesso]:
    with running_service(tmp_path_factory.mktemp("gesso"), ENGINE + UNHURRIED + MODELS) as service:
        yield service
        # Whatever was sent: the engine still draws.
        status, _ = send(service, "/v1/images/edits", form(SOUND[:2]))
        assert status == 200 and service.engine()["restarts"] == 0
        assert "Traceback" not in service.log()


FORM = b"multipart/form-data; boundary=edge"
Part = tuple[bytes, bytes | None, bytes]


def form(parts: list[Part]) -> bytes:
    """`parts`: name, name of the file or None, content."""
    told = []
    for name, filename, content in parts:
        file = b"" if filename is None else b'; filename="' + filename + b'"'
        told.append(
            b'--edge\r\nContent-Disposition: form-data; name="' + name + b'"' + file + b"\r\n\r\n" + content
        )
    return b"\r\n".join([*told, b"--edge--\r\n"])


def send(
    service: RunningGesso, path: str, body: bytes, kind: bytes = FORM, *, announced: int | None = None
) -> tuple[int, bytes]:
    """The status and body; 0 where the connection was closed instead. `announced`: another length."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {service.key}\r\nConnection: close\r\n"
        f"Content-Length: {len(body) if announced is None else announced}\r\n"
    ).encode()
    answer = b""
    with socket.create_connection(("127.0.0.1", service.port), timeout=HANGS_S) as connection:
        with suppress(ConnectionError):
            connection.sendall(head + b"Content-Type: " + kind + b"\r\n\r\n" + body)
            if announced is not None and announced > len(body):
                connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(1 << 16):
                answer += part
    head_of_answer, _, rest = answer.partition(b"\r\n\r\n")
    return (int(head_of_answer.split(b" ", 2)[1]), rest) if answer else (0, b"")


def kept(service: RunningGesso) -> set[Path]:
    """Every file of every user, and whatever is on its way to become one."""
    found = (service.directory / "storage" / "artifacts").rglob("*")
    return {path for path in found if path.is_file() and path.suffix != ".lock"}


def check(service: RunningGesso, path: str, *sent: Any, **more: Any) -> None:
    before = kept(service)
    status, body = send(service, path, *sent, **more)
    assert status < 500, body
    if status == 200:
        return
    # A form that ends before its announced end is nobody's any more.
    assert status >= 400 or "announced" in more
    if status and path.startswith("/v1"):
        told = json.loads(body)["error"]
        assert set(told) == {"message", "type", "param", "code"} and told["message"]
    assert kept(service) <= before


DRAWS, UPLOADS = ("/v1/images/edits", "/v1/images/variations"), ("/upload/image", "/upload/mask")
PATHS = st.sampled_from(DRAWS + UPLOADS)
NAMES = st.sampled_from(
    [b"image", b"image[]", b"image[0]", b"image[][]", b"mask", b"mask[]", b"prompt", b"model", b"size", b"n"]
    + [
        b"type",
        b"subfolder",
        b"overwrite",
        b"original_ref",
        b"",
        b"\xff\xfe",
        b"a" * 3000,
        b"%00",
        b"\xc3\xa4",
    ]
)
FILENAMES = st.none() | st.sampled_from(
    [b"x.png", b"", b"../../x.png", b"\xff.png", b"a" * 300, b"C:\\x.png", b"CON", b"x\0.png", b"."]
)
TEXTS = st.sampled_from(
    [b"red", b"sketch", b"strokes", b"auto", b"24x16", b"1", b"1e400", b"NaN", b"\xed\xa0\x80", b"input"]
    + [b'{"filename": "x.png", "type": "input"}', b'{"filename": "\\ud800"}', b"[" * 5000, b"\0"]
)
PARTS = st.lists(st.tuples(NAMES, FILENAMES, st.sampled_from(PICTURES) | TEXTS), max_size=6)
# What goes far: a picture and a prompt among the rest.
SOUND: list[Part] = [(b"image", b"x.png", PNG), (b"prompt", None, b"red"), (b"original_ref", None, b"{}")]


@FUZZ
@given(PATHS, PARTS, st.booleans(), st.randoms())
def test_any_parts_in_any_order(
    service: RunningGesso, path: str, parts: list[Part], sound: bool, random: Random
) -> None:
    parts = parts + SOUND if sound else parts
    random.shuffle(parts)
    check(service, path, form(parts))


@FUZZ
@given(PATHS, st.sampled_from(PICTURES), st.sampled_from(PICTURES))
def test_any_picture_with_any_mask(service: RunningGesso, path: str, picture: bytes, mask: bytes) -> None:
    if path in UPLOADS:
        send(
            service, "/upload/image", form([(b"image", b"original.png", picture), (b"overwrite", None, b"1")])
        )
        reference = b'{"filename": "original.png", "type": "input"}'
        check(service, path, form([(b"image", b"m.png", mask), (b"original_ref", None, reference)]))
    else:
        masks: list[Part] = [(b"mask", b"m.png", mask)] if path == DRAWS[0] else []
        prompt: list[Part] = [(b"prompt", None, b"red")] if path == DRAWS[0] else []
        check(
            service, path, form([(b"image", b"x.png", picture), *masks, *prompt, (b"model", None, b"sketch")])
        )


@FUZZ
@given(PATHS, st.data())
def test_a_damaged_form(service: RunningGesso, path: str, data: st.DataObject) -> None:
    whole = form(SOUND)
    cut = data.draw(st.integers(0, len(whole) - 1))
    body, kind = data.draw(
        st.sampled_from(
            [
                (whole[:cut], FORM),
                (whole[cut:], FORM),
                (whole[:cut] + b"\0\r\n--edge" + whole[cut:], FORM),
                (whole.replace(b"\r\n", b"\n"), FORM),
                (whole, b"multipart/form-data"),
                (whole, b"multipart/form-data; boundary="),
                (whole, b"multipart/form-data; boundary=other"),
                (whole, b"multipart/form-data; boundary=" + b"x" * 5000),
                (whole, b"multipart/form-data; boundary=\xff\xfe"),
                (whole, b"multipart/form-data; boundary=edge; charset=none-such"),
                (whole, b"application/x-www-form-urlencoded"),
                (whole, b"multipart/mixed; boundary=edge"),
                (whole.replace(b"form-data", b"attachment"), FORM),
                (whole.replace(b"Content-Disposition", b"X"), FORM),
                (b"--edge\r\n" * 2000, FORM),
                (form([(b"x%d" % number, None, b"") for number in range(2000)]), FORM),
                (form([(b"image", b"x.png", PNG)] * 40), FORM),
                (form([(b"prompt", None, b"x" * 3_000_000), *SOUND[:1]]), FORM),
            ]
        )
    )
    more = data.draw(st.sampled_from([None, None, len(body) // 2, len(body) + 100, 0]))
    check(service, path, body, kind, **({} if more is None else {"announced": more}))


REQUESTS: dict[str, dict[str, Any]] = {
    "/v1/images/generations": {"model": "strokes", "prompt": "red"},
    "/v1/images/edits": {"model": "sketch", "prompt": "red", "images": ["LINK"]},
    "/v1/chat/completions": {"model": "sketch", "messages": [{"role": "user", "content": "LINK"}]},
}
# Where a value stands, another text: JSON that most writers of JSON could not write.
ODD = st.sampled_from(
    ["1e400", "-1e400", "NaN", "Infinity", "1" * 5000, "0.1e-999", '"\\ud800"', '"\\u0000"', "[" * 20_000]
    + ['{"a":' * 3000, "null", "true", "[]", "{}", '"a", "prompt": "b"', '1, "n": 2', '"\xff"', "'x'", "-0"]
)
FIELDS = st.sampled_from(
    ["prompt", "model", "n", "size", "seed", "stream", "guidance", "steps", "messages", "images"]
)


@FUZZ
@given(st.sampled_from(list(REQUESTS)), FIELDS, ODD)
def test_any_json(service: RunningGesso, path: str, field: str, value: str) -> None:
    link = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    text = json.dumps({**REQUESTS[path], field: "ODD"}).replace("LINK", link).replace('"ODD"', value)
    check(service, path, text.encode("latin-1"), b"application/json")


LINKS = st.builds(
    lambda head, data, tail: head + data + tail,
    st.sampled_from(
        ["data:image/png;base64,", "data:;base64,", "data:image/png,", "data:", "", "http://127.0.0.1/"]
    ),
    st.sampled_from([base64.b64encode(each).decode() for each in PICTURES]) | st.text(max_size=10),
    st.sampled_from(["", "=", "====", "\n", " ", "%3D", "\ud800", ","]),
)
SHAPES = st.sampled_from(
    [
        '{"url": %s}',
        "%s",
        '{"url": {"url": %s}}',
        "[%s]",
        '{"url": %s, "detail": "high"}',
        '{"file_id": %s}',
        "null",
    ]
)


@FUZZ
@given(st.sampled_from(["image_url", "input_image", "text"]), LINKS, SHAPES)
def test_any_picture_in_a_chat(service: RunningGesso, kind: str, link: str, shape: str) -> None:
    reference = shape.replace("%s", json.dumps(link))
    content = f'[{{"type": "text", "text": "red"}}, {{"type": "{kind}", "image_url": {reference}}}]'
    body = f'{{"model": "sketch", "messages": [{{"role": "user", "content": {content}}}]}}'
    check(service, "/v1/chat/completions", body.encode(), b"application/json")
    body = f'{{"model": "sketch", "prompt": "red", "images": [{{"image_url": {reference}}}]}}'
    check(service, "/v1/images/edits", body.encode(), b"application/json")
