"""LATENT: what the model draws in, [batch, 8, height / 4, width / 4], and the size of the picture."""

from dataclasses import dataclass, replace

import numpy as np

from gesso.sketch.canvas import Canvas
from gesso.sketch.model_parts import CHANNELS, SCALE, Vae, fitted, on_grid
from gesso.sketch.nodes.arrays import Array, repeat_to
from gesso.sketch.nodes.resample import centred, resize, resize_masks

METHODS = ("nearest-exact", "bilinear", "area", "bicubic", "bislerp")


@dataclass(frozen=True, slots=True, kw_only=True)
class Latent:
    """A batch of latents."""

    samples: Array
    """In the size that is drawn."""
    canvas: Canvas
    """The size that the picture is to have."""
    mask: Array | None = None
    """[batch, height, width] of any size: where 0, sampling keeps what is there."""
    numbers: tuple[int, ...] | None = None
    """Which picture of its batch each one was: it decides on the noise. None: counted from 0."""

    def number(self, index: int) -> int:
        return index if self.numbers is None else self.numbers[index]

    def mask_for_samples(self) -> Array | None:
        """[batch, 1, height, width] in the size of the samples."""
        if self.mask is None:
            return None
        batch, _, height, width = self.samples.shape
        masks = repeat_to(resize_masks(self.mask, width, height), batch)
        return masks[:, None]


def empty(width: int, height: int, batch: int) -> Latent:
    """For a picture of so many pixels, less what reaches over a multiple of 8."""
    canvas = Canvas(width, height).on_grid()
    canvas.check(batch)
    return Latent(samples=np.zeros((batch, CHANNELS, *_places(canvas)), dtype=np.float32), canvas=canvas)


def encoded(vae: Vae, images: Array, mask: Array | None = None) -> Latent:
    """Of pictures, less what reaches over a multiple of 8 pixels: that is cut off evenly at both ends."""
    images = on_grid(images)
    canvas = Canvas(images.shape[2], images.shape[1])
    return Latent(samples=vae.encode(fitted(images, canvas.drawn())), canvas=canvas, mask=mask)


def decoded(vae: Vae, samples: Array, canvas: Canvas) -> Array:
    """Pictures of this size."""
    canvas.check(len(samples))
    images = vae.decode(samples)
    if images.shape[1:3] == (canvas.height, canvas.width):
        return images
    return resize(images, canvas.width, canvas.height, "lanczos")


def scaled(latent: Latent, canvas: Canvas, method: str, crop: str = "disabled") -> Latent:
    """For pictures of another size."""
    canvas = canvas.on_grid()
    canvas.check(len(latent.samples))
    height, width = _places(canvas)
    return replace(latent, samples=resampled(latent.samples, width, height, method, crop), canvas=canvas)


def resampled(samples: Array, width: int, height: int, method: str, crop: str = "disabled") -> Array:
    """So many places wide and high."""
    images = np.moveaxis(samples, 1, -1)
    if method == "bislerp":
        images = centred(images, width, height) if crop == "center" else images
        images = _bislerp(_bislerp(images, 2, width), 1, height)
    else:
        images = resize(images, width, height, method, crop)
    return np.ascontiguousarray(np.moveaxis(images, -1, 1))


def _places(canvas: Canvas) -> tuple[int, int]:
    """Height and width of the samples."""
    drawn = canvas.drawn()
    return drawn.height // SCALE, drawn.width // SCALE


def _bislerp(images: Array, axis: int, size: int) -> Array:
    """Between two places: their lengths mixed evenly, and their directions turned evenly."""
    old = images.shape[axis]
    place = np.clip((np.arange(size) + 0.5) * (old / size) - 0.5, 0, old - 1)
    low = place.astype(np.intp)
    share = (place - low).astype(np.float32).reshape([-1 if each == axis else 1 for each in range(4)])
    first = np.take(images, low, axis=axis)
    second = np.take(images, np.minimum(low + 1, old - 1), axis=axis)
    lengths = [np.linalg.norm(one, axis=-1, keepdims=True) for one in (first, second)]
    units = [
        np.divide(one, length, out=np.zeros_like(one), where=length > 0)
        for one, length in zip((first, second), lengths, strict=True)
    ]
    cosine = np.clip(np.sum(units[0] * units[1], axis=-1, keepdims=True), -1, 1)
    angle = np.arccos(cosine)
    sine = np.maximum(np.sin(angle), 1e-6)
    turned = units[0] * (np.sin((1 - share) * angle) / sine) + units[1] * (np.sin(share * angle) / sine)
    result = turned * (lengths[0] * (1 - share) + lengths[1] * share)
    straight = first * (1 - share) + second * share
    # In the same direction there is nothing to turn, and in opposite ones there is no way to turn.
    result = np.where(cosine > 1 - 1e-5, first, np.where(cosine < 1e-5 - 1, straight, result))
    answer: Array = result.astype(np.float32)
    return answer
