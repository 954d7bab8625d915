"""Pictures as GET /view gives them."""

import struct
import zlib
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from gesso.errors import RequestError, TooLarge
from gesso.protocol.pictures import Picture, apply_mask, probe_picture, render_view

RGBA = (10, 20, 30, 40)


def picture(mode="RGBA", color=RGBA, form="PNG", **options) -> bytes:
    buffer = BytesIO()
    Image.new(mode, (4, 3), color).save(buffer, format=form, **options)
    return buffer.getvalue()


def opened(data: bytes) -> Image.Image:
    image = Image.open(BytesIO(data))
    image.load()
    return image


def bomb(side: int) -> bytes:
    """A PNG of some bytes that says it is `side` pixels wide and high."""
    header = struct.pack(">II5B", side, side, 8, 6, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


@pytest.mark.parametrize("channel", [None, "rgba", "nonsense"])
def test_without_a_wish_the_file_stays_as_it_is(channel):
    data = picture()
    assert render_view(data, channel=channel) == (data, "image/png")


def test_rgb_drops_alpha_without_mixing_it_in():
    data, content_type = render_view(picture(), channel="rgb")
    assert content_type == "image/png"
    assert (opened(data).mode, opened(data).getpixel((0, 0))) == ("RGB", RGBA[:3])


@pytest.mark.parametrize(("mode", "color", "alpha"), [("RGBA", RGBA, 40), ("RGB", (1, 2, 3), 255)])
def test_a_is_the_alpha_of_a_black_picture(mode, color, alpha):
    data, content_type = render_view(picture(mode, color), channel="a")
    assert content_type == "image/png"
    assert (opened(data).mode, opened(data).getpixel((0, 0))) == ("RGBA", (0, 0, 0, alpha))


@pytest.mark.parametrize(
    ("preview", "channel", "form", "mode"),
    [
        ("webp;50", None, "webp", "RGBA"),
        ("webp", "rgb", "webp", "RGB"),
        ("jpeg;75", None, "webp", "RGBA"),
        ("jpeg;75", "rgb", "jpeg", "RGB"),
        ("jpeg;75", "rgba", "webp", "RGBA"),
        ("gif", None, "webp", "RGBA"),
        ("", None, "webp", "RGBA"),
        ("webp;9999", None, "webp", "RGBA"),
        ("webp;²", None, "webp", "RGBA"),
        ("90", None, "webp", "RGBA"),
    ],
)
def test_previews_have_the_form_asked_for(preview, channel, form, mode):
    if preview == "jpeg;75" and channel is None:
        form, mode = "jpeg", "RGB"
    data, content_type = render_view(picture(), preview=preview, channel=channel)
    assert content_type == f"image/{form}"
    assert (opened(data).format, opened(data).mode) == (form.upper(), mode)


def test_quality_matters():
    noise = Image.effect_noise((64, 64), 100)
    buffer = BytesIO()
    noise.save(buffer, format="PNG")
    sizes = [len(render_view(buffer.getvalue(), preview=f"webp;{quality}")[0]) for quality in (10, 90)]
    assert sizes[0] < sizes[1]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "CMYK"])
@pytest.mark.parametrize("wish", [{"preview": "webp"}, {"preview": "jpeg"}, {"channel": "rgb"}])
def test_all_usual_modes_can_be_seen(mode, wish):
    data = picture("CMYK", 0, "JPEG") if mode == "CMYK" else picture(mode, 0)
    assert opened(render_view(data, **wish)[0]).size == (4, 3)


def test_a_palette_with_transparency_is_no_warning():
    image = Image.new("P", (4, 3))
    image.putpalette([1, 2, 3, 4, 5, 6])
    buffer = BytesIO()
    image.save(buffer, format="PNG", transparency=b"\x00\x80")
    assert opened(render_view(buffer.getvalue(), channel="rgb")[0]).getpixel((0, 0)) == (1, 2, 3)


@pytest.mark.parametrize("side", [10_000, 12_000, 20_000, 2**31 - 1])
@pytest.mark.parametrize("wish", [{}, {"preview": "webp"}, {"channel": "rgb"}])
def test_bombs_are_refused_by_their_header(side, wish):
    with pytest.raises(TooLarge):
        render_view(bomb(side), **wish)
    with pytest.raises(TooLarge):
        probe_picture(bomb(side))


@pytest.mark.filterwarnings("ignore")
def test_bombs_are_refused_also_where_pillow_only_warns():
    with pytest.raises(TooLarge):
        render_view(bomb(10_000))


@pytest.mark.parametrize("wish", [{"preview": "webp"}, {"channel": "rgb"}, {"channel": "a"}])
def test_a_damaged_picture_is_the_callers_fault(wish):
    buffer = BytesIO()
    Image.effect_noise((64, 64), 100).convert("RGBA").save(buffer, format="PNG")
    with pytest.raises(RequestError, match="damaged"):
        render_view(buffer.getvalue()[:1000], **wish)
    with pytest.raises(RequestError):
        render_view(bomb(100), **wish)


@given(st.binary(max_size=60), st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF", b"\xff\xd8"]))
def test_rubbish_is_refused(data, head):
    try:
        render_view(head + data, channel="rgb")
    except RequestError:
        return


def test_a_header_says_what_a_picture_is():
    assert probe_picture(picture()) == Picture(width=4, height=3, mode="RGBA", content_type="image/png")
    jpeg = probe_picture(picture("RGB", (1, 2, 3), "JPEG"))
    assert jpeg == Picture(width=4, height=3, mode="RGB", content_type="image/jpeg")
    assert probe_picture(picture()[:50]) is not None
    assert probe_picture(b"text") is None
    assert probe_picture(b"") is None


def test_a_mask_gives_its_alpha_and_the_texts_stay():
    texts = PngInfo()
    texts.add_text("prompt", "{}")
    original = picture("RGB", (1, 2, 3), pnginfo=texts)
    masked = opened(apply_mask(original, picture("RGBA", (9, 9, 9, 77))))
    assert (masked.mode, masked.getpixel((0, 0))) == ("RGBA", (1, 2, 3, 77))
    assert masked.info["prompt"] == "{}"


def test_a_mask_of_another_size_is_refused():
    buffer = BytesIO()
    Image.new("RGBA", (9, 9)).save(buffer, format="PNG")
    with pytest.raises(RequestError, match="does not fit"):
        apply_mask(picture(), buffer.getvalue())
    with pytest.raises(TooLarge):
        apply_mask(picture(), bomb(20_000))


def test_a_picture_that_another_program_would_draw_is_no_picture(monkeypatch):
    monkeypatch.setattr("PIL.EpsImagePlugin.has_ghostscript", lambda: pytest.fail("Ghostscript was asked"))
    monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", lambda *_: pytest.fail("Ghostscript was run"))
    for wish in ({"preview": "webp"}, {"channel": "rgb"}):
        with pytest.raises(RequestError, match="not a picture"):
            render_view(picture("RGB", RGBA[:3], "EPS"), **wish)


@pytest.mark.parametrize(
    "form", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "ICO", "PPM", "TGA", "JPEG2000"]
)
def test_usual_pictures_are_read(form):
    assert render_view(picture("RGB", RGBA[:3], form), channel="rgb")[1] == "image/png"
