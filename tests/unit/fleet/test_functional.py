"""The small picture an engine is tried with: made of what it has, and known again when it comes."""

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gesso.errors import RequestError
from gesso.fleet.functional import SIDE, WHITE, draft, wrong_with
from gesso.protocol.pictures import measure_picture
from gesso.workflows.catalog import Catalog

COLOURS = st.integers(0, WHITE)


def catalog(*classes: str) -> Catalog:
    return Catalog({name: {"input": {}, "output": []} for name in classes})


def picture(colour: int, side: int = SIDE) -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (side, side), f"#{colour:06x}").save(buffer, "PNG")
    return buffer.getvalue()


def test_nothing_is_left_in_the_output_folder_where_the_engine_has_previews() -> None:
    plan = draft(catalog("EmptyImage", "ImageInvert", "PreviewImage", "SaveImage"), 0x102030)
    assert plan is not None
    assert [node["class_type"] for node in plan.prompt.values()] == [
        "EmptyImage",
        "ImageInvert",
        "PreviewImage",
    ]
    assert plan.prompt[plan.output]["inputs"] == {"images": ["2", 0]}
    assert plan.colour == 0xEFDFCF


def test_draft_makes_do_with_what_there_is() -> None:
    plan = draft(catalog("EmptyImage", "SaveImage"), 0x102030)
    assert plan is not None and plan.colour == 0x102030
    assert plan.prompt[plan.output]["inputs"] == {"images": ["1", 0], "filename_prefix": "gesso-test"}
    assert draft(catalog("EmptyImage"), 0) is None
    assert draft(catalog("KSampler", "SaveImage"), 0) is None


@given(COLOURS)
def test_picture_of_the_colour_asked_for_is_right(colour: int) -> None:
    assert wrong_with(measure_picture(picture(colour)), colour) is None


@given(COLOURS, COLOURS)
def test_picture_of_another_colour_is_not(made: int, wanted: int) -> None:
    levels = [abs((made >> shift & 255) - (wanted >> shift & 255)) for shift in (16, 8, 0)]
    assert (wrong_with(measure_picture(picture(made)), wanted) is None) == (max(levels) <= 2)


def test_what_is_wrong_is_said() -> None:
    assert wrong_with(measure_picture(picture(0)), 0xFF8000) == "its picture is #000000 in place of #ff8000"
    assert wrong_with(measure_picture(picture(0, 8)), 0) == "its picture is 8 × 8, not 64 × 64"
    half = Image.new("RGB", (SIDE, SIDE), "#ff8000")
    half.putpixel((3, 3), (0, 0, 0))
    buffer = BytesIO()
    half.save(buffer, "PNG")
    found = wrong_with(measure_picture(buffer.getvalue()), 0xFF8000)
    assert found == "its picture is #000000 to #ff8000 in place of #ff8000"


@pytest.mark.parametrize("data", [b"", b"<html>", picture(0)[:-40]])
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(RequestError):
        measure_picture(data)
