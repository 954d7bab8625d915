"""Pictures in the form that a request asks for, and what is to be known of those it brings (pure)."""

import hashlib
from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageSequence

from gesso.errors import EngineRefused, InvalidParameter, RequestError, TooLarge
from gesso.protocol.pictures import BOMB, BROKEN, PIXEL_LIMIT, opened

MEDIA = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}
ORIENTATION = 0x0112
SIDEWAYS = range(5, 9)
# One of seventeen bytes keeps the gateway busy for as long as a large one.
MOST_FRAMES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A picture that a request brings: its size as engines will see it, after turning it upright."""

    data: bytes
    sha256: str
    width: int
    height: int
    has_alpha: bool
    format: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """A picture as it is handed out."""

    data: bytes
    width: int
    height: int
    opaque: bool


def read_source(data: bytes, param: str) -> Source:
    """What a picture in a request is. InvalidParameter for what is none, or is damaged; TooLarge."""
    try:
        with opened(data) as picture:
            width, height = picture.size
            if picture.getexif().get(ORIENTATION) in SIDEWAYS:
                width, height = height, width
            source = Source(
                data=data,
                sha256=hashlib.sha256(data).hexdigest(),
                width=width,
                height=height,
                has_alpha=picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info,
                format=(picture.format or "png").lower(),
            )
            _read_frames(picture, param)
            return source
    except TooLarge as error:
        raise TooLarge(error.message, remedy="Send a smaller one.") from error
    except (RequestError, *BROKEN, *BOMB) as error:
        raise InvalidParameter(f"'{param}' is not a picture that can be read.", param=param) from error


def _read_frames(picture: Image.Image, param: str) -> None:
    """An engine reads all of them, and what it fails at is no fault of the request any more."""
    pixels = 0
    for number, frame in enumerate(ImageSequence.Iterator(picture)):
        pixels += frame.width * frame.height
        if pixels > PIXEL_LIMIT:
            raise TooLarge(f"'{param}' has more than {PIXEL_LIMIT} pixels.")
        if number >= MOST_FRAMES:
            raise TooLarge(f"'{param}' has more than {MOST_FRAMES} frames.")
        frame.load()


def deliver(
    data: bytes, form: str, compression: int, background: str, within: tuple[int, int] | None = None
) -> Delivered:
    """The engine's picture as asked for. What is PNG already, and may stay as it is, is not touched.

    `within`: no larger than this, of the same shape. EngineRefused for what is no picture, is damaged, or has
    too many pixels: whoever asked for it can mend none of that.
    """
    try:
        return _delivered(data, form, compression, background, within)
    except TooLarge as error:
        raise EngineRefused(f"The engine's file cannot be given as a picture: {error.message}") from error
    except (RequestError, *BROKEN, *BOMB) as error:
        raise EngineRefused("The engine's file is no picture that can be read.") from error


def _delivered(
    data: bytes, form: str, compression: int, background: str, within: tuple[int, int] | None
) -> Delivered:
    with opened(data) as picture:
        if within is not None and (picture.width > within[0] or picture.height > within[1]):
            picture.thumbnail(within)
            picture.format = None
        width, height = picture.size
        opaque = "A" not in picture.mode and "transparency" not in picture.info
        flat = not opaque and (background == "opaque" or form == "jpeg")
        if form == "png" and picture.format == "PNG" and not flat:
            return Delivered(data=data, width=width, height=height, opaque=opaque)
        shown = _on_white(picture) if flat else picture.convert("RGB" if opaque else "RGBA")
        buffer = BytesIO()
        if form == "png":
            shown.save(buffer, format="PNG")
        else:
            shown.save(buffer, format=form, quality=compression)
        return Delivered(data=buffer.getvalue(), width=width, height=height, opaque=opaque or flat)


def _on_white(picture: Image.Image) -> Image.Image:
    whole = picture.convert("RGBA")
    ground = Image.new("RGBA", whole.size, "white")
    return Image.alpha_composite(ground, whole).convert("RGB")
