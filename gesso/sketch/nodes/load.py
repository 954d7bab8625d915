"""Nodes that read picture files."""

import hashlib
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

from gesso.errors import RequestError, TooLarge
from gesso.sketch.folders import Folders
from gesso.sketch.node import Context, Input, Node, Spec
from gesso.sketch.nodes.arrays import Array, check_size
from gesso.sketch.nodes.declare import choice

MAX_PIXELS = 89_478_485
"""The largest picture read: where Pillow starts to warn of files that unpack to very much."""

_CHANNELS = ("alpha", "red", "green", "blue")


def open_picture(path: Path) -> Image.Image:
    """Opens a picture without unpacking it; refuses (TooLarge) one of huge dimensions."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(path)
    except Image.DecompressionBombError as error:
        raise TooLarge(_too_large(path.name, str(error))) from error
    except UnidentifiedImageError as error:
        raise RequestError(f"The file {path.name!r} is not a picture that can be read.") from error
    width, height = picture.size
    if width * height > MAX_PIXELS:
        picture.close()
        raise TooLarge(_too_large(path.name, f"{width}x{height} pixels"))
    return picture


def _too_large(name: str, what: str) -> str:
    return f"The picture {name!r} is too large to be opened ({what}; at most {MAX_PIXELS} pixels)."


def _digest(folders: Folders, image: str) -> str:
    with folders.annotated(image).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _exists(folders: Folders, image: object) -> bool | str:
    if not isinstance(image, str):
        # What ComfyUI says when the value is linked (None) or is no text.
        raise AttributeError(f"{type(image).__name__!r} object has no attribute 'endswith'")
    try:
        found = folders.annotated(image).exists()
    except RequestError:
        found = False
    return found or f"Invalid image file: {image}"


def _upright(frame: Image.Image) -> Image.Image:
    frame = ImageOps.exif_transpose(frame)
    # 16 and 32 bit grey: ComfyUI takes it for 16 bit and keeps the upper half.
    return frame.point(lambda level: level * (1 / 255)) if frame.mode == "I" else frame


class LoadImage(Node):
    """The frames of a file as a batch, and where they are transparent."""

    spec = Spec(
        display_name="Load Image",
        category="image",
        required={"image": choice(Folders.pictures, image_upload=True)},
        outputs=("IMAGE", "MASK"),
        context=True,
    )

    def execute(self, image: str, context: Context) -> tuple[Array, Array]:
        with open_picture(context.folders.annotated(image)) as file:
            # A file of several views (MPO, from stereo cameras) is one picture, not an animation.
            frames = 1 if file.format == "MPO" else getattr(file, "n_frames", 1)
            check_size(frames, file.height, file.width, 3)
            images: list[Array] = []
            masks: list[Array] = []
            for frame in ImageSequence.Iterator(file):
                upright = _upright(frame)
                pixels = np.asarray(upright.convert("RGB"), dtype=np.float32) / np.float32(255)
                if not images or pixels.shape == images[0].shape:
                    images.append(pixels)
                    masks.append(self._mask(upright))
                if len(images) == frames:
                    break
        if len({mask.shape for mask in masks}) > 1:
            # Some frames are transparent and some are not: the placeholder must have the frames' size.
            shape = images[0].shape[:2]
            masks = [mask if mask.shape == shape else np.zeros(shape, np.float32) for mask in masks]
        return np.stack(images), np.stack(masks)

    @staticmethod
    def _mask(frame: Image.Image) -> Array:
        if frame.mode == "P" and "transparency" in frame.info:
            frame = frame.convert("RGBA")
        if "A" not in frame.getbands():
            return np.zeros((64, 64), dtype=np.float32)
        mask: Array = 1 - np.asarray(frame.getchannel("A"), dtype=np.float32) / np.float32(255)
        return mask

    @staticmethod
    def fingerprint(folders: Folders, image: str) -> str:
        return _digest(folders, image)

    @staticmethod
    def validate(folders: Folders, image: object) -> bool | str:
        return _exists(folders, image)


class LoadImageOutput(LoadImage):
    """The same from the output folder; the client fetches the list of files itself."""

    spec = Spec(
        display_name="Load Image (from Outputs)",
        category="image",
        required={
            "image": Input(
                "COMBO",
                {
                    "image_upload": True,
                    "image_folder": "output",
                    "remote": {
                        "route": "/internal/files/output",
                        "refresh_button": True,
                        "control_after_refresh": "first",
                    },
                },
            )
        },
        outputs=("IMAGE", "MASK"),
        experimental=True,
        context=True,
    )


class LoadImageMask(Node):
    """One channel of a file as a mask."""

    spec = Spec(
        display_name="Load Image (as Mask)",
        category="mask",
        required={"image": choice(Folders.files, image_upload=True), "channel": choice(_CHANNELS)},
        outputs=("MASK",),
        context=True,
    )

    def execute(self, image: str, channel: str, context: Context) -> tuple[Array]:
        with open_picture(context.folders.annotated(image)) as file:
            band = _upright(file).convert("RGBA").getchannel(channel[0].upper())
            mask = np.asarray(band, dtype=np.float32)[None] / np.float32(255)
        return (1 - mask if channel == "alpha" else mask,)

    @staticmethod
    def fingerprint(folders: Folders, image: str, **_: Any) -> str:
        return _digest(folders, image)

    @staticmethod
    def validate(folders: Folders, image: object) -> bool | str:
        return _exists(folders, image)


NODES: dict[str, type[Node]] = {
    "LoadImage": LoadImage,
    "LoadImageMask": LoadImageMask,
    "LoadImageOutput": LoadImageOutput,
}
