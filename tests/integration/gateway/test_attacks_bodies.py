"""Bodies that are more than they seem, or less: bombs, depths, NULs, ranges, names of files."""

import gzip
import io
import json
import struct
import time
import zlib
from typing import Any
from urllib.parse import quote

import pytest
from PIL import Image, PngImagePlugin

from tests.integration.gateway.conftest import Besieged
from tests.integration.sketch.exchange import form
from tests.leaks import JSON, Heard

DEEP = b"[" * 100_000
WRITES = (
    ("POST", "/prompt"),
    ("POST", "/queue"),
    ("POST", "/history"),
    ("POST", "/interrupt"),
    ("POST", "/settings"),
    ("POST", "/settings/x"),
    ("POST", "/gesso/api/keys"),
    ("POST", "/gesso/api/password"),
)
BODIES: dict[str, bytes] = {
    "deep lists": DEEP + b"]" * 100_000,
    "deep objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "without an end": DEEP,
    "a number of a million digits": b'{"delete": ' + b"9" * 1_000_000 + b"}",
    "an exponent": b'{"delete": 1e999999999}',
    "no number": b'{"delete": NaN, "clear": Infinity}',
    "half a character": b'{"delete": ["\\ud800"], "\\ud800": "\\ud800"}',
    "a NUL": json.dumps(dict.fromkeys(("delete", "prompt_id", "name", "new"), "a\0b aaaaaaaa")).encode(),
    "NULs in a list": b'{"delete": ["a\\u0000b"], "a\\u0000b": "a\\u0000b"}',
    "one name many times": b"{" + b'"a": 1, ' * 50_000 + b'"a": 1}',
    "another alphabet": '{"clear": false}'.encode("utf-16"),
    "a mark before it": b"\xef\xbb\xbf{}",
    "bytes": bytes(range(256)) * 100,
    "a list": b"[]",
    "a text": b'"x"',
    "nothing": b"",
}


@pytest.mark.parametrize("name", BODIES)
def test_body_that_makes_no_sense_is_the_senders_mistake(besieged: Besieged, name: str) -> None:
    begun = time.monotonic()
    for method, path in WRITES:
        answer = besieged.ben.ask(method, path, BODIES[name], JSON)
        assert answer.status < 500, (method, path, answer)
        if answer.status >= 400:
            assert b"message" in answer.body
    assert time.monotonic() - begun < 20


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "x-gzip", "gzip, gzip", "nonsense"])
def test_packed_body_is_not_unpacked(besieged: Besieged, coding: str) -> None:
    """Fifty kilobytes would be fifty megabytes."""
    bomb = gzip.compress(b'{"x": "' + b"0" * 50_000_000 + b'"}', 9)
    for method, path in WRITES:
        answer = besieged.ben.ask(method, path, bomb, {**JSON, "Content-Encoding": coding})
        assert 400 <= answer.status < 500, (path, answer)


def test_packed_answer_does_not_come_from_what_was_sent(besieged: Besieged) -> None:
    for accepted in ("gzip;q=0", "*" * 5000, "gzip," * 5000, "\x80\xff"):
        answer = besieged.ben.ask("GET", "/object_info", None, {"Accept-Encoding": accepted})
        assert answer.status == 200


# Texts that are names of something; each is put where a name goes.
NAMES = (
    "../../../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e%2f%2e%2e%2fgesso.sqlite3",
    "%252e%252e%252fgesso.sqlite3",
    "....//....//gesso.sqlite3",
    "..%5c..%5cgesso.sqlite3",
    "%c0%ae%c0%ae/gesso.sqlite3",
    "..%00.png",
    "%00",
    "/etc/passwd",
    "//evil.example/x",
    "file:///etc/passwd",
    "C:%5cwindows%5cwin.ini",
    "%5c%5cevil.example%5cshare",
    "CON",
    "x:stream.png",
    "~/.ssh/id_rsa",
    "gesso.sqlite3",
    "x%0d%0aSet-Cookie:%20a=b",
    "a" * 3000,
    "%ff%fe",
    "%F0%9F%92%A9.png",
    "{{7*7}}",
    "'; DROP TABLE job; --",
    "%25n%25s",
)
PLACES = (
    "/view?filename={}",
    "/view?filename={}&type=input",
    "/view?filename=x.png&subfolder={}",
    "/view?filename=x.png&type={}",
    "/view?filename=x.png&preview={}",
    "/view?filename=x.png&channel={}",
    "/userdata/{}",
    "/userdata?dir={}",
    "/v2/userdata?path={}",
    "/settings/{}",
    "/history/{}",
    "/object_info/{}",
    "/models/{}",
    "/view_metadata/{}?filename={}",
    "/view_metadata/checkpoints?filename={}",
    "/experiment/models/{}",
    "/experiment/models/preview/checkpoints/0/{}",
    "/experiment/models/preview/checkpoints/{}/x",
    "/extensions/{}",
    "/templates/{}",
    "/api/workflow_templates/{}",
    "/assets/{}",
    "/docs/{}",
    "/global_subgraphs/{}",
    "/gesso/pages/{}",
    "/gesso/console/{}",
    "/gesso/api/jobs/{}",
    "/gesso/api/jobs?after={}",
    "/gesso/api/jobs?state={}",
    "/gesso/api/engines/{}",
    "/gesso/api/usage?since={}",
    "/gesso/login?next={}",
    "/k/{}/queue",
    "/queue?token={}",
)


@pytest.mark.parametrize("place", PLACES)
def test_name_leads_nowhere_else(besieged: Besieged, place: str) -> None:
    for name in NAMES:
        target = quote(place.replace("{}", name), safe="/%?&=:;{}'~\\")
        for person in (besieged.ben, besieged.nobody):
            answer = person.ask("GET", target)
            assert answer.status < 500, (target, answer)
            assert_nothing_of_the_machine(target, answer)


def assert_nothing_of_the_machine(target: str, answer: Heard) -> None:
    assert b"root:x:" not in answer.body and b"SQLite format" not in answer.body, target
    assert not answer.header("set-cookie"), target


@pytest.mark.parametrize("name", NAMES)
def test_upload_stays_where_uploads_go(besieged: Besieged, name: str) -> None:
    for fields in ({"subfolder": name}, {"type": name}, {"overwrite": name}):
        body, headers = form(fields, ("x.png", b"x"))
        assert besieged.ben.ask("POST", "/upload/image", body, headers).status in (200, 400)
    body, headers = form({}, (name.replace('"', ""), b"x"))
    assert besieged.ben.ask("POST", "/upload/image", body, headers).status in (200, 400)
    mask = {"original_ref": json.dumps({"filename": name, "subfolder": name, "type": "output"})}
    body, headers = form(mask, ("x.png", b"x"))
    assert besieged.ben.ask("POST", "/upload/mask", body, headers).status in (400, 404)
    directory = besieged.service.directory
    found = {each for each in directory.rglob("*.png") if "engines" not in each.parts}
    assert not found, "uploads lie in the store, under the names of their content"


MULTIPART = "multipart/form-data; boundary=x"
PART = b'--x\r\nContent-Disposition: form-data; name="image"; filename="x.png"\r\n'
FORMS: dict[str, tuple[str, bytes]] = {
    "no boundary": ("multipart/form-data", b"x"),
    "boundary of a megabyte": ("multipart/form-data; boundary=" + "x" * 50_000, b"x"),
    "a thousand parts": (
        MULTIPART,
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n' * 20_000 + b"--x--\r\n",
    ),
    "headers without an end": (
        MULTIPART,
        PART + b"X: x\r\n" * 100_000,
    ),
    "one long header": (
        MULTIPART,
        b"--x\r\nContent-Disposition: " + b"x" * 1_000_000,
    ),
    "no end": (
        MULTIPART,
        PART + b"\r\nabc",
    ),
    "no name": (
        MULTIPART,
        b"--x\r\nContent-Disposition: form-data\r\n\r\nabc\r\n--x--\r\n",
    ),
    "many files": (
        MULTIPART,
        (PART + b"\r\nb\r\n") * 2_000 + b"--x--\r\n",
    ),
    "another kind": ("application/json", b'{"image": "x"}'),
    "no kind": ("", b"x"),
}


@pytest.mark.parametrize("name", FORMS)
def test_form_that_is_none_is_refused(besieged: Besieged, name: str) -> None:
    kind, body = FORMS[name]
    for path in ("/upload/image", "/upload/mask"):
        answer = besieged.ben.ask("POST", path, body, {"Content-Type": kind} if kind else {})
        assert 400 <= answer.status < 500, (path, answer)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *more: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(100_000), 9)
    parts = (chunk(b"IHDR", header), *more, chunk(b"IDAT", pixels), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def saved(kind: str, size: tuple[int, int] = (8, 8), **more: Any) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", size, "red").save(data, kind, **more)
    return data.getvalue()


def noted() -> PngImagePlugin.PngInfo:
    notes = PngImagePlugin.PngInfo()
    notes.add_text("workflow", "x" * 60_000_000, zip=True)
    return notes


PICTURES: dict[str, Any] = {
    "gigapixels": lambda: png(60_000, 60_000),
    "a line of two thousand million": lambda: png(2**31 - 1, 1),
    "no pixels": lambda: png(0, 0),
    "pixels that end": lambda: png(1000, 1000),
    "text of sixty megabytes": lambda: saved("PNG", pnginfo=noted()),
    "a profile that is a bomb": lambda: png(
        8, 8, chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(60_000_000), 9))
    ),
    "cut off": lambda: saved("PNG")[:40],
    "a thousand frames": lambda: saved(
        "GIF", save_all=True, append_images=[Image.new("P", (8, 8), n % 256) for n in range(1000)]
    ),
    "a drawing": lambda: b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
    "PostScript": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9999 9999\nshowpage\n",
    "a font": lambda: b"STARTFONT 2.1\nFONTBOUNDINGBOX 99999 99999 0 0\n",
    "nothing": lambda: b"",
    "bytes": lambda: bytes(range(256)) * 100,
}
SHOWN = (
    "preview=webp;90",
    "preview=jpeg;-1",
    "preview=png;99999999999999999999",
    "channel=rgb",
    "channel=a",
)


@pytest.mark.parametrize("name", PICTURES)
def test_picture_that_is_a_bomb_is_kept_and_not_unpacked(besieged: Besieged, name: str) -> None:
    content = PICTURES[name]()
    body, headers = form({"overwrite": "true"}, ("bomb.png", content))
    assert besieged.ben.ask("POST", "/upload/image", body, headers).status == 200
    begun = time.monotonic()
    for shown in SHOWN:
        answer = besieged.ben.ask("GET", f"/view?filename=bomb.png&type=input&{shown}")
        assert answer.status < 500, (shown, answer)
    mask, headers = form({"original_ref": '{"filename": "bomb.png", "type": "input"}'}, ("mask.png", content))
    assert besieged.ben.ask("POST", "/upload/mask", mask, headers).status < 500
    assert besieged.ben.ask("GET", "/view?filename=bomb.png&type=input").body == content
    assert time.monotonic() - begun < 30


RANGES = (
    "bytes=0-0," * 5_000 + "1-1",
    "bytes=" + "0-," * 1_000 + "0-",
    "bytes=-1",
    "bytes=5-1",
    "bytes=99999999999999999999-",
    "bytes=-99999999999999999999",
    "bytes=a-b",
    "bytes=,,,,",
    "bytes=" + ",".join(f"{n}-{n + 100_000}" for n in range(0, 9_000, 3)),
    "furlongs=1-2",
    "bytes",
)


@pytest.mark.parametrize("asked", RANGES, ids=lambda each: each[:24])
def test_thousands_of_ranges_cost_no_more_than_the_file(besieged: Besieged, asked: str) -> None:
    content = bytes(200_000)
    body, headers = form({"overwrite": "true"}, ("long.bin", content))
    assert besieged.ben.ask("POST", "/upload/image", body, headers).status == 200
    begun = time.monotonic()
    answer = besieged.ben.ask("GET", "/view?filename=long.bin&type=input", None, {"Range": asked})
    assert answer.status in (200, 206, 400, 416, 413), answer.status
    assert len(answer.body) < 4 * len(content)
    assert time.monotonic() - begun < 10
