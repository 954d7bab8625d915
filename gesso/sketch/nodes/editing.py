"""Nodes that give the model a picture to change, and say how."""

from dataclasses import replace

import numpy as np

from gesso.sketch.latents import Latent, empty
from gesso.sketch.model_parts import Clip, Conditioning, Source, Vae, on_grid
from gesso.sketch.node import Context, Input, Node, Spec
from gesso.sketch.nodes.arrays import Array
from gesso.sketch.nodes.conditioning import CLIP, prompt

_IMAGE = Input("IMAGE", {})
_VAE = Input("VAE", {})
_QWEN = "comfy_extras.nodes_qwen"


class InstructPixToPixConditioning(Node):
    """The picture goes with both conditionings; the third output is an empty latent of its size."""

    spec = Spec(
        category="conditioning/instructpix2pix",
        module="comfy_extras.nodes_ip2p",
        required={
            "positive": Input("CONDITIONING", {}),
            "negative": Input("CONDITIONING", {}),
            "vae": _VAE,
            "pixels": _IMAGE,
        },
        outputs=("CONDITIONING", "CONDITIONING", "LATENT"),
        output_names=("positive", "negative", "latent"),
        modern=True,
    )

    def execute(
        self, positive: Conditioning, negative: Conditioning, pixels: Array, vae: Vae
    ) -> tuple[Conditioning, Conditioning, Latent]:
        images = on_grid(pixels)
        source = Source(images, vae)
        latent = empty(images.shape[2], images.shape[1], len(images))
        return replace(positive, source=source), replace(negative, source=source), latent


class TextEncodeQwenImageEdit(Node):
    """A wish, and the picture that it is about; without a VAE the picture cannot be seen."""

    spec = Spec(
        category="advanced/conditioning",
        module=_QWEN,
        required={"clip": CLIP, "prompt": prompt()},
        optional={"vae": _VAE, "image": _IMAGE},
        outputs=("CONDITIONING",),
        modern=True,
    )

    def execute(
        self, clip: Clip, prompt: str, vae: Vae | None = None, image: Array | None = None
    ) -> tuple[Conditioning]:
        return (_wish(clip, prompt, vae, image),)


class TextEncodeQwenImageEditPlus(Node):
    """The same with up to three pictures, of which sketch's model sees the first."""

    spec = Spec(
        category="advanced/conditioning",
        module=_QWEN,
        required={"clip": CLIP, "prompt": prompt()},
        optional={"vae": _VAE, "image1": _IMAGE, "image2": _IMAGE, "image3": _IMAGE},
        outputs=("CONDITIONING",),
        modern=True,
        context=True,
    )

    def execute(
        self, clip: Clip, prompt: str, context: Context, vae: Vae | None = None, **images: Array | None
    ) -> tuple[Conditioning]:
        given = [images[name] for name in sorted(images) if images[name] is not None]
        if len(given) > 1:
            context.text("sketch's model sees one picture: the first")
        return (_wish(clip, prompt, vae, given[0] if given else None),)


def _wish(clip: Clip, text: str, vae: Vae | None, image: Array | None) -> Conditioning:
    source = None if image is None or vae is None else Source(np.asarray(image), vae)
    return Conditioning(clip.encode(text), source)


NODES: dict[str, type[Node]] = {
    cls.__name__: cls
    for cls in (InstructPixToPixConditioning, TextEncodeQwenImageEdit, TextEncodeQwenImageEditPlus)
}
