"""The gallery of workflows that a new user of sketch sees first."""

import json
from pathlib import Path
from typing import Any

import pytest

from gesso.sketch import registry
from gesso.sketch.routes import information

FOLDER = Path(information.__file__).parents[1] / "templates"
NAMES = [
    template["name"]
    for category in json.loads((FOLDER / "index.json").read_bytes())
    for template in category["templates"]
]


def _graph(name: str) -> dict[str, Any]:
    graph: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_bytes())
    return graph


def test_the_gallery_names_all_that_is_there() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {"index.json"} | {
        f"{name}{end}" for name in NAMES for end in (".json", "-1.webp")
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_template_has_nodes_that_sketch_has_and_links_that_fit(name: str) -> None:
    graph = _graph(name)
    nodes = {node["id"]: node for node in graph["nodes"]}
    assert {node["type"] for node in nodes.values()} <= set(registry.NODES)
    for number, source, slot, target, entry, kind in graph["links"]:
        assert number in nodes[source]["outputs"][slot]["links"]
        assert nodes[source]["outputs"][slot]["type"] == nodes[target]["inputs"][entry]["type"] == kind
        assert nodes[target]["inputs"][entry]["link"] == number
        assert registry.NODES[nodes[source]["type"]].spec.outputs[slot] == kind


def test_the_first_template_runs_without_a_file_of_the_user() -> None:
    assert "LoadImage" not in {node["type"] for node in _graph(NAMES[0])["nodes"]}
