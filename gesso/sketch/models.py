"""The model folders: which there are, which files they hold, and the pictures and notes beside a model."""

import base64
import json
import mimetypes
import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from gesso.sketch.folders import Folders

_WEIGHTS = frozenset({".ckpt", ".pt", ".pt2", ".bin", ".pth", ".safetensors", ".pkl", ".sft"})
_HEADER_LIMIT = 8 * 1024 * 1024
_LEGACY = {"unet": "diffusion_models", "clip": "text_encoders"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFolder:
    """One kind of model: the directories it is looked for in, and the file suffixes (none: any)."""

    paths: tuple[Path, ...]
    suffixes: frozenset[str]


# Below the base directory, in the order and with the names of ComfyUI 0.3.64.
_LAYOUT: Mapping[str, tuple[str, ...]] = {
    "checkpoints": ("models/checkpoints", "output/checkpoints"),
    "configs": ("models/configs",),
    "loras": ("models/loras", "output/loras"),
    "vae": ("models/vae", "output/vae"),
    "text_encoders": ("models/text_encoders", "models/clip", "output/clip"),
    "diffusion_models": ("models/unet", "models/diffusion_models", "output/diffusion_models"),
    "clip_vision": ("models/clip_vision",),
    "style_models": ("models/style_models",),
    "embeddings": ("models/embeddings",),
    "diffusers": ("models/diffusers",),
    "vae_approx": ("models/vae_approx",),
    "controlnet": ("models/controlnet", "models/t2i_adapter"),
    "gligen": ("models/gligen",),
    "upscale_models": ("models/upscale_models",),
    "custom_nodes": ("custom_nodes",),
    "hypernetworks": ("models/hypernetworks",),
    "photomaker": ("models/photomaker",),
    "classifiers": ("models/classifiers",),
    "model_patches": ("models/model_patches",),
    "audio_encoders": ("models/audio_encoders",),
}
_SUFFIXES: Mapping[str, frozenset[str]] = {
    "configs": frozenset({".yaml"}),
    "diffusers": frozenset({"folder"}),
    "custom_nodes": frozenset(),
    "classifiers": frozenset({""}),
}
HIDDEN = ("configs", "custom_nodes")


def model_folders(folders: Folders) -> dict[str, ModelFolder]:
    """Every kind of model by name, in ComfyUI's order."""
    return {
        name: ModelFolder(
            paths=tuple(folders.directory / path for path in paths), suffixes=_SUFFIXES.get(name, _WEIGHTS)
        )
        for name, paths in _LAYOUT.items()
    }


def model_names(folder: ModelFolder) -> list[str]:
    """The names that loaders offer: relative paths, sorted, each once."""
    return sorted({name for path in folder.paths for name in _names(path, folder.suffixes, hidden=True)})


def model_files(folder: ModelFolder) -> list[dict[str, Any]]:
    """The same with size and times, as GET /experiment/models/{folder} tells them; hidden files left out."""
    found = []
    for index, path in enumerate(folder.paths):
        for name in _names(path, _WEIGHTS, hidden=False):
            state = (path / name).stat()
            found.append(
                {
                    "name": name,
                    "pathIndex": index,
                    "modified": state.st_mtime,
                    "created": state.st_ctime,
                    "size": state.st_size,
                }
            )
    return found


def find_model(folders: Folders, kind: str, name: str) -> Path | None:
    """The file behind a model's name; a name that would lead outside is looked for inside, and not found."""
    folder = model_folders(folders).get(_LEGACY.get(kind, kind))
    relative = os.path.relpath(os.path.join("/", name), "/")
    for path in folder.paths if folder is not None and "\0" not in name else ():
        if (path / relative).is_file():
            return path / relative
    return None


def safetensors_metadata(path: Path, limit: int) -> dict[str, Any] | None:
    """The `__metadata__` of a safetensors header of at most `limit` bytes; None where there is none."""
    with path.open("rb") as file:
        start = file.read(8)
        if len(start) < 8 or (length := struct.unpack("<Q", start)[0]) > limit:
            return None
        try:
            header = json.loads(file.read(length))
        except (ValueError, RecursionError):
            return None
    metadata = header.get("__metadata__") if isinstance(header, dict) else None
    return metadata if isinstance(metadata, dict) else None


def preview_picture(folder: Path, name: str) -> bytes | None:
    """The first picture beside a model (or inside its header) as WebP; None where there is none to read."""
    path = Path(os.path.normpath(folder / name))
    root = os.path.realpath(folder)
    if "\0" in name or os.path.commonpath((root, os.path.realpath(path))) != root:
        return None
    for source in _pictures(path):
        try:
            with Image.open(source) as picture:
                output = BytesIO()
                picture.save(output, format="WEBP")
                return output.getvalue()
        except (OSError, ValueError, Image.DecompressionBombError):
            return None
    return None


def _pictures(path: Path) -> Iterator[Path | BytesIO]:
    stem = path.with_suffix("")
    beside = sorted(path.parent.glob(f"{_escape(stem.name)}.*")) if path.parent.is_dir() else []
    for file in beside:
        is_picture = (mimetypes.guess_type(file.name)[0] or "").startswith("image/")
        if is_picture and file.with_suffix("") in (stem, Path(f"{stem}.preview")):
            yield file
    for file in beside:
        if file.suffix == ".safetensors":
            covers = (safetensors_metadata(file, _HEADER_LIMIT) or {}).get("ssmd_cover_images")
            try:
                yield from (BytesIO(base64.b64decode(cover)) for cover in json.loads(covers or "[]"))
            except (ValueError, TypeError):
                continue


def _escape(name: str) -> str:
    return "".join(f"[{character}]" if character in "*?[" else character for character in name)


def _names(root: Path, suffixes: frozenset[str], *, hidden: bool) -> list[str]:
    found = []
    for directory, folders, files in os.walk(root, followlinks=True):
        folders[:] = [name for name in folders if name != ".git" and (hidden or not name.startswith("."))]
        for name in files:
            suffix = os.path.splitext(name)[1].lower()
            if (not suffixes or suffix in suffixes) and (hidden or not name.startswith(".")):
                found.append(os.path.relpath(os.path.join(directory, name), root))
    return sorted(found)
