"""Pictures in memory, as GET /view gives them: smaller previews, single channels, and what a picture is."""

import struct
import zlib
from dataclasses import dataclass
from functools import cache
from io import BytesIO

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from gesso.errors import RequestError, TooLarge

# Where Pillow begins to warn of decompression bombs: 358 MB as RGBA.
PIXEL_LIMIT = 89_478_485
DEFAULT_QUALITY = 90
# What Pillow raises on pictures that are cut off or made to annoy.
BROKEN = (
    *(OSError, ValueError, SyntaxError, EOFError, ArithmeticError, LookupError, TypeError, RuntimeError),
    *(struct.error, zlib.error),
)
# Pillow knows more: some that it has another program draw (EPS), and many that nobody sends but to annoy.
FORMATS = "PNG JPEG MPO WEBP GIF BMP TIFF AVIF JPEG2000 ICO PPM TGA QOI".split()
BOMB = (Image.DecompressionBombError, Image.DecompressionBombWarning)


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What a picture's header says; `mode` in Pillow's words ("RGB", "RGBA", "L", "I;16", …)."""

    width: int
    height: int
    mode: str
    content_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """What is in a picture: the least and the greatest red, green and blue of all its pixels, 0 to 255."""

    width: int
    height: int
    lowest: tuple[int, ...]
    highest: tuple[int, ...]


def measure_picture(data: bytes) -> Extent:
    """Decode all of it, and look. Raises as `render_view` does."""
    with opened(data) as picture:
        try:
            bounds = _without_alpha(picture).getextrema()
        except BROKEN as error:
            raise RequestError("The picture is damaged.") from error
        return Extent(
            width=picture.width,
            height=picture.height,
            lowest=tuple(int(low) for low, _ in bounds),  # type: ignore[misc]
            highest=tuple(int(high) for _, high in bounds),  # type: ignore[misc]
        )


def render_view(data: bytes, preview: str | None = None, channel: str | None = None) -> tuple[bytes, str]:
    """The picture as GET /view answers it with these query values, and its content type.

    `preview` is "webp;90" or "jpeg;75" and goes before `channel`, which is "rgb", "a", or "rgba" for the
    file as it is. Raises TooLarge for more than `PIXEL_LIMIT` pixels, RequestError for what is no picture.
    """
    with opened(data) as picture:
        try:
            if preview is not None:
                return _preview(picture, preview, channel or "")
            if channel == "rgb":
                return _png(_without_alpha(picture)), "image/png"
            if channel == "a":
                return _png(_only_alpha(picture)), "image/png"
        except BROKEN as error:
            raise RequestError("The picture is damaged.") from error
        return data, _content_type(picture)


def probe_picture(data: bytes) -> Picture | None:
    """What a picture is, from its bytes up to the first pixels; None if it is none we know.

    Raises TooLarge as `render_view` does.
    """
    try:
        with opened(data) as picture:
            return Picture(
                width=picture.width,
                height=picture.height,
                mode=picture.mode,
                content_type=_content_type(picture),
            )
    except TooLarge:
        raise
    except RequestError:
        return None


def apply_mask(original: bytes, mask: bytes) -> bytes:
    """`original` with the alpha of `mask`, as PNG that keeps the original's texts (its workflow).

    Raises as `render_view` does.
    """
    with opened(original) as picture, opened(mask) as alpha:
        texts = PngInfo()
        try:
            masked = picture.convert("RGBA")
            for key, value in getattr(picture, "text", {}).items():
                texts.add_text(key, value)
            masked.putalpha(alpha.convert("RGBA").getchannel("A"))
        except BROKEN as error:
            raise RequestError("The mask does not fit the picture, or one of them is damaged.") from error
        buffer = BytesIO()
        masked.save(buffer, format="PNG", compress_level=4, pnginfo=texts)
        return buffer.getvalue()


def opened(data: bytes) -> Image.Image:
    """Reads the header only."""
    try:
        picture = Image.open(BytesIO(data), formats=_formats())
    except BOMB as error:
        raise _too_large() from error
    except BROKEN as error:
        raise RequestError("This is not a picture that can be read.") from error
    if picture.width * picture.height > PIXEL_LIMIT:
        picture.close()
        raise _too_large()
    return picture


@cache
def _formats() -> tuple[str, ...]:
    """Those that this Pillow was built with."""
    Image.init()
    return tuple(each for each in FORMATS if each in Image.OPEN)


def _too_large() -> TooLarge:
    return TooLarge(
        f"The picture has more than {PIXEL_LIMIT} pixels.",
        remedy="Fetch the file itself, without preview or channel.",
    )


def _preview(picture: Image.Image, preview: str, channel: str) -> tuple[bytes, str]:
    parts = preview.split(";")
    form = parts[0] if parts[0] in ("webp", "jpeg") and "a" not in channel else "webp"
    last = parts[-1]
    quality = min(int(last), 100) if last.isdecimal() and len(last) < 10 else DEFAULT_QUALITY
    shown = _without_alpha(picture) if form == "jpeg" or channel == "rgb" else picture
    buffer = BytesIO()
    shown.save(buffer, format=form, quality=quality)
    return buffer.getvalue(), f"image/{form}"


def _without_alpha(picture: Image.Image) -> Image.Image:
    # Palettes with transparency lose it only on the way over RGBA; directly, Pillow warns.
    return (picture.convert("RGBA") if picture.mode == "P" else picture).convert("RGB")


def _only_alpha(picture: Image.Image) -> Image.Image:
    alpha = picture.getchannel("A") if picture.mode == "RGBA" else Image.new("L", picture.size, 255)
    shown = Image.new("RGBA", picture.size)
    shown.putalpha(alpha)
    return shown


def _png(picture: Image.Image) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()


def _content_type(picture: Image.Image) -> str:
    return Image.MIME.get(picture.format or "", "application/octet-stream")
