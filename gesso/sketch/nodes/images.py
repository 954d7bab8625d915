"""Nodes that make pictures and change their size, their frame or their batch."""

import math

import numpy as np

from gesso.sketch.node import Context, Input, Node, Spec
from gesso.sketch.nodes.arrays import Array, check_size
from gesso.sketch.nodes.declare import IMAGE, choice, decimal, integer, side
from gesso.sketch.nodes.resample import CROPS, METHODS, resize

_EXTRA = "comfy_extras.nodes_images"


class EmptyImage(Node):
    """A picture of one colour."""

    spec = Spec(
        display_name="EmptyImage",
        category="image",
        required={
            "width": side(),
            "height": side(),
            "batch_size": integer(1, 1, 4096),
            "color": integer(0, 0, 0xFFFFFF, 1, display="color"),
        },
        outputs=("IMAGE",),
    )

    def execute(self, width: int, height: int, batch_size: int = 1, color: int = 0) -> tuple[Array]:
        check_size(batch_size, height, width, 3)
        levels = [(color >> shift & 0xFF) / 255 for shift in (16, 8, 0)]
        return (np.full((batch_size, height, width, 3), levels, dtype=np.float32),)


class ImageInvert(Node):
    """The negative."""

    spec = Spec(display_name="Invert Image", category="image", required={"image": IMAGE}, outputs=("IMAGE",))

    def execute(self, image: Array) -> tuple[Array]:
        return (1 - image,)


class ImageScale(Node):
    """To a width and a height; one of them 0 keeps the proportions, both 0 keep the picture."""

    spec = Spec(
        display_name="Upscale Image",
        category="image/upscaling",
        required={
            "image": IMAGE,
            "upscale_method": choice(METHODS),
            "width": side(minimum=0),
            "height": side(minimum=0),
            "crop": choice(CROPS),
        },
        outputs=("IMAGE",),
    )

    def execute(self, image: Array, upscale_method: str, width: int, height: int, crop: str) -> tuple[Array]:
        if width == 0 and height == 0:
            return (image,)
        old_height, old_width = image.shape[1:3]
        width = width or max(1, round(old_width * height / old_height))
        height = height or max(1, round(old_height * width / old_width))
        return (resize(image, width, height, upscale_method, crop),)


class ImageScaleBy(Node):
    """By a factor."""

    spec = Spec(
        display_name="Upscale Image By",
        category="image/upscaling",
        required={
            "image": IMAGE,
            "upscale_method": choice(METHODS),
            "scale_by": decimal(1.0, 0.01, 8.0, 0.01),
        },
        outputs=("IMAGE",),
    )

    def execute(self, image: Array, upscale_method: str, scale_by: float) -> tuple[Array]:
        height, width = image.shape[1:3]
        return (resize(image, round(width * scale_by), round(height * scale_by), upscale_method),)


class ImageScaleToTotalPixels(Node):
    """To about so many megapixels (of 1024 x 1024)."""

    spec = Spec(
        category="image/upscaling",
        module="comfy_extras.nodes_post_processing",
        required={
            "image": IMAGE,
            "upscale_method": choice(METHODS),
            "megapixels": decimal(1.0, 0.01, 16.0, 0.01),
        },
        outputs=("IMAGE",),
        modern=True,
    )

    def execute(self, image: Array, upscale_method: str, megapixels: float) -> tuple[Array]:
        height, width = image.shape[1:3]
        scale = math.sqrt(int(megapixels * 1024 * 1024) / (width * height))
        return (resize(image, round(width * scale), round(height * scale), upscale_method),)


class ImageScaleToMaxDimension(Node):
    """To a longest side."""

    spec = Spec(
        display_name="ImageScaleToMaxDimension",
        category="image/upscaling",
        module=_EXTRA,
        required={
            "image": IMAGE,
            # "bilinear" twice, as ComfyUI has it: clients compare lists.
            "upscale_method": choice(("area", "lanczos", "bilinear", "nearest-exact", "bilinear", "bicubic")),
            "largest_size": side(minimum=0),
        },
        outputs=("IMAGE",),
    )

    def execute(self, image: Array, upscale_method: str, largest_size: int) -> tuple[Array]:
        height, width = image.shape[1:3]
        longest = max(width, height)
        scaled = {
            old: largest_size if old == longest else round(old / longest * largest_size)
            for old in (width, height)
        }
        return (resize(image, scaled[width], scaled[height], upscale_method),)


class ImageCrop(Node):
    """A part of the picture, smaller where it would reach over the edge."""

    spec = Spec(
        display_name="Image Crop",
        category="image/transform",
        module=_EXTRA,
        required={
            "image": IMAGE,
            "width": side(),
            "height": side(),
            "x": side(0, 0),
            "y": side(0, 0),
        },
        outputs=("IMAGE",),
    )

    def execute(self, image: Array, width: int, height: int, x: int, y: int) -> tuple[Array]:
        x = min(x, image.shape[2] - 1)
        y = min(y, image.shape[1] - 1)
        return (image[:, y : y + height, x : x + width],)


class ImagePadForOutpaint(Node):
    """Grey around the picture, and a mask of it that fades into the picture."""

    spec = Spec(
        display_name="Pad Image for Outpainting",
        category="image",
        required={
            "image": IMAGE,
            "left": side(0, 0, 8),
            "top": side(0, 0, 8),
            "right": side(0, 0, 8),
            "bottom": side(0, 0, 8),
            "feathering": side(40, 0),
        },
        outputs=("IMAGE", "MASK"),
    )

    def execute(
        self, image: Array, left: int, top: int, right: int, bottom: int, feathering: int
    ) -> tuple[Array, Array]:
        batch, height, width, channels = image.shape
        size = (height + top + bottom, width + left + right)
        check_size(batch, *size, channels)
        padded = np.full((batch, *size, channels), 0.5, dtype=np.float32)
        padded[:, top : top + height, left : left + width] = image
        fade = np.zeros((height, width), dtype=np.float32)
        if feathering > 0 and feathering * 2 < min(height, width):
            distance = np.minimum(
                _distance(height, top != 0, bottom != 0)[:, None],
                _distance(width, left != 0, right != 0)[None, :],
            )
            fade = (np.clip((feathering - distance) / feathering, 0, None) ** 2).astype(np.float32)
        mask = np.ones(size, dtype=np.float32)
        mask[top : top + height, left : left + width] = fade
        return padded, mask[None]


def _distance(length: int, from_start: bool, from_end: bool) -> Array:
    """How far each place is from the edges that were moved."""
    places = np.arange(length, dtype=np.float32)
    whole = np.full(length, length, dtype=np.float32)
    return np.minimum(places if from_start else whole, length - places if from_end else whole)


class ImageBatch(Node):
    """Two batches as one; the second takes the size of the first."""

    spec = Spec(
        display_name="Batch Images",
        category="image",
        required={"image1": IMAGE, "image2": IMAGE},
        outputs=("IMAGE",),
    )

    def execute(self, image1: Array, image2: Array) -> tuple[Array]:
        if image1.shape[1:] != image2.shape[1:]:
            image2 = resize(image2, image1.shape[2], image1.shape[1], "bilinear", "center")
        check_size(len(image1) + len(image2), *image1.shape[1:])
        return (np.concatenate([image1, image2]),)


class RepeatImageBatch(Node):
    """The batch several times over."""

    spec = Spec(
        display_name="RepeatImageBatch",
        category="image/batch",
        module=_EXTRA,
        required={"image": IMAGE, "amount": integer(1, 1, 4096)},
        outputs=("IMAGE",),
    )

    def execute(self, image: Array, amount: int) -> tuple[Array]:
        check_size(len(image) * amount, *image.shape[1:])
        return (np.tile(image, (amount, 1, 1, 1)),)


class ImageFromBatch(Node):
    """Some images of a batch."""

    spec = Spec(
        display_name="ImageFromBatch",
        category="image/batch",
        module=_EXTRA,
        required={
            "image": IMAGE,
            "batch_index": integer(0, 0, 4095),
            "length": integer(1, 1, 4096),
        },
        outputs=("IMAGE",),
    )

    def execute(self, image: Array, batch_index: int, length: int) -> tuple[Array]:
        start = min(len(image) - 1, batch_index)
        return (image[start : start + length],)


class RebatchImages(Node):
    """All images of a list of batches as batches of another size."""

    spec = Spec(
        display_name="Rebatch Images",
        category="image/batch",
        module="comfy_extras.nodes_rebatch",
        required={"images": IMAGE, "batch_size": integer(1, 1, 4096)},
        outputs=("IMAGE",),
        output_is_list=(True,),
        input_is_list=True,
        modern=True,
    )

    def execute(self, images: list[Array], batch_size: list[int]) -> tuple[list[Array]]:
        size = batch_size[0]
        every = [image[None] for batch in images for image in batch]
        return ([np.concatenate(every[start : start + size]) for start in range(0, len(every), size)],)


class ImageFlip(Node):
    """Mirrored."""

    spec = Spec(
        display_name="ImageFlip",
        category="image/transform",
        module=_EXTRA,
        required={"image": IMAGE, "flip_method": choice(("x-axis: vertically", "y-axis: horizontally"))},
        outputs=("IMAGE",),
    )

    def execute(self, image: Array, flip_method: str) -> tuple[Array]:
        return (np.flip(image, axis=1 if flip_method.startswith("x") else 2),)


class ImageRotate(Node):
    """By quarter turns, clockwise."""

    spec = Spec(
        display_name="ImageRotate",
        category="image/transform",
        module=_EXTRA,
        required={"image": IMAGE, "rotation": choice(("none", "90 degrees", "180 degrees", "270 degrees"))},
        outputs=("IMAGE",),
    )
    turns = {"none": 0, "90 degrees": 1, "180 degrees": 2, "270 degrees": 3}

    def execute(self, image: Array, rotation: str) -> tuple[Array]:
        return (np.rot90(image, k=self.turns[rotation], axes=(2, 1)),)


class GetImageSize(Node):
    """Width, height and batch size, shown on the node too."""

    spec = Spec(
        display_name="Get Image Size",
        category="image",
        module=_EXTRA,
        required={"image": Input("IMAGE")},
        hidden={"unique_id": "UNIQUE_ID"},
        outputs=("INT", "INT", "INT"),
        output_names=("width", "height", "batch_size"),
        context=True,
    )

    def execute(self, image: Array, context: Context, unique_id: str | None = None) -> tuple[int, int, int]:
        batch_size, height, width = image.shape[:3]
        context.text(f"width: {width}, height: {height}\n batch size: {batch_size}")
        return width, height, batch_size


NODES: dict[str, type[Node]] = {
    cls.__name__: cls
    for cls in (
        EmptyImage,
        ImageInvert,
        ImageScale,
        ImageScaleBy,
        ImageScaleToTotalPixels,
        ImageScaleToMaxDimension,
        ImageCrop,
        ImagePadForOutpaint,
        ImageBatch,
        RepeatImageBatch,
        ImageFromBatch,
        RebatchImages,
        ImageFlip,
        ImageRotate,
        GetImageSize,
    )
}
