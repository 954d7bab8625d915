"""Which runs of a workflow are alike in time: seeds, words and names do not count, sizes and models do."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gesso.workflows.catalog import Catalog
from gesso.workflows.shape import shape

CATALOG = Catalog(
    {
        "Loader": {"input": {"required": {"ckpt_name": [["a.safetensors", "b.safetensors"], {}]}}},
        "Text": {"input": {"required": {"text": ["STRING", {"multiline": True}], "clip": ["CLIP"]}}},
        "Empty": {"input": {"required": {"width": ["INT", {}], "height": ["INT"], "batch_size": ["INT"]}}},
        "LoadImage": {"input": {"required": {"image": [["x.png"], {"image_upload": True}]}}},
        "Sampler": {
            "input": {
                "required": {
                    "seed": ["INT", {"control_after_generate": True}],
                    "luck": ["INT", {"control_after_generate": True}],
                    "steps": ["INT", {}],
                    "cfg": ["FLOAT", {}],
                    "model": ["MODEL"],
                    "positive": ["CONDITIONING"],
                    "latent": ["LATENT"],
                }
            }
        },
        "Save": {"input": {"required": {"filename_prefix": ["STRING", {}], "images": ["IMAGE"]}}},
    }
)
PROMPT: dict[str, Any] = {
    "1": {"class_type": "Loader", "inputs": {"ckpt_name": "a.safetensors"}},
    "2": {"class_type": "Text", "inputs": {"text": "a cat", "clip": ["1", 1]}},
    "3": {"class_type": "Empty", "inputs": {"width": 512, "height": 512, "batch_size": 1}},
    "4": {
        "class_type": "Sampler",
        "inputs": {
            "seed": 1,
            "luck": 2,
            "steps": 20,
            "cfg": 7.0,
            "model": ["1", 0],
            "positive": ["2", 0],
            "latent": ["3", 0],
        },
    },
    "5": {"class_type": "LoadImage", "inputs": {"image": "mine.png"}},
    "6": {"class_type": "Save", "inputs": {"filename_prefix": "cats", "images": ["4", 0]}},
    "7": {"class_type": "Save", "inputs": {"filename_prefix": "copies", "images": ["5", 0]}},
}
FREE = [("2", "text"), ("4", "seed"), ("4", "luck"), ("5", "image"), ("6", "filename_prefix")]
DECISIVE = [("1", "ckpt_name"), ("3", "width"), ("3", "batch_size"), ("4", "steps"), ("4", "cfg")]


def changed(node: str, name: str, value: Any) -> dict[str, Any]:
    prompt = copy.deepcopy(PROMPT)
    prompt[node]["inputs"][name] = value
    return prompt


@given(place=st.sampled_from(FREE), number=st.integers(0, 2**64 - 1), words=st.text())
def test_seeds_words_and_files_keep_the_shape(place: tuple[str, str], number: int, words: str):
    value = number if isinstance(PROMPT[place[0]]["inputs"][place[1]], int) else words
    assert shape(changed(*place, value), CATALOG) == shape(PROMPT, CATALOG)


@given(place=st.sampled_from(DECISIVE), number=st.integers(1, 4096))
def test_models_sizes_and_steps_change_the_shape(place: tuple[str, str], number: int):
    before = PROMPT[place[0]]["inputs"][place[1]]
    value = "b.safetensors" if isinstance(before, str) else before + number
    assert shape(changed(*place, value), CATALOG) != shape(PROMPT, CATALOG)


@given(ids=st.permutations([str(number) for number in range(20)]), data=st.data())
def test_node_ids_order_and_titles_keep_the_shape(ids: list[str], data: st.DataObject):
    order = data.draw(st.permutations(list(PROMPT)))
    name = dict(zip(PROMPT, ids, strict=False))
    renamed = {}
    for node_id in order:
        node = copy.deepcopy(PROMPT[node_id])
        for key, value in node["inputs"].items():
            if isinstance(value, list):
                node["inputs"][key] = [name[value[0]], value[1]]
        renamed[name[node_id]] = {**node, "_meta": {"title": f"was {node_id}"}}
    assert shape(renamed, CATALOG) == shape(PROMPT, CATALOG)


@pytest.mark.parametrize("link", [["3", 0], ["1", 1], 5])
def test_what_is_linked_to_what_decides(link: Any):
    assert shape(changed("4", "model", link), CATALOG) != shape(PROMPT, CATALOG)


def test_only_what_the_outputs_need_counts():
    bigger = changed("3", "width", 4096)
    assert shape(bigger, CATALOG, ["7"]) == shape(PROMPT, CATALOG, ["7"])
    assert shape(bigger, CATALOG, ["6"]) != shape(PROMPT, CATALOG, ["6"])


def test_a_node_that_is_there_twice_counts_twice():
    twice = {**PROMPT, "8": copy.deepcopy(PROMPT["7"])}
    assert shape(twice, CATALOG) != shape(PROMPT, CATALOG)


def test_odd_graphs_have_a_shape_too():
    cycle = {
        "1": {"class_type": "Save", "inputs": {"images": ["2", 0]}},
        "2": {"class_type": "Gone", "inputs": {"x": ["1", 0], "y": ["9", 0], "seed": 3, "text": "kept"}},
        "3": None,
        "4": {"class_type": 5, "inputs": []},
    }
    assert len(shape(cycle, CATALOG)) == 64
