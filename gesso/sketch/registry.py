"""The node classes that sketch has, and what the API tells about them."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from gesso.sketch.folders import Folders
from gesso.sketch.model import available
from gesso.sketch.node import Input, Node
from gesso.sketch.nodes import (
    compositing,
    conditioning,
    editing,
    effects,
    images,
    latents,
    load,
    loaders,
    masks,
    painting,
    patching,
    pretending,
    refusing,
    sampling,
    save,
    texts,
    vae,
)
from gesso.workflows.judge import Check

DRAWING: dict[str, type[Node]] = {
    **loaders.NODES,
    **refusing.NODES,
    **conditioning.NODES,
    **latents.NODES,
    **sampling.NODES,
    **vae.NODES,
    **patching.NODES,
    **editing.NODES,
}
"""The nodes of sketch's own model."""

NODES: dict[str, type[Node]] = {
    **load.NODES,
    **save.NODES,
    **images.NODES,
    **effects.NODES,
    **compositing.NODES,
    **masks.NODES,
    **texts.NODES,
    **painting.NODES,
    **pretending.NODES,
    # A node that cannot run is not told of: a workflow that needs it must go to another engine.
    **(DRAWING if available() else {}),
}


def object_info(folders: Folders, nodes: Mapping[str, type[Node]] = NODES) -> dict[str, Any]:
    """The answer of GET /object_info: every class, with the files that loaders offer right now."""
    return {name: node_info(name, node, folders) for name, node in nodes.items()}


def node_info(name: str, node: type[Node], folders: Folders) -> dict[str, Any]:
    """One entry of object_info."""
    spec = node.spec
    inputs: dict[str, dict[str, Any]] = {}
    for section, declared in (("required", spec.required), ("optional", spec.optional)):
        if declared or section == "required":
            inputs[section] = {
                key: _describe(each, folders, modern=spec.modern) for key, each in declared.items()
            }
    if spec.hidden:
        inputs["hidden"] = dict(spec.hidden)
    info: dict[str, Any] = {
        "input": inputs,
        "input_order": {section: list(declared) for section, declared in inputs.items()},
        "output": list(spec.outputs),
        "output_is_list": list(spec.output_is_list or (False,) * len(spec.outputs)),
        "output_name": list(spec.output_names or spec.outputs),
        "name": name,
        "display_name": spec.display_name,
        "description": spec.description,
        "python_module": spec.module,
        "category": spec.category,
        "output_node": spec.output_node,
    }
    if spec.modern:
        info |= {"deprecated": False, "experimental": spec.experimental, "api_node": False}
    elif spec.experimental:
        info["experimental"] = True
    return info


def _describe(declared: Input, folders: Folders, *, modern: bool) -> list[Any]:
    kind: Any = declared.type
    options = None if declared.options is None else dict(declared.options)
    if callable(kind):
        kind = kind(folders)
    if not isinstance(kind, str):
        kind = list(kind)
        if modern:
            return ["COMBO", {"multiselect": False, "options": kind, **(options or {})}]
    if modern:
        options = options or {}
    return [kind] if options is None else [kind, options]


def validation_checks(folders: Folders, nodes: Mapping[str, type[Node]] = NODES) -> dict[str, Check]:
    """The custom checks for `workflows.validate.validate(checks=…)`."""
    return {name: _check(node.validate, folders) for name, node in nodes.items() if node.validate is not None}


def _check(validate: Callable[..., bool | str], folders: Folders) -> Check:
    named = tuple(inspect.signature(validate).parameters)[1:]
    return Check(function=lambda values: validate(folders, **values), inputs=named)
