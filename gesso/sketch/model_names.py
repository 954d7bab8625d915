"""Under which file names sketch's model is offered: its own, and those that it stands in for."""

from collections.abc import Iterable, Mapping

from gesso.sketch.folders import Folders
from gesso.sketch.model import NAME, available

OWN: Mapping[str, str] = {
    "checkpoints": f"{NAME}.safetensors",
    "diffusion_models": f"{NAME}-model.safetensors",
    "text_encoders": f"{NAME}-text.safetensors",
    "vae": f"{NAME}-vae.safetensors",
}
"""By folder, as the loaders of these folders name it."""

DEFAULT_ALIASES = ("v1-5-pruned-emaonly-fp16.safetensors",)
"""What the workflow asks for that ComfyUI's frontend begins with."""

_LABELS = {
    "modelspec.title": "sketch 1",
    "modelspec.description": "The small model that comes with sketch, whatever the name of this file. "
    "It draws coloured shapes on plain backgrounds. There is no such file.",
    "modelspec.resolution": "64x64",
    "modelspec.license": "MIT",
}


class UnknownFolder(ValueError):
    """An alias names a folder that sketch has no model for."""


def parse_aliases(texts: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """["a.safetensors", "vae/b.safetensors"] by folder; without one it is a checkpoint, "" is none."""
    found: dict[str, tuple[str, ...]] = {}
    for text in texts:
        folder, slash, name = text.partition("/")
        if not slash:
            folder, name = "checkpoints", text
        if folder not in OWN:
            raise UnknownFolder(f"{text!r}: the folder must be one of {', '.join(OWN)}")
        if name:
            found[folder] = (*found.get(folder, ()), name)
    return found


def offered(folders: Folders, folder: str) -> list[str]:
    """What the loaders of this folder can load: nothing but sketch's model, under these names."""
    if folder not in OWN or folders.without_models() or not available():
        return []
    return list(dict.fromkeys((OWN[folder], *folders.aliases.get(folder, ()))))


def label(folders: Folders, folder: str, name: str) -> dict[str, str] | None:
    """What stands in for a file's metadata; None for a name that is not offered."""
    return dict(_LABELS) if name in offered(folders, folder) else None
