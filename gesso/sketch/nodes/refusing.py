"""Loaders of what sketch has nothing of: they offer no file, and are refused before anything runs.

They are there because ComfyUI's frontend fails where a loader of checkpoints is and one of these is not.
"""

from gesso.sketch.folders import Folders
from gesso.sketch.node import Input, Node, Spec
from gesso.sketch.nodes.declare import choice, decimal

_NO_LORAS = "sketch's model takes no LoRAs: remove this node, or run the workflow on a ComfyUI"
_NOTHING = "sketch has nothing to load here."
_STRENGTH = decimal(1.0, -100.0, 100.0, 0.01)


class Refusing(Node):
    """Its list of files is empty: every value is refused as one that is not in it."""

    def execute(self, **inputs: object) -> tuple[object, ...]:
        raise ValueError(_NOTHING)


class LoraLoaderModelOnly(Refusing):
    """Its refusal says why, as a LoRA is often what a workflow can do without."""

    spec = Spec(
        display_name="LoraLoaderModelOnly",
        category="loaders",
        required={"model": Input("MODEL"), "lora_name": choice(()), "strength_model": _STRENGTH},
        outputs=("MODEL",),
        description=_NO_LORAS,
    )

    @staticmethod
    def validate(folders: Folders, lora_name: str | None) -> bool | str:
        return _NO_LORAS


class LoraLoader(LoraLoaderModelOnly):
    """The same."""

    spec = Spec(
        display_name="Load LoRA",
        category="loaders",
        required={
            "model": Input("MODEL", {}),
            "clip": Input("CLIP", {}),
            "lora_name": Input((), {}),
            "strength_model": _STRENGTH,
            "strength_clip": _STRENGTH,
        },
        outputs=("MODEL", "CLIP"),
        description=_NO_LORAS,
    )


class ImageOnlyCheckpointLoader(Refusing):
    spec = Spec(
        display_name="Image Only Checkpoint Loader (img2vid model)",
        category="loaders/video_models",
        module="comfy_extras.nodes_video_model",
        required={"ckpt_name": choice(())},
        outputs=("MODEL", "CLIP_VISION", "VAE"),
        description=_NOTHING,
    )


class ControlNetLoader(Refusing):
    spec = Spec(
        display_name="Load ControlNet Model",
        category="loaders",
        required={"control_net_name": choice(())},
        outputs=("CONTROL_NET",),
        description=_NOTHING,
    )


class UpscaleModelLoader(Refusing):
    spec = Spec(
        display_name="Load Upscale Model",
        category="loaders",
        module="comfy_extras.nodes_upscale_model",
        required={"model_name": choice(())},
        outputs=("UPSCALE_MODEL",),
        modern=True,
        description=_NOTHING,
    )


class StyleModelLoader(Refusing):
    spec = Spec(
        display_name="Load Style Model",
        category="loaders",
        required={"style_model_name": choice(())},
        outputs=("STYLE_MODEL",),
        description=_NOTHING,
    )


class GLIGENLoader(Refusing):
    spec = Spec(
        display_name="GLIGENLoader",
        category="loaders",
        required={"gligen_name": choice(())},
        outputs=("GLIGEN",),
        description=_NOTHING,
    )


NODES: dict[str, type[Node]] = {
    cls.__name__: cls
    for cls in (
        LoraLoader,
        LoraLoaderModelOnly,
        ImageOnlyCheckpointLoader,
        ControlNetLoader,
        UpscaleModelLoader,
        StyleModelLoader,
        GLIGENLoader,
    )
}
