"""Inputs that name a file a user uploaded: which they are, and whether the file is there."""

from collections.abc import Callable, Mapping
from typing import Any

from gesso.workflows.catalog import Catalog, NodeType
from gesso.workflows.graph import class_of, inputs_of
from gesso.workflows.judge import Check

# What ComfyUI calls the file in its error. (It has no such error for 3D models, which have file_upload: their
# list of choices is the engine's folder, where an uploaded file is only once the job runs.)
KINDS = {"image_upload": "image", "video_upload": "video", "audio_upload": "audio", "file_upload": "model"}
# Loaders from the input folder that have no upload option.
OTHERS = {("LoadLatent", "latent"): "latent"}


def upload_inputs(prompt: Mapping[str, Any], catalog: Catalog) -> list[tuple[str, str, str]]:
    """All (node id, input name, file name as written) of `prompt` whose input has an upload option."""
    found: list[tuple[str, str, str]] = []
    for node_id, node in prompt.items():
        node_type = catalog.node(class_of(node) or "")
        inputs = inputs_of(node)
        for name in _upload_names(node_type) if node_type else ():
            value = inputs.get(name)
            if isinstance(value, dict) and "__value__" in value:
                value = value["__value__"]
            if isinstance(value, str):
                found.append((node_id, name, value))
    return found


def upload_checks(catalog: Catalog, exists: Callable[[str], bool]) -> dict[str, Check]:
    """Checks for every class with an upload input; `exists` gets the name as written ("a.png [output]").

    They answer as the VALIDATE_INPUTS of ComfyUI's own loaders do, so that a file which only the gateway
    has, and the engine's list of choices does not, is fine.
    """
    checks: dict[str, Check] = {}
    for class_type in catalog.raw:
        node_type = catalog.node(class_type)
        names = _upload_names(node_type) if node_type else {}
        if node_type and names:
            checks[class_type] = Check(
                function=_file_check(names, exists),
                inputs=tuple(names),
                optional=tuple(name for name in names if not node_type.inputs[name].required),
            )
    return checks


def _upload_names(node_type: NodeType) -> dict[str, str]:
    names: dict[str, str] = {}
    for name, spec in node_type.inputs.items():
        kind = KINDS[spec.upload] if spec.upload else OTHERS.get((node_type.name, name))
        if kind:
            names[name] = kind
    return names


def _file_check(
    names: Mapping[str, str], exists: Callable[[str], bool]
) -> Callable[[Mapping[str, Any]], bool | str]:
    def check(inputs: Mapping[str, Any]) -> bool | str:
        for name, value in inputs.items():
            if not isinstance(value, str):
                # What ComfyUI says when the value is linked or is no text.
                raise AttributeError(f"{type(value).__name__!r} object has no attribute 'endswith'")
            if not exists(value):
                return f"Invalid {names[name]} file: {value}"
        return True

    return check
