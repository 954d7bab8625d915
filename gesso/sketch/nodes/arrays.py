"""Pictures as arrays: IMAGE is float32 [batch, height, width, channels], MASK [batch, height, width]; 0…1."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gesso.errors import TooLarge

Array: TypeAlias = NDArray[np.float32]

MAX_BYTES = 1024**3
"""The largest array that a node may make, 89 megapixels in colour; far beyond it, memory ends the engine."""


def check_size(*shape: int) -> None:
    """Refuses (TooLarge) a float32 array of this shape before it is made."""
    size = 4
    for length in shape:
        size *= length
    if size > MAX_BYTES:
        raise TooLarge(
            f"An array of {'x'.join(map(str, shape))} would take {size // 1024**2} MiB; "
            f"sketch makes none above {MAX_BYTES // 1024**2} MiB.",
            remedy="Use a smaller picture or a smaller batch.",
        )


def to_pictures(images: Array) -> list[Image.Image]:
    """One Pillow picture for each image of the batch, cut off (not rounded) to 8 bits as ComfyUI does."""
    return [Image.fromarray(_bytes(image)) for image in images]


def from_pictures(pictures: Sequence[Image.Image]) -> Array:
    """The opposite of to_pictures."""
    return np.stack([np.asarray(picture, dtype=np.float32) / np.float32(255) for picture in pictures])


def _bytes(image: Array) -> NDArray[np.uint8]:
    scaled = image * np.float32(255)
    levels: NDArray[np.uint8] = np.clip(scaled, 0, 255, out=scaled).astype(np.uint8)
    return levels[..., 0] if levels.shape[-1] == 1 else levels


def repeat_to(batch: Array, size: int) -> Array:
    """The batch repeated from its start, or cut, to this many images."""
    if len(batch) >= size:
        return batch[:size]
    times = -(-size // len(batch))
    check_size(size, *batch.shape[1:])
    return np.tile(batch, (times,) + (1,) * (batch.ndim - 1))[:size]


def same_channels(destination: Array, source: Array) -> tuple[Array, Array]:
    """Cuts the source to the destination's channels, or gives it the opaque ones that it lacks."""
    missing = destination.shape[-1] - source.shape[-1]
    if missing > 0:
        opaque = np.ones((*source.shape[:-1], missing), dtype=np.float32)
        return destination, np.concatenate([source, opaque], axis=-1)
    return destination, source[..., : destination.shape[-1]]
