"""Templates: what a file may say, filling one, and whether engines can run it."""

import copy
import json
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gesso.errors import ConfigError, InvalidParameter
from gesso.workflows.catalog import Catalog
from gesso.workflows.fill import fill
from gesso.workflows.fitness import obstacles, samples
from gesso.workflows.graph import links
from gesso.workflows.template import Template, parse_template

WORKFLOW = {
    "1": {"class_type": "Load", "inputs": {"file": "a.safetensors", "image": "x.png"}},
    "2": {"class_type": "Load", "inputs": {"file": "a.safetensors", "image": "y.png"}},
    "3": {"class_type": "Mask", "inputs": {"pixels": ["1", 0], "over": ["2", 0]}},
    "4": {
        "class_type": "Draw",
        "inputs": {"pixels": ["3", 0], "text": "a heart", "width": 64, "strength": 0.5, "sampler": "euler"},
    },
    "9": {"class_type": "Save", "inputs": {"images": ["4", 0], "more": ["2", 0]}},
}
PARAMETERS: dict[str, Any] = {
    "prompt": {"type": "text", "inputs": ["4.text"], "required": True},
    "width": {"type": "integer", "inputs": ["4.width"], "minimum": 16, "maximum": 100, "multiple": 8},
    "guidance": {"type": "number", "inputs": ["4.strength"], "minimum": 0, "maximum": 1},
    "sampler": {"type": "text", "inputs": ["4.sampler"], "choices": ["euler", "heun"]},
    "image": {"type": "image", "inputs": ["1.image"]},
    "image_2": {"type": "image", "inputs": ["2.image"], "without": {"2": None, "3": ["1", 0]}},
}
GIVEN = {"prompt": "a star", "image": "mine.png"}
OBJECT_INFO: dict[str, Any] = {
    "Load": {
        "input": {"required": {"file": [["a.safetensors"], {}], "image": [[], {"image_upload": True}]}},
        "output": ["IMAGE"],
    },
    "Mask": {"input": {"required": {"pixels": ["IMAGE"], "over": ["IMAGE"]}}, "output": ["IMAGE"]},
    "Draw": {
        "input": {
            "required": {
                "pixels": ["IMAGE"],
                "text": ["STRING", {}],
                "width": ["INT", {"min": 8, "max": 200}],
                "strength": ["FLOAT", {"min": 0, "max": 1}],
                "sampler": [["euler", "heun"], {}],
            }
        },
        "output": ["IMAGE"],
    },
    "Save": {
        "input": {"required": {"images": ["IMAGE"]}, "optional": {"more": ["IMAGE"]}},
        "output": [],
        "output_node": True,
    },
}


def template(**changes: Any) -> Template:
    data: dict[str, Any] = {"workflow": WORKFLOW, "outputs": ["9"], "parameters": PARAMETERS}
    return parse_template(json.dumps({**data, **changes}), "mine")


def changed(name: str, **changes: Any) -> Template:
    return template(parameters={**PARAMETERS, name: {**PARAMETERS[name], **changes}})


def test_values_go_to_their_inputs_and_the_template_stays_as_it_was() -> None:
    mine = template()
    before = copy.deepcopy(mine.workflow)
    prompt = fill(mine, {**GIVEN, "width": 32, "image_2": "second.png"})
    assert prompt["4"]["inputs"]["text"] == "a star"
    assert prompt["4"]["inputs"]["width"] == 32
    assert prompt["4"]["inputs"]["strength"] == 0.5
    assert [prompt[node]["inputs"]["image"] for node in "12"] == ["mine.png", "second.png"]
    assert mine.workflow == before


def test_a_picture_that_is_not_given_leaves_its_nodes_out() -> None:
    prompt = fill(template(), GIVEN)
    assert set(prompt) == {"1", "4", "9"}
    assert prompt["4"]["inputs"]["pixels"] == ["1", 0]
    assert "more" not in prompt["9"]["inputs"]


def test_null_is_no_value() -> None:
    assert fill(template(), {**GIVEN, "width": None, "image_2": None}) == fill(template(), GIVEN)


@pytest.mark.parametrize(
    ("values", "param", "kind", "words"),
    [
        ({"prompt": None}, "prompt", "missing_required_parameter", "missing"),
        ({"image": None}, "image", "missing_required_parameter", "missing"),
        ({"seed": 1}, "seed", "unknown_parameter", "takes no 'seed'"),
        ({"width": "32"}, "width", "invalid_type", "an integer"),
        ({"width": True}, "width", "invalid_type", "an integer"),
        ({"width": 8}, "width", "invalid_value", "at least 16"),
        ({"width": 104}, "width", "invalid_value", "at most 100"),
        ({"width": 33}, "width", "invalid_value", "a multiple of 8"),
        ({"guidance": float("nan")}, "guidance", "invalid_type", "a number"),
        ({"sampler": "nope"}, "sampler", "invalid_value", "'heun'"),
        ({"prompt": 7}, "prompt", "invalid_type", "a text"),
    ],
)
def test_what_is_not_taken_is_refused_by_name(
    values: dict[str, Any], param: str, kind: str, words: str
) -> None:
    with pytest.raises(InvalidParameter, match=words) as refused:
        fill(template(), {**GIVEN, **values})
    assert (refused.value.param, refused.value.kind) == (param, kind)


VALUES = st.fixed_dictionaries(
    {"prompt": st.text(), "image": st.just("a.png")},
    optional={
        "width": st.integers(2, 12).map(lambda number: number * 8),
        "guidance": st.floats(0, 1),
        "sampler": st.sampled_from(["euler", "heun"]),
        "image_2": st.one_of(st.none(), st.text(min_size=1)),
    },
)


@given(VALUES)
def test_whatever_is_taken_makes_a_whole_workflow_with_it(values: dict[str, Any]) -> None:
    mine = template()
    prompt = fill(mine, values)
    assert all(link.source in prompt for link in links(prompt))
    for name, value in values.items():
        for node_id, place in mine.parameters[name].inputs:
            if value is not None:
                assert prompt[node_id]["inputs"][place] == value


@given(st.dictionaries(st.text(max_size=8) | st.sampled_from(list(PARAMETERS)), st.text() | st.integers()))
def test_anything_else_is_refused_with_a_name(values: dict[str, Any]) -> None:
    try:
        prompt = fill(template(), values)
    except InvalidParameter as refused:
        assert refused.param in {*values, *PARAMETERS}
    else:
        assert all(link.source in prompt for link in links(prompt))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"workflow": {"nodes": [], "links": []}}, "Export"),
        ({"workflow": {}}, "no workflow"),
        ({"outputs": ["7"]}, "'7'"),
        ({"outputs": []}, "`outputs`"),
        ({"parameter": {}}, "key 'parameter'"),
        ({"parameters": {"Prompt": PARAMETERS["prompt"]}}, "small letters"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        template(**changes)


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("width", {"type": "whole"}, "`type`"),
        ("width", {"inputs": ["7.width"]}, "no node '7'"),
        ("width", {"inputs": ["4.height"]}, "no value 'height'"),
        ("width", {"inputs": ["4.pixels"]}, "no value 'pixels'"),
        ("width", {"inputs": ["4.width", "4.text"]}, "not one integer"),
        ("width", {"minimum": 72}, "at least 72"),
        ("width", {"max": 72}, "key 'max'"),
        ("width", {"multiple": 0}, "`multiple`"),
        ("sampler", {"choices": 5}, "`choices`"),
        ("sampler", {"choices": "euler"}, "`choices`"),
        ("sampler", {"choices": ["euler", 5]}, "`choices`"),
        ("sampler", {"choices": ["heun"]}, "'euler' stands in the workflow"),
        ("image_2", {"without": {"7": None}}, "`without`"),
        ("image_2", {"without": {"2": ["3", 0], "3": ["2", 0]}}, "circle"),
        ("image_2", {"without": {"9": None}}, "the result"),
    ],
)
def test_a_wrong_parameter_is_refused_with_the_place(name: str, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        changed(name, **changes)


def test_engines_that_have_everything_can_run_it() -> None:
    assert obstacles(template(), Catalog(OBJECT_INFO)) == ()


def without(*path: str, **changes: Any) -> Catalog:
    info = copy.deepcopy(OBJECT_INFO)
    place: Any = info
    for step in path[:-1]:
        place = place[step]
    del place[path[-1]]
    place.update(changes)
    return Catalog(info)


@pytest.mark.parametrize(
    ("catalog", "words"),
    [
        (without("Draw"), "no engine has the node class Draw"),
        (
            without("Load", "input", "required", "file", file=[["b.safetensors"], {}]),
            "no engine has 'a.safetensors' for Load.file",
        ),
        (
            without("Draw", "input", "required", "width"),
            "Draw has no input 'width', to which 'width' is bound",
        ),
        (
            without("Draw", "input", "required", "width", width=["STRING", {}]),
            "Draw.width takes no integer, and 'width' is one",
        ),
        (without("Load", "input", "required", "image", image=["STRING", {}]), "Load.image takes no image"),
        (without("Draw", "input", "required", "text", words=["STRING", {}]), "Draw has no input 'text'"),
        (without("Mask", "output"), "Draw (node 4)"),
        (
            without("Draw", "input", "required", "width", width=["INT", {"min": 32, "max": 64}]),
            "Value 16 smaller than min of 32",
        ),
        (
            without("Draw", "input", "required", "sampler", sampler=[["heun"], {}]),
            "Value not in list",
        ),
        (without("Save", "output_node"), "no outputs"),
        (
            without("Save", "input", "optional", required={"images": ["IMAGE"], "more": ["IMAGE"]}),
            "Required input is missing",
        ),
    ],
)
def test_what_engines_lack_is_told_in_words(catalog: Catalog, words: str) -> None:
    assert words in "\n".join(obstacles(template(), catalog))


SHIPPED = sorted(file.name for file in (files("gesso.workflows") / "library").iterdir())


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_templates_are_usable(name: str) -> None:
    shipped = parse_template((files("gesso.workflows") / "library" / name).read_text("utf-8"), name)
    assert shipped.description.endswith(".")
    for values in samples(shipped):
        prompt = fill(shipped, values)
        assert all(link.source in prompt for link in links(prompt))


def test_pictures_to_start_from_are_counted_without_a_gap() -> None:
    assert template().images == ("image", "image_2")
    three = {**PARAMETERS, "image_4": PARAMETERS["image_2"]}
    assert template(parameters=three).images == ("image", "image_2")
