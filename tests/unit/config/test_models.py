"""`[[model]]`: what it may say, and which models there are without it."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from gesso.config.models import split_size
from gesso.config.schema import Config, parse

DRAWS = {"template": "sketch-text-to-image"}


def models(*entries: dict[str, Any]) -> Config:
    return parse({"model": list(entries)}, Path("/srv"))


def test_without_models_sketch_brings_its_own() -> None:
    assert [model.name for model in parse({}).models] == ["sketch"]
    assert [model.names for model in models({"name": "flux", **DRAWS}).models] == [("flux",)]
    assert parse({"model": []}).models == ()


def test_without_sketch_there_is_no_model_that_was_not_configured() -> None:
    engine = {"name": "a", "kind": "comfyui", "url": "http://gpu2:8188"}
    assert parse({"engine": [engine]}).models == ()


def test_a_template_is_a_name_or_a_path_relative_to_the_file() -> None:
    (model,) = models({"name": "flux", "template": "mine/flux.json", "edit_template": "sketch-edit"}).models
    assert model.templates == {"template": "/srv/mine/flux.json", "edit_template": "sketch-edit"}


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([{"name": "flux"}], "it could draw nothing"),
        ([{"name": "a", **DRAWS}, {"name": "a", **DRAWS}], "'a' is the name of a model above"),
        (
            [{"name": "a", **DRAWS}, {"name": "b", "aliases": ["a"], **DRAWS}],
            "'a' is the name of a model above",
        ),
        ([{"name": "a", "defaults": {"size": "big"}, **DRAWS}], "write it like 768x512"),
        (
            [{"name": "a", "defaults": {"size": "64x64"}, "limits": {"sizes": ["32x32"]}, **DRAWS}],
            "not among `limits.sizes`",
        ),
        ([{"name": "a", "limits": {"count": 11}, **DRAWS}], "less than or equal to 10"),
        ([{"name": "a b", **DRAWS}], "pattern"),
        ([{"name": "a", "tempalte": "x", **DRAWS}], "tempalte"),
    ],
)
def test_what_makes_no_model_is_refused(entries: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        models(*entries)
    assert words in str(refused.value)


def test_a_size_is_width_and_height() -> None:
    assert split_size("768x512") == (768, 512)
