"""Nodes between pictures and latents."""

from math import ceil

import numpy as np

from gesso.sketch.latents import Latent, decoded, encoded
from gesso.sketch.model_parts import Vae, on_grid
from gesso.sketch.node import Input, Node, Spec
from gesso.sketch.nodes.arrays import Array
from gesso.sketch.nodes.declare import IMAGE, MASK, integer
from gesso.sketch.nodes.resample import resize_masks


class VAEDecode(Node):
    """The picture of a latent, enlarged where it was to be larger than the model draws."""

    spec = Spec(
        display_name="VAE Decode",
        category="latent",
        required={"samples": Input("LATENT", {}), "vae": Input("VAE", {})},
        outputs=("IMAGE",),
    )

    def execute(self, samples: Latent, vae: Vae) -> tuple[Array]:
        return (decoded(vae, samples.samples, samples.canvas),)


class VAEEncode(Node):
    """The latent of a picture."""

    spec = Spec(
        display_name="VAE Encode",
        category="latent",
        required={"pixels": IMAGE, "vae": Input("VAE")},
        outputs=("LATENT",),
    )

    def execute(self, pixels: Array, vae: Vae) -> tuple[Latent]:
        return (encoded(vae, pixels),)


class VAEEncodeForInpaint(Node):
    """The same with grey where something else is to be drawn, and where that is."""

    spec = Spec(
        display_name="VAE Encode (for Inpainting)",
        category="latent/inpaint",
        required={
            "pixels": IMAGE,
            "vae": Input("VAE"),
            "mask": MASK,
            "grow_mask_by": integer(6, 0, 64, 1),
        },
        outputs=("LATENT",),
    )

    def execute(self, pixels: Array, vae: Vae, mask: Array, grow_mask_by: int = 6) -> tuple[Latent]:
        masks = resize_masks(mask.reshape(-1, *mask.shape[-2:]), pixels.shape[2], pixels.shape[1])
        pixels, masks = on_grid(pixels)[..., :3], np.rint(on_grid(masks[..., None])[..., 0])
        grey = (pixels - 0.5) * (1 - masks)[..., None] + 0.5
        return (encoded(vae, grey, _grown(masks, grow_mask_by)),)


def _grown(masks: Array, by: int) -> Array:
    """Larger by about half as many pixels on every side: so no seam shows in the latent."""
    if by == 0:
        return masks
    before = ceil((by - 1) / 2)
    grown = np.pad(masks, ((0, 0), (before, before), (before, before)))
    for axis in (1, 2):
        grown = np.lib.stride_tricks.sliding_window_view(grown, by, axis=axis).max(axis=-1)
    answer: Array = grown[:, : masks.shape[1], : masks.shape[2]]
    return answer


NODES: dict[str, type[Node]] = {cls.__name__: cls for cls in (VAEDecode, VAEEncode, VAEEncodeForInpaint)}
