"""Inputs that name a file a user uploaded: which they are, and whether the file is there."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gesso.workflows.catalog import Catalog, NodeType
from gesso.workflows.graph import class_of, inputs_of
from gesso.workflows.judge import Check

# What ComfyUI calls the file in its error. (It has no such error for 3D models, which have file_upload: their
# list of choices is the engine's folder, where an uploaded file is only once the job runs.)
KINDS = {"image_upload": "image", "video_upload": "video", "audio_upload": "audio", "file_upload": "model"}
# Loaders from the input folder that have no upload option.
OTHERS = {("LoadLatent", "latent"): "latent"}
# Inputs that name a folder of the engine's: it holds the files of everybody, so nobody may name it.
FOLDERS = {
    ("LoadImageSetFromFolderNode", "folder"),
    ("LoadImageTextSetFromFolderNode", "folder"),
    ("LoadImageDataSetFromFolder", "folder"),
    ("LoadImageTextDataSetFromFolder", "folder"),
    ("LoadTrainingDataset", "folder_name"),
}
# The folder of an engine's input directory into which jobs' files are put.
SUBFOLDER = "gesso"
FOLDER = "folder"


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


def file_inputs(prompt: Mapping[str, Any], catalog: Catalog) -> Iterator[tuple[str, str]]:
    """(node id, input name) of every input that names a file or folder of the engine's, whatever its value.

    Also of nodes that validation never looks at: ComfyUI executes what is linked to an input that its
    class does not declare, without a look at it.
    """
    for node_id, node in prompt.items():
        node_type = catalog.node(class_of(node) or "")
        inputs = inputs_of(node)
        for name in _names(node_type) if node_type else ():
            if name in inputs:
                yield node_id, name


def folder_inputs(prompt: Mapping[str, Any], catalog: Catalog) -> list[tuple[str, str]]:
    """(node id, input name) of every input of `prompt` that names a folder of the engine's."""
    found = []
    for node_id, name in file_inputs(prompt, catalog):
        node_type = catalog.node(class_of(prompt[node_id]) or "")
        if node_type and _names(node_type)[name] == FOLDER:
            found.append((node_id, name))
    return found


def upload_checks(
    catalog: Catalog, exists: Callable[[str], bool], prompt: Mapping[str, Any] | None = None
) -> dict[str, Check]:
    """Checks for every class with an upload input, or for those of them that `prompt` has.

    `exists` gets the name as written ("a.png [output]").

    They answer as the VALIDATE_INPUTS of ComfyUI's own loaders do, so that a file which only the gateway
    has, and the engine's list of choices does not, is fine.
    """
    checks: dict[str, Check] = {}
    for class_type in catalog.raw if prompt is None else {class_of(node) for node in prompt.values()}:
        node_type = catalog.node(class_type or "")
        names = _upload_names(node_type) if node_type else {}
        if class_type and node_type and names:
            checks[class_type] = Check(
                function=_file_check(names, exists),
                inputs=tuple(names),
                optional=tuple(name for name in names if not node_type.inputs[name].required),
            )
    return checks


def _upload_names(node_type: NodeType) -> dict[str, str]:
    return {name: kind for name, kind in _names(node_type).items() if kind != FOLDER}


def _names(node_type: NodeType) -> dict[str, str]:
    """The inputs that name a file or a folder, and what it is called in errors."""
    names: dict[str, str] = {}
    for name, spec in node_type.inputs.items():
        kind = KINDS[spec.upload] if spec.upload else OTHERS.get((node_type.name, name))
        if kind is None and ((node_type.name, name) in FOLDERS or SUBFOLDER in (spec.choices or ())):
            kind = FOLDER
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
