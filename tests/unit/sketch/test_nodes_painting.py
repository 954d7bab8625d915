"""SketchSteps: a layer of strokes per step, the same for the same seed, and ended at any time."""

from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from gesso.sketch.node import Interrupted
from gesso.sketch.nodes.brush import Painting
from tests.unit.sketch.prompts import Runs, node


@pytest.fixture
def picture() -> Image.Image:
    """A dark disc before a light that grows to the right."""
    y, x = np.mgrid[0:48, 0:64]
    light = np.stack([x * 3 + 40, x * 2 + 60, 200 - x], axis=-1)
    light[(x - 32) ** 2 + (y - 24) ** 2 < 144] = (40, 60, 20)
    return Image.fromarray(light.astype(np.uint8))


def distance(painting: Painting, picture: Image.Image) -> float:
    ours, theirs = (np.asarray(each, dtype=np.float32) for each in (painting.picture(), picture))
    return float(np.abs(ours - theirs).mean())


def test_each_layer_comes_closer(picture: Image.Image) -> None:
    painting = Painting(picture, steps=6, seed=1)
    distances = [distance(painting, picture)]
    for step in range(6):
        painting.layer(step, lambda: None)
        distances.append(distance(painting, picture))
    assert distances[1] < distances[0] / 2
    assert distances[-1] < distances[1]
    assert distances[-1] < 12


def test_same_seed_paints_the_same_and_another_does_not(picture: Image.Image) -> None:
    def painted(seed: int) -> bytes:
        painting = Painting(picture, steps=1, seed=seed)
        painting.layer(0, lambda: None)
        return painting.picture().tobytes()

    assert painted(1) == painted(1)
    assert painted(1) != painted(2)


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (5, 4)])
def test_any_size_can_be_painted(size: tuple[int, int]) -> None:
    painting = Painting(Image.new("RGB", size, "red"), steps=3, seed=0)
    for step in range(3):
        painting.layer(step, lambda: None)
    assert painting.picture().size == size


def prompt(steps: int, seconds: float = 0.0, batch: int = 1) -> dict[str, object]:
    return {
        "1": node("EmptyImage", width=16, height=12, batch_size=batch, color=0x8090A0),
        "2": node("SketchSteps", image=["1", 0], steps=steps, seconds=seconds, seed=0),
        "3": node("PreviewImage", images=["2", 0]),
    }


def test_steps_tell_progress_and_a_preview_each(run: Runs) -> None:
    result = run(prompt(steps=2, batch=2))
    assert [(data["value"], data["max"]) for data in run.sent.of("progress")] == [
        (1, 4),
        (2, 4),
        (3, 4),
        (4, 4),
    ]
    previews = run.sent.of("preview")
    assert len(previews) == 8
    assert previews[0][1].startswith(b"\xff\xd8")
    assert previews[0][3]["image_type"] == "image/jpeg"
    assert len(result.outputs["3"]["images"]) == 2


def test_interrupt_ends_a_step_that_waits(run: Runs) -> None:
    looks: Iterator[bool] = iter([False] * 8 + [True])
    run(prompt(steps=1, seconds=60.0), interrupted=lambda: next(looks))
    assert run.sent.types()[-1] == "execution_interrupted"


def test_interrupt_ends_a_layer_of_many_strokes(picture: Image.Image) -> None:
    def check() -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        Painting(picture, steps=1, seed=0).layer(0, check)
