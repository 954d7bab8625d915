"""SketchPretendLoader: one model at a time, counted, and let go of when told to."""

import pytest

from gesso.sketch.nodes.pretending import MODELS
from tests.unit.sketch.prompts import Runs, node


def loads(run: Runs, *models: str) -> list[object]:
    """How many loads there were after a prompt for each of these."""
    counted = []
    for model in models:
        prompt = {"1": node("SketchPretendLoader", model_name=model), "2": node("Show", value=["1", 0])}
        assert run(prompt).completed
        counted.append(run.executor.memory.state()["loads"])
    return counted


def test_only_the_model_loaded_last_is_there(run: Runs) -> None:
    one, other, *_ = MODELS
    assert loads(run, one, one, other, other, one) == [1, 1, 2, 2, 3]


def test_prompt_without_a_model_leaves_it_there_and_free_does_not(run: Runs) -> None:
    model = MODELS[0]
    loads(run, model)
    assert run({"1": node("Show", value=1)}).completed
    assert loads(run, model) == [1]
    run.executor.free()
    assert loads(run, model) == [2]


def test_interrupted_load_leaves_what_was_there(run: Runs) -> None:
    loads(run, MODELS[0])
    run.executor.memory.load_s = 60.0
    looks = iter([False] * 4)
    prompt = {"1": node("SketchPretendLoader", model_name=MODELS[1]), "2": node("Show", value=["1", 0])}
    result = run(prompt, interrupted=lambda: next(looks, True))
    assert not result.completed
    assert run.executor.memory.holds(MODELS[0])


@pytest.mark.parametrize("model", MODELS)
def test_each_model_has_a_colour_of_its_own(run: Runs, model: str) -> None:
    pictures = {
        each: run.shown(["1", 0], **{"1": node("SketchPretendLoader", model_name=each)})[0] for each in MODELS
    }
    same = [each for each, picture in pictures.items() if (picture == pictures[model]).all()]
    assert same == [model]
