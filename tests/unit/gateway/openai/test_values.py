"""Requests as values of a template, within a model's limits."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gesso.config.models import ModelConfig
from gesso.errors import ConfigError, InvalidParameter
from gesso.gateway.openai.models import load_model
from gesso.gateway.openai.values import fitted, values_of
from gesso.protocol.openai import parse_request
from gesso.protocol.openai_parameters import Route
from gesso.protocol.openai_pictures import Source
from gesso.workflows.fill import checked
from gesso.workflows.template import Template, parse_template

PARAMETERS: dict[str, Any] = {
    "prompt": {"type": "text", "inputs": ["1.text"], "required": True},
    "width": {"type": "integer", "inputs": ["1.width"], "minimum": 16, "maximum": 200, "multiple": 8},
    "height": {"type": "integer", "inputs": ["1.height"], "minimum": 16, "maximum": 100, "multiple": 8},
    "count": {"type": "integer", "inputs": ["1.count"], "minimum": 1, "maximum": 8},
    "steps": {"type": "integer", "inputs": ["1.steps"], "minimum": 3, "maximum": 60},
    "seed": {"type": "integer", "inputs": ["1.seed"]},
}
NODE = {"text": "", "width": 64, "height": 32, "count": 1, "steps": 20, "seed": 0}


def template(*without: str) -> Template:
    parameters = {name: value for name, value in PARAMETERS.items() if name not in without}
    workflow = {"1": {"class_type": "Draw", "inputs": NODE}}
    return parse_template(
        json.dumps({"parameters": parameters, "outputs": ["1"], "workflow": workflow}), "mine"
    )


def values(
    asked: dict[str, Any] | None = None, *without: str, size: tuple[int, int] | None = None, **config: Any
) -> dict[str, Any]:
    model = ModelConfig.model_validate({"name": "mine", "template": "sketch-text-to-image", **config})
    request = parse_request(Route.GENERATIONS, {"prompt": "a heart", **(asked or {})})
    sources = (
        []
        if size is None
        else [Source(data=b"", sha256="", width=size[0], height=size[1], has_alpha=False, format="png")]
    )
    return values_of(request, model, template(*without), sources, seed=5)


def test_the_templates_own_values_are_the_usual_ones() -> None:
    usual = {"prompt": "a heart", "seed": 5, "width": 64, "height": 32, "steps": 20, "count": 1}
    assert values() == usual


@pytest.mark.parametrize(
    ("bounds", "seed"), [({}, 5), ({"maximum": 3}, 1), ({"minimum": -2, "maximum": 1}, -1)]
)
def test_a_seed_that_nobody_chose_is_one_that_the_template_takes(bounds: dict[str, int], seed: int) -> None:
    text = json.dumps(
        {
            "parameters": PARAMETERS | {"seed": {**PARAMETERS["seed"], **bounds}},
            "outputs": ["1"],
            "workflow": {"1": {"class_type": "Draw", "inputs": NODE}},
        }
    )
    asked = parse_request(Route.GENERATIONS, {"prompt": "a heart"})
    model = ModelConfig(name="mine", template="mine")
    assert values_of(asked, model, parse_template(text, "mine"), [], seed=5)["seed"] == seed


def test_the_models_defaults_go_before_the_templates() -> None:
    defaults = {"size": "80x40", "steps": 10, "negative_prompt": "blur", "guidance": 2.0}
    assert values(defaults=defaults) == {
        "prompt": "a heart",
        "seed": 5,
        "width": 80,
        "height": 40,
        "steps": 10,
        "count": 1,
    }


def test_what_is_asked_for_goes_before_both() -> None:
    asked = {"size": "96x96", "n": 3, "steps": 7, "seed": 2**64 - 1, "quality": "high"}
    found = values(asked, defaults={"size": "80x40", "steps": 10})
    assert found == {
        "prompt": "a heart",
        "seed": 2**64 - 1,
        "width": 96,
        "height": 96,
        "steps": 7,
        "count": 3,
    }


@pytest.mark.parametrize(("quality", "steps"), [("low", 10), ("medium", 20), ("high", 40), ("max", 60)])
def test_quality_stays_within_the_templates_steps(quality: str, steps: int) -> None:
    assert values({"quality": quality})["steps"] == steps


def test_quality_stays_within_the_models_steps() -> None:
    assert values({"quality": "max"}, limits={"steps": 30})["steps"] == 30
    assert values({"quality": "low"}, defaults={"steps": 3})["steps"] == 3


@pytest.mark.parametrize(
    ("asked", "without", "config", "param"),
    [
        ({"n": 2}, ("count",), {}, "n"),
        ({"n": 9}, (), {}, "n"),
        ({"n": 3}, (), {"limits": {"count": 2}}, "n"),
        ({"size": "64x64"}, ("width", "height"), {}, "size"),
        ({"size": "64x104"}, (), {}, "size"),
        ({"size": "60x64"}, (), {}, "size"),
        ({"size": "64x64"}, (), {"limits": {"sizes": ["64x32"]}}, "size"),
        ({"size": "64x64"}, (), {"limits": {"pixels": 4095}}, "size"),
        ({"steps": 61}, (), {}, "steps"),
        ({"steps": 31}, (), {"limits": {"steps": 30}}, "steps"),
        ({"seed": 3}, ("seed",), {}, "seed"),
        ({"guidance": 3}, (), {}, "guidance"),
    ],
)
def test_what_is_beyond_the_limits_is_refused_by_openais_name(
    asked: dict[str, Any], without: tuple[str, ...], config: dict[str, Any], param: str
) -> None:
    with pytest.raises(InvalidParameter) as refused:
        values(asked, *without, **config)
    assert refused.value.param == param


def test_an_edit_has_the_size_of_its_picture_made_to_fit() -> None:
    found = values(size=(1000, 500))
    assert (found["width"], found["height"]) == (200, 96)
    assert values(size=(1000, 500), limits={"pixels": 5000})["width"] == 96


@given(st.integers(1, 20_000), st.integers(1, 20_000))
def test_whatever_the_picture_its_size_is_made_one_that_is_taken(width: int, height: int) -> None:
    parameters = template().parameters
    size = fitted((width, height), parameters["width"], parameters["height"])
    checked(parameters["width"], size[0])
    checked(parameters["height"], size[1])


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"template": "sketch-variation"}, "no parameter 'prompt'"),
        ({"edit_template": "sketch-text-to-image"}, "no parameter 'image'"),
        ({"defaults": {"size": "60x60"}}, "multiple of 8"),
        ({"defaults": {"guidance": 21.0}}, "at most 20"),
        ({"limits": {"sizes": ["4096x4096"]}}, "at most 2048"),
        ({"template": "sketch-text-to-images"}, "did you mean 'sketch-text-to-image'"),
    ],
)
def test_a_model_that_could_not_work_is_refused_at_start(config: dict[str, Any], words: str) -> None:
    model = ModelConfig.model_validate({"name": "mine", "template": "sketch-text-to-image", **config})
    with pytest.raises(ConfigError, match=words):
        load_model(model)
