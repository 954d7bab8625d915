"""Nodes that make, change and combine masks."""

import numpy as np

from gesso.sketch.node import Node, Spec
from gesso.sketch.nodes.arrays import Array, check_size
from gesso.sketch.nodes.declare import IMAGE, MASK, MAX_SIDE, boolean, choice, decimal, integer, side

_MODULE = "comfy_extras.nodes_mask"


def as_images(masks: Array) -> Array:
    """A mask in grey."""
    return np.repeat(batch_of(masks)[..., None], 3, axis=-1)


def batch_of(masks: Array) -> Array:
    """A single mask as a batch of one."""
    return masks.reshape(-1, *masks.shape[-2:])


class SolidMask(Node):
    """One value everywhere."""

    spec = Spec(
        display_name="SolidMask",
        category="mask",
        module=_MODULE,
        required={"value": decimal(1.0, 0.0, 1.0, 0.01), "width": side(), "height": side()},
        outputs=("MASK",),
    )

    def execute(self, value: float, width: int, height: int) -> tuple[Array]:
        check_size(height, width)
        return (np.full((1, height, width), value, dtype=np.float32),)


class InvertMask(Node):
    """The opposite."""

    spec = Spec(
        display_name="InvertMask",
        category="mask",
        module=_MODULE,
        required={"mask": MASK},
        outputs=("MASK",),
    )

    def execute(self, mask: Array) -> tuple[Array]:
        return (1 - mask,)


class CropMask(Node):
    """A part of the mask."""

    spec = Spec(
        display_name="CropMask",
        category="mask",
        module=_MODULE,
        required={
            "mask": MASK,
            "x": side(0, 0),
            "y": side(0, 0),
            "width": side(),
            "height": side(),
        },
        outputs=("MASK",),
    )

    def execute(self, mask: Array, x: int, y: int, width: int, height: int) -> tuple[Array]:
        return (batch_of(mask)[:, y : y + height, x : x + width],)


class MaskToImage(Node):
    """The mask as a grey picture."""

    spec = Spec(
        display_name="Convert Mask to Image",
        category="mask",
        module=_MODULE,
        required={"mask": MASK},
        outputs=("IMAGE",),
    )

    def execute(self, mask: Array) -> tuple[Array]:
        return (as_images(mask),)


class ImageToMask(Node):
    """One channel of a picture."""

    channels = ("red", "green", "blue", "alpha")
    spec = Spec(
        display_name="Convert Image to Mask",
        category="mask",
        module=_MODULE,
        required={"image": IMAGE, "channel": choice(channels)},
        outputs=("MASK",),
    )

    def execute(self, image: Array, channel: str) -> tuple[Array]:
        return (image[..., self.channels.index(channel)],)


class ImageColorToMask(Node):
    """Where a picture has one colour exactly."""

    spec = Spec(
        display_name="ImageColorToMask",
        category="mask",
        module=_MODULE,
        required={"image": IMAGE, "color": integer(0, 0, 0xFFFFFF, 1, display="color")},
        outputs=("MASK",),
    )

    def execute(self, image: Array, color: int) -> tuple[Array]:
        levels = (np.clip(image, 0, 1) * 255).round().astype(np.int32)
        colors = (levels[..., 0] << 16) + (levels[..., 1] << 8) + levels[..., 2]
        return ((colors == color).astype(np.float32),)


class ThresholdMask(Node):
    """1 above a value, 0 elsewhere."""

    spec = Spec(
        display_name="ThresholdMask",
        category="mask",
        module=_MODULE,
        required={"mask": MASK, "value": decimal(0.5, 0.0, 1.0, 0.01)},
        outputs=("MASK",),
    )

    def execute(self, mask: Array, value: float) -> tuple[Array]:
        return ((mask > np.float32(value)).astype(np.float32),)


class GrowMask(Node):
    """Wider by some pixels, or narrower where the number is negative."""

    spec = Spec(
        display_name="GrowMask",
        category="mask",
        module=_MODULE,
        required={
            "mask": MASK,
            "expand": integer(0, -MAX_SIDE, MAX_SIDE, 1),
            "tapered_corners": boolean(True),
        },
        outputs=("MASK",),
    )

    def execute(self, mask: Array, expand: int, tapered_corners: bool) -> tuple[Array]:
        grown = batch_of(mask)
        pick = np.maximum if expand > 0 else np.minimum
        for _ in range(abs(expand)):
            before = grown
            padded = np.pad(before, ((0, 0), (1, 1), (1, 1)), mode="edge")
            height, width = before.shape[1:]
            for y in range(3):
                for x in range(3):
                    if not tapered_corners or 1 in (x, y):
                        grown = pick(grown, padded[:, y : y + height, x : x + width])
            if np.array_equal(grown, before):
                break
        return (grown,)


class FeatherMask(Node):
    """Fades to 0 towards each edge over some pixels."""

    spec = Spec(
        display_name="FeatherMask",
        category="mask",
        module=_MODULE,
        required={
            "mask": MASK,
            "left": side(0, 0),
            "top": side(0, 0),
            "right": side(0, 0),
            "bottom": side(0, 0),
        },
        outputs=("MASK",),
    )

    def execute(self, mask: Array, left: int, top: int, right: int, bottom: int) -> tuple[Array]:
        feathered = batch_of(mask).copy()
        height, width = feathered.shape[1:]
        # From right and bottom ComfyUI counts -0, -1, -2 …: its first and weakest factor falls on the first
        # row or column of the other side. Kept, for pictures must come out the same.
        for index, factor in _ramp(min(left, width)):
            feathered[:, :, index] *= factor
        for index, factor in _ramp(min(right, width)):
            feathered[:, :, -index] *= factor
        for index, factor in _ramp(min(top, height)):
            feathered[:, index, :] *= factor
        for index, factor in _ramp(min(bottom, height)):
            feathered[:, -index, :] *= factor
        return (feathered,)


def _ramp(length: int) -> list[tuple[int, np.float32]]:
    return [(index, np.float32((index + 1) / length)) for index in range(length)]


class MaskComposite(Node):
    """A mask combined with a part of another."""

    spec = Spec(
        display_name="MaskComposite",
        category="mask",
        module=_MODULE,
        required={
            "destination": MASK,
            "source": MASK,
            "x": side(0, 0),
            "y": side(0, 0),
            "operation": choice(("multiply", "add", "subtract", "and", "or", "xor")),
        },
        outputs=("MASK",),
    )

    def execute(self, destination: Array, source: Array, x: int, y: int, operation: str) -> tuple[Array]:
        combined = batch_of(destination).copy()
        region = combined[:, y : y + source.shape[-2], x : x + source.shape[-1]]
        part = batch_of(source)[:, : region.shape[1], : region.shape[2]]
        if region.size:
            region[...] = _combine(region, part, operation)
        return (np.clip(combined, 0, 1),)


def _combine(a: Array, b: Array, operation: str) -> Array:
    result: Array
    match operation:
        case "multiply":
            result = a * b
        case "add":
            result = a + b
        case "subtract":
            result = a - b
        case "and":
            result = np.minimum(a.round() != 0, b.round() != 0).astype(np.float32)
        case "or":
            result = np.maximum(a.round() != 0, b.round() != 0).astype(np.float32)
        case _:
            result = ((a.round() != 0) ^ (b.round() != 0)).astype(np.float32)
    return result


NODES: dict[str, type[Node]] = {
    cls.__name__: cls
    for cls in (
        SolidMask,
        InvertMask,
        CropMask,
        MaskToImage,
        ImageToMask,
        ImageColorToMask,
        ThresholdMask,
        GrowMask,
        FeatherMask,
        MaskComposite,
    )
}
