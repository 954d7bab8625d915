"""Nodes that change the look of a picture: blend, blur, sharpen, quantize."""

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gesso.sketch.node import Node, Spec
from gesso.sketch.nodes.arrays import Array, from_pictures, same_channels
from gesso.sketch.nodes.declare import IMAGE, choice, decimal, integer
from gesso.sketch.nodes.resample import resize

_MODULE = "comfy_extras.nodes_post_processing"


class ImageBlend(Node):
    """Two pictures in one, the second at the size of the first."""

    spec = Spec(
        category="image/postprocessing",
        module=_MODULE,
        required={
            "image1": IMAGE,
            "image2": IMAGE,
            "blend_factor": decimal(0.5, 0.0, 1.0, 0.01),
            "blend_mode": choice(("normal", "multiply", "screen", "overlay", "soft_light", "difference")),
        },
        outputs=("IMAGE",),
        modern=True,
    )

    def execute(self, image1: Array, image2: Array, blend_factor: float, blend_mode: str) -> tuple[Array]:
        image1, image2 = same_channels(image1, image2)
        if image1.shape != image2.shape:
            image2 = resize(image2, image1.shape[2], image1.shape[1], "bicubic", "center")
        blended = image1 * (1 - blend_factor) + _blend(image1, image2, blend_mode) * blend_factor
        return (np.clip(blended, 0, 1),)


def _blend(a: Array, b: Array, mode: str) -> Array:
    match mode:
        case "multiply":
            return a * b
        case "screen":
            return 1 - (1 - a) * (1 - b)
        case "overlay":
            return np.where(a <= 0.5, 2 * a * b, 1 - 2 * (1 - a) * (1 - b))
        case "soft_light":
            bent = np.where(a <= 0.25, ((16 * a - 12) * a + 4) * a, np.sqrt(np.maximum(a, 0)))
            return np.where(b <= 0.5, a - (1 - 2 * b) * a * (1 - a), a + (2 * b - 1) * (bent - a))
        case "difference":
            return a - b
    return b


def blur(images: Array, radius: int, sigma: float) -> Array:
    """A Gaussian of 2·radius+1 pixels whose sigma is in units of the radius; edges are mirrored."""
    places = np.linspace(-1, 1, radius * 2 + 1)
    kernel = np.exp(-(places**2) / (2 * sigma * sigma))
    kernel = (kernel / kernel.sum()).astype(np.float32)
    for axis in (1, 2):
        pad = [(0, 0)] * 4
        pad[axis] = (radius, radius)
        padded = np.pad(images, pad, mode="reflect")
        size = images.shape[axis]
        images = np.zeros_like(images)
        for index, weight in enumerate(kernel):
            images += weight * padded[(slice(None),) * axis + (slice(index, index + size),)]
    return images


class ImageBlur(Node):
    """Softer."""

    spec = Spec(
        category="image/postprocessing",
        module=_MODULE,
        required={
            "image": IMAGE,
            "blur_radius": integer(1, 1, 31, 1),
            "sigma": decimal(1.0, 0.1, 10.0, 0.1),
        },
        outputs=("IMAGE",),
        modern=True,
    )

    def execute(self, image: Array, blur_radius: int, sigma: float) -> tuple[Array]:
        return (blur(image, blur_radius, sigma) if blur_radius else image,)


class ImageSharpen(Node):
    """Crisper: the picture plus ten times alpha of what a blur takes away."""

    spec = Spec(
        category="image/postprocessing",
        module=_MODULE,
        required={
            "image": IMAGE,
            "sharpen_radius": integer(1, 1, 31, 1),
            "sigma": decimal(1.0, 0.1, 10.0, 0.01),
            "alpha": decimal(1.0, 0.0, 5.0, 0.01),
        },
        outputs=("IMAGE",),
        modern=True,
    )

    def execute(self, image: Array, sharpen_radius: int, sigma: float, alpha: float) -> tuple[Array]:
        if sharpen_radius == 0:
            return (image,)
        amount = np.float32(alpha * 10)
        return (np.clip(image + amount * (image - blur(image, sharpen_radius, sigma)), 0, 1),)


class ImageQuantize(Node):
    """Few colours, with or without dithering."""

    spec = Spec(
        category="image/postprocessing",
        module=_MODULE,
        required={
            "image": IMAGE,
            "colors": integer(256, 1, 256, 1),
            "dither": choice(("none", "floyd-steinberg", "bayer-2", "bayer-4", "bayer-8", "bayer-16")),
        },
        outputs=("IMAGE",),
        modern=True,
    )

    def execute(self, image: Array, colors: int, dither: str) -> tuple[Array]:
        levels = np.clip(image * 255, 0, 255).astype(np.uint8)
        pictures = [_quantize(Image.fromarray(each), colors, dither) for each in levels]
        return (from_pictures([picture.convert("RGB") for picture in pictures]),)


def _quantize(picture: Image.Image, colors: int, dither: str) -> Image.Image:
    palette = picture.quantize(colors=colors)
    if dither == "floyd-steinberg":
        return picture.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
    if dither.startswith("bayer-"):
        spread = 2 * 256 / (len(palette.getpalette() or []) // 3)
        pattern = spread * _bayer(int(math.log2(int(dither.removeprefix("bayer-"))))) + 0.5
        height, width = picture.height, picture.width
        tiles = (-(-height // len(pattern)), -(-width // len(pattern)))
        offsets = np.tile(pattern, tiles)[:height, :width, None]
        shifted = np.clip(np.asarray(picture, dtype=np.float32) + offsets, 0, 255).astype(np.uint8)
        picture = Image.fromarray(shifted)
    return picture.quantize(palette=palette, dither=Image.Dither.NONE)


def _bayer(order: int) -> NDArray[np.float64]:
    """The ordered-dither matrix of 2^order rows, its values around 0."""
    if order == 0:
        return np.zeros((1, 1))
    count = 4**order
    inner = count * _bayer(order - 1)
    matrix: NDArray[np.float64] = np.block([[inner - 1.5, inner + 0.5], [inner + 1.5, inner - 0.5]]) / count
    return matrix


NODES: dict[str, type[Node]] = {
    cls.__name__: cls for cls in (ImageBlend, ImageBlur, ImageSharpen, ImageQuantize)
}
