"""Nodes that read and write files: what is in them, what they are called, and what is refused."""

import json
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gesso.sketch.registry import validation_checks
from tests.unit.sketch.prompts import Runs, execute, node

EMPTY = node("EmptyImage", width=3, height=2, batch_size=2, color=0xFF8000)


def load(run: Runs, name: str) -> Any:
    """What LoadImage gives: the picture and the mask."""

    class Context:
        folders = run.folders

    return execute("LoadImage", image=name, context=Context())


def output(run: Runs, name: str) -> Image.Image:
    picture = Image.open(run.folders.output / name)
    picture.load()
    return picture


def test_saved_files_are_numbered_and_carry_prompt_and_workflow(run: Runs) -> None:
    prompt = {"1": EMPTY, "2": node("SaveImage", images=["1", 0], filename_prefix="pic")}
    result = run(prompt, extra_data={"extra_pnginfo": {"workflow": {"nodes": ["ä"]}}})
    names = [file["filename"] for file in result.outputs["2"]["images"]]
    assert names == ["pic_00001_.png", "pic_00002_.png"]
    picture = output(run, names[1])
    assert picture.size == (3, 2)
    assert picture.getpixel((0, 0)) == (255, 128, 0)
    assert json.loads(picture.info["prompt"]) == prompt
    assert json.loads(picture.info["workflow"]) == {"nodes": ["ä"]}


def test_number_of_the_image_in_the_batch_can_be_in_the_name(run: Runs) -> None:
    result = run({"1": EMPTY, "2": node("SaveImage", images=["1", 0], filename_prefix="s/%batch_num%of")})
    assert [file["filename"] for file in result.outputs["2"]["images"]] == [
        "0of_00001_.png",
        "1of_00002_.png",
    ]


def test_prefix_that_leads_outside_fails_the_prompt(run: Runs) -> None:
    run({"1": EMPTY, "2": node("SaveImage", images=["1", 0], filename_prefix="../x")})
    (error,) = run.sent.of("execution_error")
    assert "leads outside the output folder" in error["exception_message"]
    assert not list(run.folders.directory.glob("*.png"))


def test_values_are_cut_off_to_eight_bits(run: Runs) -> None:
    grey = node("SolidMask", value=0.5, width=2, height=2)
    run({"1": grey, "2": node("MaskToImage", mask=["1", 0]), "3": node("SaveImage", images=["2", 0])}, ["3"])
    run({"1": grey, "3": node("MaskPreview", mask=["1", 0])})
    for path in (*run.folders.output.iterdir(), *run.folders.temp.iterdir()):
        with Image.open(path) as picture:
            assert picture.getpixel((0, 0)) == (127, 127, 127)


def test_preview_nodes_have_names_of_their_own_and_keep_them(run: Runs) -> None:
    prompt = {
        "1": EMPTY,
        "2": node("PreviewImage", images=["1", 0]),
        "3": node("ImageInvert", image=["1", 0]),
        "4": node("PreviewImage", images=["3", 0]),
    }
    result = run(prompt)
    first, other = (result.outputs[key]["images"][0]["filename"] for key in ("2", "4"))
    assert first.startswith("ComfyUI_temp_")
    assert first[:18] != other[:18]
    result = run({**prompt, "1": {**EMPTY, "inputs": {**EMPTY["inputs"], "color": 1}}})
    assert result.outputs["2"]["images"][0]["filename"] == f"{first[:18]}_00003_.png"


def test_animated_files_hold_the_batch(run: Runs) -> None:
    inputs: dict[str, Any] = {"images": ["3", 0], "filename_prefix": "a", "fps": 5.0}
    result = run(
        {
            "1": EMPTY,
            "2": node("ImageInvert", image=["1", 0]),
            "3": node("ImageBatch", image1=["1", 0], image2=["2", 0]),
            "4": node("SaveAnimatedWEBP", lossless=True, quality=80, method="fastest", **inputs),
            "5": node("SaveAnimatedPNG", compress_level=1, **inputs),
        },
        extra_data={"extra_pnginfo": {"workflow": {"w": 1}}},
    )
    assert result.outputs["4"]["animated"] == result.outputs["5"]["animated"] == [True]
    # Both kinds share one row of numbers.
    webp, png = run.folders.output / "a_00001_.webp", run.folders.output / "a_00002_.png"
    # Equal frames in a row are one longer frame to both formats.
    with Image.open(webp) as picture:
        assert getattr(picture, "n_frames", 1) == 2
        assert picture.getexif()[0x0110].startswith('prompt:{"1": ')
        assert picture.getexif()[0x010F] == 'workflow:{"w": 1}'
    with Image.open(png) as picture:
        assert getattr(picture, "n_frames", 1) == 2
    assert b'comfworkflow\0{"w": 1}' in png.read_bytes()


def test_loaded_picture_and_its_transparency(run: Runs) -> None:
    Image.new("RGBA", (3, 2), (255, 0, 51, 102)).save(run.folders.input / "x.png")
    picture, mask = load(run, "x.png")
    assert picture.shape == (1, 2, 3, 3)
    assert picture[0, 0, 0].tolist() == pytest.approx([1, 0, 0.2])
    assert mask.shape == (1, 2, 3)
    assert mask[0, 0, 0] == pytest.approx(0.6)


def test_opaque_picture_has_an_empty_mask_of_64_pixels(run: Runs) -> None:
    Image.new("RGB", (3, 2)).save(run.folders.output / "x.png")
    _, mask = load(run, "x.png [output]")
    assert mask.shape == (1, 64, 64)
    assert mask.max() == 0


def test_frames_of_an_animation_become_a_batch(run: Runs) -> None:
    frames = [Image.new("RGBA", (2, 2), (level, 0, 0, 255)) for level in (0, 255)]
    frames[0].save(run.folders.input / "x.webp", save_all=True, append_images=frames[1:], lossless=True)
    picture, mask = load(run, "x.webp")
    assert picture[:, 0, 0, 0].tolist() == [0, 1]
    assert len(mask) == 2


def test_photo_is_turned_upright(run: Runs) -> None:
    photo = Image.new("RGB", (4, 2))
    exif = photo.getexif()
    exif[0x0112] = 6
    photo.save(run.folders.input / "x.jpg", exif=exif)
    assert load(run, "x.jpg")[0].shape == (1, 4, 2, 3)


@pytest.mark.parametrize(("channel", "value"), [("alpha", 0.6), ("red", 1), ("green", 0), ("blue", 0.2)])
def test_one_channel_as_a_mask(run: Runs, channel: str, value: float) -> None:
    Image.new("RGBA", (3, 2), (255, 0, 51, 102)).save(run.folders.input / "x.png")

    class Context:
        folders = run.folders

    (mask,) = execute("LoadImageMask", image="x.png", channel=channel, context=Context())
    assert mask.shape == (1, 2, 3)
    assert mask[0, 0, 0] == pytest.approx(value)


def bomb(path: Path, side: int) -> None:
    """A PNG that says it is `side` pixels wide and high, and holds next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


@pytest.mark.parametrize("side", [10_000, 100_000])
def test_picture_of_huge_dimensions_is_refused(run: Runs, side: int) -> None:
    bomb(run.folders.input / "bomb.png", side)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run({"1": node("LoadImage", image="bomb.png"), "2": node("PreviewImage", images=["1", 0])})
    (error,) = run.sent.of("execution_error")
    assert error["exception_type"] == "gesso.errors.TooLarge"
    assert "'bomb.png' is too large to be opened" in error["exception_message"]


def test_file_that_is_no_picture_fails_clearly(run: Runs) -> None:
    (run.folders.input / "x.png").write_text("not a picture")
    run({"1": node("LoadImage", image="x.png"), "2": node("PreviewImage", images=["1", 0])})
    assert "'x.png' is not a picture" in run.sent.of("execution_error")[0]["exception_message"]


def test_websocket_saver_sends_again_every_time_and_writes_nothing(run: Runs) -> None:
    prompt = {"1": EMPTY, "2": node("SaveImageWebsocket", images=["1", 0])}
    for _ in range(2):
        result = run(prompt)
        assert [data["value"] for data in run.sent.of("progress")] == [0, 1]
        assert result.outputs == {}
    assert not list(run.folders.output.iterdir())


def test_size_is_shown_on_the_node(run: Runs) -> None:
    run({"1": EMPTY, "2": node("GetImageSize", image=["1", 0]), "3": node("Show", value=["2", 2])})
    assert run.sent.of("text") == [("2", "width: 3, height: 2\n batch size: 2")]


def test_checks_know_which_files_are_there(run: Runs) -> None:
    Image.new("RGB", (1, 1)).save(run.folders.output / "x.png")
    checks = validation_checks(run.folders)
    assert {"LoadImage", "LoadImageMask", "LoadImageOutput"} <= checks.keys()
    check = checks["LoadImage"]
    assert check.inputs == ("image",)
    assert check.function({"image": "x.png [output]"}) is True
    assert check.function({"image": "x.png"}) == "Invalid image file: x.png"
    assert check.function({"image": "../../x.png"}) == "Invalid image file: ../../x.png"


@pytest.mark.parametrize("value", [None, 5.5, ["1"]])
def test_checks_fail_on_what_is_no_text_as_comfyuis_do(run: Runs, value: object) -> None:
    check = validation_checks(run.folders)["LoadImage"]
    kind = type(value).__name__
    with pytest.raises(AttributeError, match=f"^'{kind}' object has no attribute 'endswith'$"):
        check.function({"image": value})


def test_pictures_in_sixteen_bits_are_read(run: Runs) -> None:
    Image.fromarray(np.full((2, 2), 65535, dtype=np.uint16)).save(run.folders.input / "x.png")
    assert load(run, "x.png")[0].max() == 1
