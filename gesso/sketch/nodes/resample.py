"""Scaling a batch of pictures, to the same numbers as ComfyUI's five methods."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gesso.sketch.nodes.arrays import Array, check_size, from_pictures, to_pictures

METHODS = ("nearest-exact", "bilinear", "area", "bicubic", "lanczos")
CROPS = ("disabled", "center")


def resize(images: Array, width: int, height: int, method: str, crop: str = "disabled") -> Array:
    """The batch at another size; crop "center" keeps the proportions and cuts the rest."""
    if width < 1 or height < 1:
        raise ValueError(
            f"A picture of {width}x{height} pixels cannot be made: both sides must be at least 1."
        )
    if crop == "center":
        images = centred(images, width, height)
    check_size(len(images), height, width, images.shape[-1])
    if method == "lanczos":
        pictures = to_pictures(images)
        size = (width, height)
        scaled = from_pictures([picture.resize(size, Image.Resampling.LANCZOS) for picture in pictures])
        return scaled.reshape(len(images), height, width, -1)
    # The axis that shrinks most goes first, so that the second pass has less to do.
    if height * images.shape[2] < width * images.shape[1]:
        return _axis(_axis(images, 1, height, method), 2, width, method)
    return _axis(_axis(images, 2, width, method), 1, height, method)


def resize_masks(masks: Array, width: int, height: int, method: str = "bilinear") -> Array:
    """The same for [batch, height, width]."""
    return resize(masks[..., None], width, height, method)[..., 0]


def centred(images: Array, width: int, height: int) -> Array:
    """The middle of the batch in the proportions of this size."""
    old_height, old_width = images.shape[1:3]
    old, new = old_width / old_height, width / height
    x, y = _cut(old_width, new / old), _cut(old_height, old / new)
    return images[:, y : old_height - y, x : old_width - x]


def _cut(length: int, share: float) -> int:
    """From each end, so that this share is left; but something always is, where ComfyUI fails."""
    return max(0, min(round((length - length * share) / 2), (length - 1) // 2))


def _axis(images: Array, axis: int, size: int, method: str) -> Array:
    old = images.shape[axis]
    if size == old:
        return images
    if method == "area":
        return _area(images, axis, size)
    if method == "nearest-exact":
        index = np.floor((np.arange(size) + 0.5) * (old / size)).astype(np.intp)
        nearest: Array = np.take(images, np.minimum(index, old - 1), axis=axis)
        return nearest
    place = (np.arange(size) + 0.5) * (old / size) - 0.5
    if method == "bilinear":
        return _bilinear(images, axis, np.maximum(place, 0))
    return _bicubic(images, axis, place)


def _along(weights: NDArray[np.float64], axis: int) -> Array:
    shape = [1, 1, 1, 1]
    shape[axis] = -1
    return weights.astype(np.float32).reshape(shape)


def _bilinear(images: Array, axis: int, place: NDArray[np.float64]) -> Array:
    last = images.shape[axis] - 1
    low = np.minimum(place.astype(np.intp), last)
    weight = _along(place - low, axis)
    result: Array = np.take(images, low, axis=axis) * (1 - weight)
    result += np.take(images, np.minimum(low + 1, last), axis=axis) * weight
    return result


def _bicubic(images: Array, axis: int, place: NDArray[np.float64]) -> Array:
    last = images.shape[axis] - 1
    low = np.floor(place).astype(np.intp)
    fraction = place - low
    shape = [*images.shape]
    shape[axis] = len(place)
    result = np.zeros(shape, dtype=np.float32)
    for tap in range(-1, 3):
        weight = _along(_cubic(np.abs(fraction - tap)), axis)
        result += np.take(images, np.clip(low + tap, 0, last), axis=axis) * weight
    return result


def _cubic(x: NDArray[np.float64], a: float = -0.75) -> NDArray[np.float64]:
    """The kernel of cubic convolution."""
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((x - 5) * x + 8) * x * a - 4 * a
    return np.where(x <= 1, near, far)


def _area(images: Array, axis: int, size: int) -> Array:
    """The mean of all pixels that each new pixel touches."""
    old = images.shape[axis]
    starts = np.arange(size) * old // size
    ends = -(-(np.arange(1, size + 1) * old) // size)
    sums = np.cumsum(images, axis=axis, dtype=np.float64)
    sums = np.concatenate([np.zeros_like(np.take(sums, [0], axis=axis)), sums], axis=axis)
    total = np.take(sums, ends, axis=axis) - np.take(sums, starts, axis=axis)
    result: Array = (total * _along(1 / (ends - starts), axis)).astype(np.float32)
    return result
