"""OpenAI's requests and answers as values."""

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gesso.errors import EngineRefused, InvalidParameter, TooLarge
from gesso.protocol.openai import Drawn, answer, event, parse_request, usage_of
from gesso.protocol.openai_parameters import TABLE, Effect, Kind, Route, markdown, parameters_of
from gesso.protocol.openai_pictures import MOST_FRAMES, deliver, read_source


def generation(**fields: Any) -> Any:
    return parse_request(Route.GENERATIONS, {"prompt": "a heart", **fields})


def test_what_is_left_out_has_openais_defaults() -> None:
    asked = generation()
    assert (asked.n, asked.size, asked.response_format, asked.output_format) == (1, None, "b64_json", "png")
    assert generation(n=None, size=None, stream=None) == asked


def test_a_form_says_the_same_as_json() -> None:
    fields = {"prompt": "a heart", "n": 2, "size": "64x32", "output_compression": 100, "guidance": 2.5}
    texts = {name: str(value) for name, value in fields.items()} | {"stream": "true", "partial_images": "1"}
    assert parse_request(Route.EDITS, texts, texts=True) == parse_request(
        Route.EDITS, {**fields, "stream": True, "partial_images": 1}
    )


def test_numbers_are_no_texts_in_json() -> None:
    with pytest.raises(InvalidParameter, match="whole number"):
        generation(n="2")


@pytest.mark.parametrize("route", list(Route))
def test_every_parameter_of_the_table_is_taken_or_refused_by_name(route: Route) -> None:
    base = {"prompt": "a heart"} if route is not Route.VARIATIONS else {}
    for row in parameters_of(route).values():
        if row.kind is Kind.FILE or row.name == "images":
            continue
        value = _example(row)
        if row.effect is Effect.REFUSED:
            with pytest.raises(InvalidParameter) as refused:
                parse_request(route, {**base, row.name: value})
            assert refused.value.param == row.name
        else:
            parse_request(
                route,
                {**base, "stream": True, row.name: value}
                if row.name == "partial_images"
                else {**base, row.name: value},
            )


def _example(row: Any) -> Any:
    if row.choices:
        return row.choices[-1]
    return {
        Kind.TEXT: "auto",
        Kind.INTEGER: row.most or 7,
        Kind.NUMBER: 1.5,
        Kind.BOOLEAN: True,
        Kind.ANYTHING: 3,
    }[row.kind]


NAMES = st.sampled_from([row.name for row in TABLE]) | st.text(max_size=10)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["auto", "1x1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(list(Route)), st.dictionaries(NAMES, VALUES, max_size=6), st.booleans())
def test_anything_is_a_request_or_refused_by_name(route: Route, fields: dict[str, Any], texts: bool) -> None:
    try:
        parse_request(route, fields, texts=texts)
    except InvalidParameter as refused:
        assert refused.param is not None
        assert refused.message.encode()


def test_what_is_missing_is_to_be_sent() -> None:
    with pytest.raises(InvalidParameter) as refused:
        parse_request(Route.GENERATIONS, {})
    assert (refused.value.param, refused.value.kind) == ("prompt", "missing_required_parameter")
    assert "leave out" not in refused.value.remedy


@pytest.mark.parametrize("size", ["0x5", "64", "64X64", "64x64x64", "-1x5", "1e3x5", "99999999x1", "٣x٣"])
def test_a_size_is_two_numbers(size: str) -> None:
    with pytest.raises(InvalidParameter, match="size"):
        generation(size=size)


def test_an_answer_is_what_openais_library_reads() -> None:
    from openai.types import ImagesResponse

    asked = generation(quality="hd", n=2)
    drawn = [
        Drawn(width=40, height=16, opaque=True, data=b"x"),
        Drawn(width=40, height=16, opaque=True, url="u"),
    ]
    told = answer(asked, drawn, 5, usage_of(asked, [(16, 16)], drawn))
    read = ImagesResponse.model_validate(told, strict=True)
    assert [each.b64_json for each in read.data or ()] == ["eA==", None]
    assert (read.size, read.quality, read.background) == ("40x16", "high", "opaque")
    assert read.usage and read.usage.model_dump() == {
        "input_tokens": 3,
        "input_tokens_details": {"image_tokens": 1, "text_tokens": 2},
        "output_tokens": 6,
        "output_tokens_details": {"image_tokens": 6, "text_tokens": 0},
        "total_tokens": 9,
    }


def test_an_event_is_two_lines_and_an_empty_one() -> None:
    text = event("image_generation.completed", {"b64_json": "x"}).decode()
    head, data, *rest = text.split("\n")
    assert head == "event: image_generation.completed" and rest == ["", ""]
    assert json.loads(data.removeprefix("data: ")) == {"type": "image_generation.completed", "b64_json": "x"}


def test_the_page_has_a_row_for_every_parameter() -> None:
    page = markdown()
    for row in TABLE:
        assert page.count(f"\n| `{row.name}` | ") == len(row.routes)


def png(mode: str = "RGB", size: tuple[int, int] = (8, 4), color: Any = None, **more: Any) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size, color).save(buffer, more.pop("format", "PNG"), **more)
    return buffer.getvalue()


def test_a_png_is_handed_out_as_the_engine_made_it() -> None:
    made = deliver(png(), "png", 100, "auto")
    assert (made.data, made.width, made.height, made.opaque) == (png(), 8, 4, True)
    clear = png("RGBA", color=(255, 0, 0, 0))
    assert deliver(clear, "png", 100, "auto").data == clear


@pytest.mark.parametrize(("form", "background"), [("png", "opaque"), ("jpeg", "auto"), ("webp", "opaque")])
def test_what_is_transparent_becomes_white_where_it_must(form: str, background: str) -> None:
    made = deliver(png("RGBA", color=(255, 0, 0, 0)), form, 100, background)
    assert made.opaque
    shown = Image.open(io.BytesIO(made.data))
    assert shown.format == form.upper() and shown.convert("RGB").getpixel((1, 1)) == (255, 255, 255)


def test_webp_keeps_what_is_transparent() -> None:
    made = deliver(png("RGBA", color=(255, 0, 0, 0)), "webp", 80, "auto")
    assert not made.opaque and Image.open(io.BytesIO(made.data)).mode == "RGBA"


def test_a_picture_that_lies_on_its_side_has_the_size_that_engines_see() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    source = read_source(png(format="JPEG", exif=exif), "image")
    assert (source.width, source.height, source.format, source.has_alpha) == (4, 8, "jpeg", False)


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n", b"<svg/>", png()[:20]])
def test_what_is_no_picture_is_refused_by_name(data: bytes) -> None:
    with pytest.raises(InvalidParameter) as refused:
        read_source(data, "mask")
    assert refused.value.param == "mask"


def noise(form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((64, 64), 90).save(buffer, form, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        noise("PNG")[:-200],
        noise("JPEG")[:-200],
        noise("GIF")[:-200],
        noise("GIF", save_all=True, append_images=[Image.effect_noise((64, 64), 80)])[:-200],
    ],
)
def test_a_picture_that_ends_too_early_is_refused_before_an_engine_has_it(data: bytes) -> None:
    with pytest.raises(InvalidParameter, match="not a picture that can be read"):
        read_source(data, "image")


def test_a_film_of_more_pixels_than_a_picture_may_have_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gesso.protocol.openai_pictures.PIXEL_LIMIT", 2 * 64 * 64)
    frames = [Image.effect_noise((64, 64), each) for each in (70, 80)]
    assert read_source(noise("GIF", save_all=True, append_images=frames[:1]), "image").width == 64
    with pytest.raises(TooLarge) as refused:
        read_source(noise("GIF", save_all=True, append_images=frames), "image")
    assert refused.value.remedy == "Send a smaller one."


def test_a_film_of_more_frames_than_anybody_draws_is_refused_before_its_end() -> None:
    buffer = io.BytesIO()
    Image.new("P", (1, 1)).save(buffer, "GIF")
    whole = buffer.getvalue()
    start = whole.index(b",")
    head, frame = whole[:start], whole[start:-1]
    assert read_source(head + frame * MOST_FRAMES + b";", "image").width == 1
    with pytest.raises(TooLarge, match=f"{MOST_FRAMES} frames"):
        # What comes after them is damaged, and not read.
        read_source(head + frame * (MOST_FRAMES + 1) + b"damaged", "image")


def test_what_an_engine_made_badly_is_no_fault_of_who_asked() -> None:
    for data in (noise("JPEG")[:-200], b"no picture"):
        with pytest.raises(EngineRefused):
            deliver(data, "png", 100, "auto")
