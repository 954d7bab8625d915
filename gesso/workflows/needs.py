"""What an engine must have to run a workflow: node classes, and the model files its loaders name."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gesso.workflows.catalog import Catalog, NodeType
from gesso.workflows.graph import class_of, inputs_of

# A choice that ends like this is a file the engine found in its model folders, not a mode or a colour.
MODEL_SUFFIXES = ".safetensors .sft .ckpt .pt .pt2 .pth .bin .pkl .gguf .onnx .engine .yaml .task".split()


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ModelFile:
    """A file a loader names, e.g. class_type "VAELoader", input "vae_name", name "a.safetensors"."""

    class_type: str
    input: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """Node classes and model files."""

    classes: frozenset[str]
    files: frozenset[ModelFile]

    def ids(self) -> tuple[str, ...]:
        """As sorted texts for the queue: "class:KSampler", "file:VAELoader.vae_name=a.safetensors"."""
        classes = {f"class:{name}" for name in self.classes}
        files = {f"file:{file.class_type}.{file.input}={file.name}" for file in self.files}
        return tuple(sorted(classes | files))


def needs(prompt: Mapping[str, Any], catalog: Catalog) -> Needs:
    """What `prompt` needs, all its nodes counted; uploaded files are no needs, they travel with the job."""
    classes: set[str] = set()
    files: set[ModelFile] = set()
    for node in prompt.values():
        class_type = class_of(node)
        if class_type is None:
            continue
        classes.add(class_type)
        node_type = catalog.node(class_type)
        for name, value in inputs_of(node).items() if node_type else ():
            if node_type and _names_model(node_type, name, value):
                files.add(ModelFile(class_type=class_type, input=name, name=value))
    return Needs(classes=frozenset(classes), files=frozenset(files))


def lacking(ids: Iterable[str], catalog: Catalog) -> tuple[str, ...]:
    """Those of `ids` (see `Needs.ids`) that an engine with this catalog does not have."""
    return tuple(need for need in ids if not _has(need, catalog))


def has_all(catalog: Catalog, ids: Iterable[str]) -> bool:
    """Whether an engine with this catalog has all of `ids`."""
    return not lacking(ids, catalog)


def _names_model(node_type: NodeType, name: str, value: Any) -> bool:
    spec = node_type.inputs.get(name)
    if spec is None or spec.choices is None or spec.upload or not isinstance(value, str):
        return False
    return value.lower().endswith(tuple(MODEL_SUFFIXES))


def _has(need: str, catalog: Catalog) -> bool:
    kind, _, rest = need.partition(":")
    place, _, file = rest.partition("=")
    if kind == "class":
        return catalog.node(rest) is not None
    if kind != "file":
        return False
    # A class may have a dot in its name, an input of a loader never does.
    class_type, _, name = place.rpartition(".")
    node_type = catalog.node(class_type)
    spec = node_type.inputs.get(name) if node_type else None
    return spec is not None and file in (spec.choices or ())
