"""Loaders of sketch's own model and of its parts, under whatever name it stands in for another."""

import logging
from collections.abc import Mapping
from typing import Any

from gesso.sketch.model_names import OWN, offered
from gesso.sketch.model_parts import Clip, Model, Vae
from gesso.sketch.node import Context, Input, Node, Spec
from gesso.sketch.nodes.declare import choice

logger = logging.getLogger(__name__)

_ABOUT = (
    "Loads the small model that comes with sketch: it draws coloured shapes on plain backgrounds, small, and "
    "enlarges them. Under another name it stands in for that file."
)
# For choices that others made: sketch's model is one of the newer kind, and has one type only.
_TYPES = (
    "stable_diffusion stable_cascade sd3 stable_audio mochi ltxv pixart cosmos lumina2 wan hidream chroma "
    "ace omnigen2 qwen_image hunyuan_image"
).split()


def _names(folder: str, options: Mapping[str, Any] | None = None) -> Input:
    return Input(lambda folders: offered(folders, folder), options)


def _note(folder: str, name: str) -> None:
    if name != OWN[folder]:
        logger.info("Loading sketch's own model in place of %s", name)


class CheckpointLoaderSimple(Node):
    """All of the model."""

    spec = Spec(
        display_name="Load Checkpoint",
        category="loaders",
        required={"ckpt_name": _names("checkpoints", {})},
        outputs=("MODEL", "CLIP", "VAE"),
        context=True,
        description=_ABOUT,
    )

    def execute(self, ckpt_name: str, context: Context) -> tuple[Model, Clip, Vae]:
        _note("checkpoints", ckpt_name)
        networks = context.memory.networks
        return Model(networks), Clip(networks), Vae(networks)


class UNETLoader(Node):
    """The network that draws."""

    spec = Spec(
        display_name="Load Diffusion Model",
        category="advanced/loaders",
        required={
            "unet_name": _names("diffusion_models"),
            "weight_dtype": choice(("default", "fp8_e4m3fn", "fp8_e4m3fn_fast", "fp8_e5m2")),
        },
        outputs=("MODEL",),
        context=True,
        description=_ABOUT,
    )

    def execute(self, unet_name: str, weight_dtype: str, context: Context) -> tuple[Model]:
        _note("diffusion_models", unet_name)
        return (Model(context.memory.networks),)


class CLIPLoader(Node):
    """The text encoder; the type and the device are those of other models."""

    spec = Spec(
        display_name="Load CLIP",
        category="advanced/loaders",
        required={"clip_name": _names("text_encoders"), "type": choice(_TYPES)},
        optional={"device": choice(("default", "cpu"), advanced=True)},
        outputs=("CLIP",),
        context=True,
        description=_ABOUT,
    )

    def execute(self, clip_name: str, type: str, context: Context, device: str = "default") -> tuple[Clip]:
        _note("text_encoders", clip_name)
        return (Clip(context.memory.networks),)


class VAELoader(Node):
    """The way between pictures and latents."""

    spec = Spec(
        display_name="Load VAE",
        category="loaders",
        required={"vae_name": _names("vae")},
        outputs=("VAE",),
        context=True,
        description=_ABOUT,
    )

    def execute(self, vae_name: str, context: Context) -> tuple[Vae]:
        _note("vae", vae_name)
        return (Vae(context.memory.networks),)


NODES: dict[str, type[Node]] = {
    cls.__name__: cls for cls in (CheckpointLoaderSimple, UNETLoader, CLIPLoader, VAELoader)
}
