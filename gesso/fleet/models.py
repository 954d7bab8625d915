"""Whether an engine offers any model at all: an empty folder of models is often one that is not mounted."""

import re
from collections.abc import Iterator

from gesso.fleet.finding import Finding
from gesso.workflows.catalog import Catalog

# What the models stand in without which nothing can be made; not their accessories.
LOADER = re.compile(
    r"(?i)\w*(?:checkpoint|unet|diffusers|pretend)\w*loader.*|.*loader\w*(?:checkpoint|unet).*"
)


def no_models(catalog: Catalog, at: float) -> Finding | None:
    """None: it offers one, or it has no loaders of models, and needs none."""
    offered = dict(_lists(catalog))
    if not offered or any(offered.values()):
        return None
    return Finding(
        name="models-missing",
        summary="it offers no model: the folders of its models are empty, or not there",
        evidence="empty are " + ", ".join(sorted(offered)),
        remedy="Check that the folder of the models is mounted and holds them, and what "
        "extra_model_paths.yaml says; then `gesso engines restart`. Download nothing before that.",
        at=at,
    )


def _lists(catalog: Catalog) -> Iterator[tuple[str, int]]:
    """Each list of model files, by its place, and how many it offers."""
    for name in catalog.raw:
        node = catalog.node(name) if LOADER.fullmatch(name) else None
        for each in node.inputs.values() if node is not None else ():
            if each.choices is not None and re.search(r"(?:ckpt|unet|model).*(?:name|path)", each.name):
                yield f"{name}.{each.name}", len(each.choices)
