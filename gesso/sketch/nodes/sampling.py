"""KSampler and KSamplerAdvanced: they draw, and show after each step what they have."""

from typing import Any

from PIL.Image import Resampling

from gesso.sketch.latents import Latent
from gesso.sketch.model_parts import Conditioning, Model, Vae
from gesso.sketch.node import Context, Input, Node, Spec
from gesso.sketch.nodes.arrays import Array, to_pictures
from gesso.sketch.nodes.declare import choice, decimal, integer
from gesso.sketch.sampling import Sampling, sample
from gesso.sketch.sampling_methods import SAMPLERS
from gesso.sketch.sampling_schedules import SCHEDULES

_SEED = integer(0, 0, 2**64 - 1, control_after_generate=True)
_STEPS = integer(20, 1, 10000)
_PREVIEW = 512
"""The longest side of a preview, as it is sent."""
_CFG = Input("FLOAT", {"default": 8.0, "min": 0.0, "max": 100.0, "step": 0.1, "round": 0.01})


def _draw(asked: Sampling, context: Context) -> Latent:
    vae = Vae(context.memory.networks)
    size = asked.latent.canvas.within(_PREVIEW)

    def tell(step: int, steps: int, picture: Array) -> None:
        [preview] = to_pictures(vae.decode(picture[:1]))
        if preview.size != (size.width, size.height):
            # Enlarged with less care than the picture will be: it is done at every step.
            preview = preview.resize((size.width, size.height), Resampling.BILINEAR)
        context.progress(step + 1, steps, preview, max_size=None)

    return sample(asked, tell, context.check)


class KSampler(Node):
    """From noise, or from a latent that noise is added to: as much as `denoise` says."""

    spec = Spec(
        display_name="KSampler",
        category="sampling",
        required={
            "model": Input("MODEL", {}),
            "seed": _SEED,
            "steps": _STEPS,
            "cfg": _CFG,
            "sampler_name": Input(tuple(SAMPLERS), {}),
            "scheduler": Input(tuple(SCHEDULES), {}),
            "positive": Input("CONDITIONING", {}),
            "negative": Input("CONDITIONING", {}),
            "latent_image": Input("LATENT", {}),
            "denoise": decimal(1.0, 0.0, 1.0, 0.01),
        },
        outputs=("LATENT",),
        context=True,
    )

    def execute(
        self,
        model: Model,
        positive: Conditioning,
        negative: Conditioning,
        latent_image: Latent,
        context: Context,
        sampler_name: str,
        **numbers: Any,
    ) -> tuple[Latent]:
        asked = Sampling(
            model=model,
            positive=positive,
            negative=negative,
            latent=latent_image,
            sampler=sampler_name,
            **numbers,
        )
        return (_draw(asked, context),)


class KSamplerAdvanced(Node):
    """Some of the steps, so that another sampler may do the others."""

    spec = Spec(
        display_name="KSampler (Advanced)",
        category="sampling",
        required={
            "model": Input("MODEL"),
            "add_noise": choice(("enable", "disable")),
            "noise_seed": _SEED,
            "steps": _STEPS,
            "cfg": _CFG,
            "sampler_name": choice(tuple(SAMPLERS)),
            "scheduler": choice(tuple(SCHEDULES)),
            "positive": Input("CONDITIONING"),
            "negative": Input("CONDITIONING"),
            "latent_image": Input("LATENT"),
            "start_at_step": integer(0, 0, 10000),
            "end_at_step": integer(10000, 0, 10000),
            "return_with_leftover_noise": choice(("disable", "enable")),
        },
        outputs=("LATENT",),
        context=True,
    )

    def execute(
        self,
        model: Model,
        positive: Conditioning,
        negative: Conditioning,
        latent_image: Latent,
        context: Context,
        **more: Any,
    ) -> tuple[Latent]:
        asked = Sampling(
            model=model,
            positive=positive,
            negative=negative,
            latent=latent_image,
            seed=more["noise_seed"],
            steps=more["steps"],
            cfg=more["cfg"],
            sampler=more["sampler_name"],
            scheduler=more["scheduler"],
            add_noise=more["add_noise"] == "enable",
            first=more["start_at_step"],
            last=more["end_at_step"],
            finish=more["return_with_leftover_noise"] == "disable",
        )
        return (_draw(asked, context),)


NODES: dict[str, type[Node]] = {cls.__name__: cls for cls in (KSampler, KSamplerAdvanced)}
