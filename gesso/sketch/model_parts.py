"""What loaders hand on: MODEL, CLIP and VAE; and CONDITIONING, what the model is to draw, and from what."""

from dataclasses import dataclass, replace

import numpy as np

from gesso.sketch.canvas import Canvas
from gesso.sketch.model import Networks, Tokeniser
from gesso.sketch.nodes.arrays import Array
from gesso.sketch.nodes.resample import resize

SCALE = 4
"""Pixels to a side of one place of a latent."""
CHANNELS = 8


@dataclass(frozen=True, slots=True)
class Clip:
    """The text encoder."""

    networks: Networks

    def encode(self, text: str) -> Array:
        """[1, slots, width]."""
        tokens = Tokeniser(self.networks.facts("text_encoder"))(text)
        return self.networks.run("text_encoder", tokens=tokens)


@dataclass(frozen=True, slots=True)
class Vae:
    """Between pictures (IMAGE) and latents [batch, 8, height / 4, width / 4], one picture at a time."""

    networks: Networks

    def encode(self, images: Array) -> Array:
        """The sides are multiples of 8 pixels."""
        pictures = np.moveaxis(images[..., :3] * 2 - 1, -1, 1)
        return np.concatenate([self.networks.run("vae_encoder", pictures=one[None]) for one in pictures])

    def decode(self, latents: Array) -> Array:
        decoded = [self.networks.run("vae_decoder", latents=one[None]) for one in latents]
        images: Array = np.moveaxis(np.clip((np.concatenate(decoded) + 1) / 2, 0, 1), 1, -1)
        return np.ascontiguousarray(images)


@dataclass(frozen=True, slots=True)
class Model:
    """The network that draws: it tells the flow from the picture to the noise."""

    networks: Networks
    shift: float = 1.0
    """Above 1, more of the steps are spent where there is much noise."""
    norm: float | None = None
    """How strong a picture is that guidance may not make stronger; None: it may (see CFGNorm)."""

    def flow(self, x: Array, sigma: float, context: Array, source: Array) -> Array:
        time = np.full(len(x), sigma, dtype=np.float32)
        return self.networks.run("model", x=x, time=time, context=context, source=source)


@dataclass(frozen=True, slots=True)
class Source:
    """A picture that is to be changed. It becomes a latent when it is known how large that must be."""

    images: Array
    vae: Vae

    def latents(self, height: int, width: int) -> Array:
        """[batch, 8, height, width]."""
        return self.vae.encode(fitted(self.images, Canvas(width * SCALE, height * SCALE)))


@dataclass(frozen=True, slots=True)
class Conditioning:
    """What is to be drawn, [batch, slots, width], and the picture it is to be drawn from, if any."""

    context: Array
    source: Source | None = None

    def zero(self) -> "Conditioning":
        return replace(self, context=np.zeros_like(self.context))


def on_grid(images: Array) -> Array:
    """Cut to whole multiples of the grid, evenly at both ends."""
    height, width = images.shape[1:3]
    canvas = Canvas(width, height).on_grid()
    top, left = (height - canvas.height) // 2, (width - canvas.width) // 2
    return images[:, top : top + canvas.height, left : left + canvas.width]


def fitted(images: Array, canvas: Canvas) -> Array:
    """In this size, and without what shines through."""
    images = images[..., :3]
    height, width = images.shape[1:3]
    if (width, height) == (canvas.width, canvas.height):
        return images
    smaller = canvas.height <= height and canvas.width <= width
    return resize(images, canvas.width, canvas.height, "area" if smaller else "bilinear")
