"""Nodes that make latents and change their size, their batch or what of them is kept."""

from dataclasses import replace
from math import ceil

import numpy as np

from gesso.sketch.canvas import GRID, Canvas
from gesso.sketch.latents import METHODS, Latent, empty, scaled
from gesso.sketch.node import Input, Node, Spec
from gesso.sketch.nodes.arrays import Array
from gesso.sketch.nodes.declare import MASK, choice, decimal, integer, side
from gesso.sketch.nodes.resample import CROPS

LATENT = Input("LATENT")
_LEAST = 64


class EmptyLatentImage(Node):
    """Nothing yet."""

    spec = Spec(
        display_name="Empty Latent Image",
        category="latent",
        required={
            "width": side(512, 16, 8),
            "height": side(512, 16, 8),
            "batch_size": integer(1, 1, 4096),
        },
        outputs=("LATENT",),
    )

    def execute(self, width: int, height: int, batch_size: int = 1) -> tuple[Latent]:
        return (empty(width, height, batch_size),)


class EmptySD3LatentImage(EmptyLatentImage):
    """The same, under the name that workflows of newer models use."""

    spec = Spec(
        category="latent/sd3",
        module="comfy_extras.nodes_sd3",
        required={
            "width": side(1024, 16, 16),
            "height": side(1024, 16, 16),
            "batch_size": integer(1, 1, 4096),
        },
        outputs=("LATENT",),
        modern=True,
    )


class LatentUpscale(Node):
    """For another size of the picture; one side 0 keeps the proportions, both 0 keep the latent."""

    spec = Spec(
        display_name="Upscale Latent",
        category="latent",
        required={
            "samples": LATENT,
            "upscale_method": choice(METHODS),
            "width": side(512, 0, 8),
            "height": side(512, 0, 8),
            "crop": choice(CROPS),
        },
        outputs=("LATENT",),
    )

    def execute(
        self, samples: Latent, upscale_method: str, width: int, height: int, crop: str
    ) -> tuple[Latent]:
        if width == 0 and height == 0:
            return (samples,)
        old = samples.canvas
        if width == 0:
            width = round(old.width * max(_LEAST, height) / old.height)
        elif height == 0:
            height = round(old.height * max(_LEAST, width) / old.width)
        canvas = Canvas(max(_LEAST, width), max(_LEAST, height))
        return (scaled(samples, canvas, upscale_method, crop),)


class LatentUpscaleBy(Node):
    """By a factor, to the nearest size that a picture can have."""

    spec = Spec(
        display_name="Upscale Latent By",
        category="latent",
        required={
            "samples": LATENT,
            "upscale_method": choice(METHODS),
            "scale_by": decimal(1.5, 0.01, 8.0, 0.01),
        },
        outputs=("LATENT",),
    )

    def execute(self, samples: Latent, upscale_method: str, scale_by: float) -> tuple[Latent]:
        old = samples.canvas
        width, height = (max(GRID, round(side * scale_by / GRID) * GRID) for side in (old.width, old.height))
        return (scaled(samples, Canvas(width, height), upscale_method),)


class RepeatLatentBatch(Node):
    """The batch several times over, each time with other noise to come."""

    spec = Spec(
        display_name="Repeat Latent Batch",
        category="latent/batch",
        required={"samples": LATENT, "amount": integer(1, 1, 64)},
        outputs=("LATENT",),
    )

    def execute(self, samples: Latent, amount: int) -> tuple[Latent]:
        batch = len(samples.samples)
        samples.canvas.check(batch * amount)
        mask, numbers = samples.mask, samples.numbers
        if mask is not None and len(mask) > 1:
            whole = np.tile(mask, (ceil(batch / len(mask)), 1, 1))[:batch]
            mask = np.tile(whole, (amount, 1, 1))
        if numbers is not None:
            span = max(numbers) - min(numbers) + 1
            numbers = tuple(number + turn * span for turn in range(amount) for number in numbers)
        repeated = np.tile(samples.samples, (amount, 1, 1, 1))
        return (replace(samples, samples=repeated, mask=mask, numbers=numbers),)


class LatentFromBatch(Node):
    """Some of a batch, which keep the noise that they would have had in it."""

    spec = Spec(
        display_name="Latent From Batch",
        category="latent/batch",
        required={
            "samples": LATENT,
            "batch_index": integer(0, 0, 63),
            "length": integer(1, 1, 64),
        },
        outputs=("LATENT",),
    )

    def execute(self, samples: Latent, batch_index: int, length: int) -> tuple[Latent]:
        start = min(len(samples.samples) - 1, batch_index)
        chosen = slice(start, start + length)
        numbers = tuple(samples.number(index) for index in range(len(samples.samples)))[chosen]
        mask = samples.mask
        if mask is not None and len(mask) > 1:
            mask = np.tile(mask, (ceil(len(samples.samples) / len(mask)), 1, 1))[chosen]
        return (replace(samples, samples=samples.samples[chosen], mask=mask, numbers=numbers),)


class LatentBlend(Node):
    """So much of the first, the rest of the second, which takes its size."""

    spec = Spec(
        display_name="Latent Blend",
        category="_for_testing",
        required={
            "samples1": LATENT,
            "samples2": LATENT,
            "blend_factor": Input("FLOAT", {"default": 0.5, "min": 0, "max": 1, "step": 0.01}),
        },
        outputs=("LATENT",),
    )

    def execute(self, samples1: Latent, samples2: Latent, blend_factor: float) -> tuple[Latent]:
        if samples2.canvas != samples1.canvas:
            samples2 = scaled(samples2, samples1.canvas, "bicubic", "center")
        blended = samples1.samples * blend_factor + samples2.samples * (1 - blend_factor)
        return (replace(samples1, samples=blended.astype(np.float32)),)


class SetLatentNoiseMask(Node):
    """Only where the mask is white will a sampler change anything."""

    spec = Spec(
        display_name="Set Latent Noise Mask",
        category="latent/inpaint",
        required={"samples": LATENT, "mask": MASK},
        outputs=("LATENT",),
    )

    def execute(self, samples: Latent, mask: Array) -> tuple[Latent]:
        return (replace(samples, mask=mask.reshape(-1, *mask.shape[-2:])),)


NODES: dict[str, type[Node]] = {
    cls.__name__: cls
    for cls in (
        EmptyLatentImage,
        EmptySD3LatentImage,
        LatentUpscale,
        LatentUpscaleBy,
        RepeatLatentBatch,
        LatentFromBatch,
        LatentBlend,
        SetLatentNoiseMask,
    )
}
