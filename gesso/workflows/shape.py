"""What decides how long a workflow takes: the same text for runs that differ in seeds and words only."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from gesso.workflows.catalog import Catalog, NodeType
from gesso.workflows.graph import class_of, inputs_of, is_link, upstream
from gesso.workflows.uploads import upload_inputs

SEEDS = frozenset({"seed", "noise_seed"})


def shape(prompt: Mapping[str, Any], catalog: Catalog, outputs: Iterable[str] | None = None) -> str:
    """The digest of `prompt` (of what `outputs` need), whatever its seeds, texts, uploads and node ids.

    Sizes, steps, batches and names of models stay in: they decide the time.
    """
    uploads = {(node, name) for node, name, _ in upload_inputs(prompt, catalog)}
    digests: dict[str, str] = {}
    for node_id in upstream(prompt, prompt if outputs is None else outputs):
        node_type = catalog.node(class_of(prompt[node_id]) or "")
        kept: dict[str, Any] = {}
        for name, value in inputs_of(prompt[node_id]).items():
            if is_link(value):
                # By what the node is, not by how it is called. (On a cycle there is no digest yet.)
                kept[name] = {"link": [digests.get(value[0]), value[1]]}
            elif (node_id, name) not in uploads and not _is_free(node_type, name, value):
                kept[name] = {"value": value}
        digests[node_id] = _digest([class_of(prompt[node_id]), kept])
    return _digest(sorted(digests.values()))


def _is_free(node_type: NodeType | None, name: str, value: Any) -> bool:
    """A seed, or words: of no weight for the time. A name of a file to write is words, too."""
    if name in SEEDS:
        return True
    spec = node_type.inputs.get(name) if node_type else None
    if spec is None:
        return False
    if spec.type == "INT":
        return bool(spec.options.get("control_after_generate"))
    return spec.type == "STRING" and isinstance(value, str)


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=repr)
    return hashlib.sha256(text.encode()).hexdigest()
