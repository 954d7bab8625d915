"""What an engine must have to run a workflow: node classes, and the model files its loaders name."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gesso.workflows.catalog import Catalog


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
        """The same as sorted strings, for the queue: "class:KSampler", "file:VAELoader.vae_name=a.safetensors"."""
        raise NotImplementedError


def needs(prompt: Mapping[str, Any], catalog: Catalog) -> Needs:
    raise NotImplementedError


def lacking(ids: Iterable[str], catalog: Catalog) -> tuple[str, ...]:
    """Those of `ids` that the engine with this catalog does not have."""
    raise NotImplementedError
