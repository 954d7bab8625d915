"""Nodes that lay pictures over, beside or into each other."""

import numpy as np

from gesso.sketch.node import Node, Spec
from gesso.sketch.nodes.arrays import Array, check_size, repeat_to, same_channels
from gesso.sketch.nodes.declare import IMAGE, MASK, boolean, choice, integer, side
from gesso.sketch.nodes.masks import batch_of
from gesso.sketch.nodes.resample import resize, resize_masks

_COLORS = {
    "white": (1.0, 1.0, 1.0),
    "black": (0.0, 0.0, 0.0),
    "red": (1.0, 0.0, 0.0),
    "green": (0.0, 1.0, 0.0),
    "blue": (0.0, 0.0, 1.0),
}


class ImageCompositeMasked(Node):
    """A picture laid over another where a mask says so."""

    spec = Spec(
        display_name="ImageCompositeMasked",
        category="image",
        module="comfy_extras.nodes_mask",
        required={
            "destination": IMAGE,
            "source": IMAGE,
            "x": side(0, 0),
            "y": side(0, 0),
            "resize_source": boolean(False),
        },
        optional={"mask": MASK},
        outputs=("IMAGE",),
    )

    def execute(
        self,
        destination: Array,
        source: Array,
        x: int,
        y: int,
        resize_source: bool,
        mask: Array | None = None,
    ) -> tuple[Array]:
        destination, source = same_channels(destination, source)
        if resize_source:
            source = resize(source, destination.shape[2], destination.shape[1], "bilinear")
        source = repeat_to(source, len(destination))
        result = destination.copy()
        region = result[:, y : y + source.shape[1], x : x + source.shape[2]]
        height, width = region.shape[1:3]
        part = source[:, :height, :width]
        if mask is not None:
            scaled = resize_masks(batch_of(mask), source.shape[2], source.shape[1])
            weight = repeat_to(scaled, len(source))[:, :height, :width, None]
            part = weight * part + (1 - weight) * region
        region[...] = part
        return (result,)


class SplitImageWithAlpha(Node):
    """Colours and transparency apart."""

    spec = Spec(
        display_name="Split Image with Alpha",
        category="mask/compositing",
        module="comfy_extras.nodes_compositing",
        required={"image": IMAGE},
        outputs=("IMAGE", "MASK"),
        modern=True,
    )

    def execute(self, image: Array) -> tuple[Array, Array]:
        alpha = image[..., 3] if image.shape[-1] > 3 else np.ones_like(image[..., 0])
        return image[..., :3], 1 - alpha


class JoinImageWithAlpha(Node):
    """Colours and transparency as one picture of four channels."""

    spec = Spec(
        display_name="Join Image with Alpha",
        category="mask/compositing",
        module="comfy_extras.nodes_compositing",
        required={"image": IMAGE, "alpha": MASK},
        outputs=("IMAGE",),
        modern=True,
    )

    def execute(self, image: Array, alpha: Array) -> tuple[Array]:
        opacity = 1 - resize_masks(batch_of(alpha), image.shape[2], image.shape[1])
        batch = min(len(image), len(opacity))
        return (np.concatenate([image[:batch, ..., :3], opacity[:batch, ..., None]], axis=-1),)


class ResizeAndPadImage(Node):
    """As large as fits into a frame, with a border around it."""

    spec = Spec(
        display_name="ResizeAndPadImage",
        category="image/transform",
        module="comfy_extras.nodes_images",
        required={
            "image": IMAGE,
            "target_width": side(),
            "target_height": side(),
            "padding_color": choice(("white", "black")),
            "interpolation": choice(("area", "bicubic", "nearest-exact", "bilinear", "lanczos")),
        },
        outputs=("IMAGE",),
    )

    def execute(
        self, image: Array, target_width: int, target_height: int, padding_color: str, interpolation: str
    ) -> tuple[Array]:
        batch, height, width, channels = image.shape
        scale = min(target_width / width, target_height / height)
        scaled = resize(image, int(width * scale), int(height * scale), interpolation)
        check_size(batch, target_height, target_width, channels)
        level = 0.0 if padding_color == "black" else 1.0
        framed = np.full((batch, target_height, target_width, channels), level, dtype=np.float32)
        top = (target_height - scaled.shape[1]) // 2
        left = (target_width - scaled.shape[2]) // 2
        framed[:, top : top + scaled.shape[1], left : left + scaled.shape[2]] = scaled
        return (framed,)


class ImageStitch(Node):
    """Two pictures side by side, with a bar between them."""

    spec = Spec(
        display_name="Image Stitch",
        category="image/transform",
        module="comfy_extras.nodes_images",
        required={
            "image1": IMAGE,
            "direction": choice(("right", "down", "left", "up"), default="right"),
            "match_image_size": boolean(True),
            "spacing_width": integer(0, 0, 1024, 2),
            "spacing_color": choice(tuple(_COLORS), default="white"),
        },
        optional={"image2": IMAGE},
        outputs=("IMAGE",),
    )

    def execute(
        self,
        image1: Array,
        direction: str,
        match_image_size: bool,
        spacing_width: int,
        spacing_color: str,
        image2: Array | None = None,
    ) -> tuple[Array]:
        if image2 is None:
            return (image1,)
        along = 2 if direction in ("left", "right") else 1
        batch = max(len(image1), len(image2))
        image1, image2 = _hold_last(image1, batch), _hold_last(image2, batch)
        if match_image_size:
            image2 = _match(image2, image1, along)
        else:
            # Coloured bars leave the padding black: ComfyUI pads with one number only.
            level = 1.0 if spacing_color == "white" else 0.0
            across = max(image1.shape[3 - along], image2.shape[3 - along])
            image1, image2 = (_widen(image, 3 - along, across, level) for image in (image1, image2))
        if image1.shape[-1] < image2.shape[-1]:
            image2, image1 = same_channels(image2, image1)
        else:
            image1, image2 = same_channels(image1, image2)
        parts = [image2, image1] if direction in ("left", "up") else [image1, image2]
        if spacing_width > 0:
            parts.insert(1, _bar(image1, along, spacing_width + spacing_width % 2, spacing_color))
        return (np.concatenate(parts, axis=along),)


def _hold_last(image: Array, batch: int) -> Array:
    if len(image) == batch:
        return image
    check_size(batch, *image.shape[1:])
    return np.concatenate([image, np.repeat(image[-1:], batch - len(image), axis=0)])


def _match(image: Array, other: Array, along: int) -> Array:
    aspect = image.shape[2] / image.shape[1]
    height, width = other.shape[1:3]
    if along == 2:
        return resize(image, int(height * aspect), height, "lanczos")
    return resize(image, width, int(width / aspect), "lanczos")


def _widen(image: Array, axis: int, size: int, level: float) -> Array:
    missing = size - image.shape[axis]
    pad = [(0, 0)] * 4
    pad[axis] = (missing // 2, missing - missing // 2)
    return np.pad(image, pad, constant_values=level)


def _bar(image: Array, along: int, width: int, color: str) -> Array:
    shape = [*image.shape]
    shape[along] = width
    check_size(*shape)
    bar = np.ones(shape, dtype=np.float32)
    channels = min(3, shape[-1])
    bar[..., :channels] = _COLORS[color][:channels]
    return bar


NODES: dict[str, type[Node]] = {
    cls.__name__: cls
    for cls in (ImageCompositeMasked, SplitImageWithAlpha, JoinImageWithAlpha, ResizeAndPadImage, ImageStitch)
}
