"""Uploads and views: names, masks, sizes, and that nothing leaves its folder."""

import json
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.integration.sketch.exchange import Answer, form, send
from tests.running import Sketch, running_sketch

MIB = 1024 * 1024


def picture(color: Any, mode: str = "RGB", kind: str = "PNG", **options: Any) -> bytes:
    output = BytesIO()
    Image.new(mode, (8, 6), color).save(output, kind, **options)
    return output.getvalue()


def upload(url: str, name: str, content: bytes, path: str = "/upload/image", **fields: str) -> Answer:
    body, headers = form(fields, (name, content))
    return send(url, "POST", path, body, headers)


def test_same_content_keeps_its_name_and_other_content_gets_a_number(url: str) -> None:
    names = [
        upload(url, "n.png", picture(color)).json["name"] for color in ("red", "red", "blue", "green", "blue")
    ]
    assert names == ["n.png", "n.png", "n (1).png", "n (2).png", "n (1).png"]


def test_overwriting_replaces_the_picture(url: str) -> None:
    for color in ("red", "blue"):
        assert upload(url, "o.png", picture(color), overwrite="true").json["name"] == "o.png"
    assert send(url, "GET", "/view?filename=o.png&type=input").body == picture("blue")


def test_picture_goes_to_the_folder_and_type_asked_for(sketch: Sketch) -> None:
    answer = upload(sketch.url, "t.png", picture("red"), type="temp", subfolder="a/b")
    assert answer.json == {"name": "t.png", "subfolder": "a/b", "type": "temp"}
    assert (sketch.directory / "temp/a/b/t.png").is_file()


@pytest.mark.parametrize("name", ["../x.png", "..", ".", "a/../../x.png", "a" * 300 + ".png", "x\0.png"])
def test_names_that_lead_elsewhere_are_refused(name: str, sketch: Sketch) -> None:
    before = everything(sketch.directory)
    assert upload(sketch.url, name, picture("red")).status == 400
    assert everything(sketch.directory) == before


@pytest.mark.parametrize("folder", ["../..", "/etc", "a/../../..", "..\\..", "x\0y", "C:\\x"])
def test_folders_that_lead_elsewhere_are_refused(folder: str, sketch: Sketch) -> None:
    before = everything(sketch.directory)
    assert upload(sketch.url, "x.png", picture("red"), subfolder=folder).status == 400
    assert everything(sketch.directory) == before


def everything(directory: Path) -> set[Path]:
    return {path for path in directory.parent.rglob("*") if ".incoming" not in path.parts and path.is_file()}


def test_link_inside_a_folder_does_not_lead_out_of_it(sketch: Sketch) -> None:
    (sketch.directory / "input/out").symlink_to(sketch.directory.parent)
    assert upload(sketch.url, "x.png", picture("red"), subfolder="out").status == 400
    assert send(sketch.url, "GET", "/view?filename=data&type=input&subfolder=out").status == 403


def test_simultaneous_uploads_of_one_name_get_different_names(url: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda value: upload(url, "s.png", picture((value, 0, 0))), range(12)))
    assert len({answer.json["name"] for answer in answers}) == 12


def test_mask_becomes_the_alpha_of_the_picture_it_refers_to(url: str) -> None:
    texts = PngInfo()
    texts.add_text("prompt", "{}")
    upload(url, "m.png", picture("red", pnginfo=texts), subfolder="deep")
    reference = {"filename": "m.png", "subfolder": "deep", "type": "input"}
    mask = picture((0, 0, 0, 77), "RGBA")
    answer = upload(url, "m-masked.png", mask, "/upload/mask", original_ref=json.dumps(reference))
    assert answer.json == {"name": "m-masked.png", "subfolder": "", "type": "input"}
    with Image.open(BytesIO(send(url, "GET", "/view?filename=m-masked.png&type=input").body)) as masked:
        assert masked.getpixel((0, 0)) == (255, 0, 0, 77)
        assert masked.info["prompt"] == "{}"


@pytest.mark.parametrize(
    ("reference", "status"),
    [
        ("", 400),
        ("not json", 400),
        ("[]", 400),
        ('{"filename": 5}', 400),
        ('{"filename": "../x.png", "type": "input"}', 400),
        ('{"filename": "x.png", "type": "input", "subfolder": "../.."}', 400),
        ('{"filename": "x.png", "type": "nope"}', 400),
        ('{"filename": "not-there.png", "type": "input"}', 404),
    ],
)
def test_mask_without_a_usable_reference_is_refused(reference: str, status: int, url: str) -> None:
    answer = upload(url, "z.png", picture("red", "RGBA"), "/upload/mask", original_ref=reference)
    assert answer.status == status
    assert send(url, "GET", "/view?filename=z.png&type=input").status == 404


def test_mask_that_is_no_picture_is_refused(url: str) -> None:
    upload(url, "q.png", picture("red"))
    reference = json.dumps({"filename": "q.png", "type": "input"})
    assert upload(url, "q2.png", b"no picture", "/upload/mask", original_ref=reference).status == 400


def test_large_upload_needs_little_memory(sketch: Sketch) -> None:
    process = psutil.Process(sketch.process.pid)
    upload(sketch.url, "warm.bin", b"x")
    before = process.memory_info().rss
    content = bytes(90 * MIB)
    answer = upload(sketch.url, "large.bin", content)
    assert answer.status == 200
    peak_kib = int(
        next(
            line.split()[1]
            for line in Path(f"/proc/{sketch.process.pid}/status").read_text().splitlines()
            if line.startswith("VmHWM")
        )
    )
    assert peak_kib * 1024 - before < 32 * MIB
    assert (sketch.directory / "input/large.bin").stat().st_size == len(content)


def test_upload_over_the_limit_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with running_sketch(tmp_path / "data", "--max-upload-size", "0.5") as sketch:
        assert send(sketch.url, "GET", "/features").json["max_upload_size"] == MIB // 2
        assert upload(sketch.url, "big.png", bytes(MIB)).status == 413
        assert send(sketch.url, "POST", "/userdata/big.json", bytes(MIB)).status == 413
        assert send(sketch.url, "POST", "/prompt", b'"' + b"x" * MIB + b'"').status == 413
        assert upload(sketch.url, "small.png", bytes(1024)).status == 200
        files = [path.name for path in sketch.directory.rglob("*") if path.is_file()]
        assert files == ["small.png"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"rubbish",
        b"--x\r\n",
        b'--x\r\nContent-Disposition: form-data; name="image"\r\n\r\nno file\r\n--x--\r\n',
    ],
)
def test_broken_form_is_refused(body: bytes, url: str) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    assert send(url, "POST", "/upload/image", body, headers).status == 400
    assert send(url, "POST", "/upload/image", body, {"Content-Type": "multipart/form-data"}).status == 400
    assert send(url, "POST", "/upload/image", body, {"Content-Type": "application/json"}).status == 400


def test_view_shows_previews_and_channels(url: str) -> None:
    upload(url, "v.png", picture((255, 0, 0, 77), "RGBA"))
    path = "/view?filename=v.png&type=input"
    for query, content_type, mode in (
        ("", "image/png", "RGBA"),
        ("&preview=jpeg;80", "image/jpeg", "RGB"),
        ("&preview=webp;50", "image/webp", "RGBA"),
        ("&preview=nonsense", "image/webp", "RGBA"),
        ("&channel=rgb", "image/png", "RGB"),
        ("&channel=a", "image/png", "RGBA"),
    ):
        answer = send(url, "GET", path + query)
        assert (answer.status, answer.header("Content-Type")) == (200, content_type)
        with Image.open(BytesIO(answer.body)) as shown:
            assert shown.mode == mode


def test_view_answers_ranges_and_revalidation(url: str) -> None:
    content = picture("red")
    upload(url, "r.png", content)
    path = "/view?filename=r.png&type=input"
    first = send(url, "GET", path)
    assert send(url, "GET", path, headers={"Range": "bytes=0-7"}).body == content[:8]
    again = send(url, "GET", path, headers={"If-None-Match": first.header("Etag") or ""})
    assert again.status == 304


@pytest.mark.parametrize("name", ["page.html", "script.js", "style.css", "page.xhtml"])
def test_files_that_could_run_scripts_are_only_downloaded(name: str, url: str) -> None:
    upload(url, name, b"<script>")
    assert (
        send(url, "GET", f"/view?filename={name}&type=input").header("Content-Type")
        == "application/octet-stream"
    )


def test_what_is_no_picture_has_no_preview(url: str) -> None:
    upload(url, "text.txt", b"text")
    assert send(url, "GET", "/view?filename=text.txt&type=input&preview=webp").status == 400
    assert send(url, "GET", "/view?filename=text.txt&type=input").body == b"text"


def test_name_cannot_break_out_of_its_header(url: str) -> None:
    upload(url, "a.png", picture("red"))
    answer = send(url, "GET", "/view?filename=a.png%20[input]")
    assert answer.header("Content-Disposition") == 'filename="a.png"'
    assert send(url, "GET", "/view?filename=a%0d%0aX-Evil:%201&type=input").status == 404
