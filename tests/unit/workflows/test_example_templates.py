"""The templates in examples/ can be used by a model, and need of a ComfyUI nothing but their files."""

from pathlib import Path

import pytest

from gesso.config.models import ModelConfig
from gesso.gateway.openai.models import load_model
from gesso.workflows.catalog import Catalog
from gesso.workflows.fitness import obstacles
from tests.recordings import load, requires_recordings

FOLDER = Path(__file__).parents[3] / "examples/templates"
EXAMPLES = {"sdxl": "template", "flux": "template", "qwen-image-edit": "edit_template"}
MODELS = {
    name: ModelConfig.model_validate({"name": name, key: str(FOLDER / f"{name}.json")})
    for name, key in EXAMPLES.items()
}


def test_each_example_is_tried() -> None:
    assert {file.stem for file in FOLDER.iterdir()} == set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_can_be_a_models(name: str) -> None:
    (template,) = load_model(MODELS[name]).templates.values()
    taken = template.parameters
    assert {"prompt", "width", "height", "count", "seed", "steps", "guidance"} <= taken.keys()
    assert (template.images, "mask" in taken) == (
        (("image", "image_2", "image_3"), True) if "edit" in name else ((), False)
    )


@requires_recordings
@pytest.mark.parametrize("name", EXAMPLES)
def test_comfyui_lacks_only_an_examples_files(name: str) -> None:
    (template,) = load_model(MODELS[name]).templates.values()
    lacking = obstacles(template, Catalog(load("object_info.json")))
    assert lacking and all(".safetensors' for " in each for each in lacking), lacking
