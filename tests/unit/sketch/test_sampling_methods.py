"""Samplers on a flow whose way is known: data of a normal distribution, where every step can be computed."""

import numpy as np
import pytest

from gesso.sketch.nodes.arrays import Array
from gesso.sketch.sampling_methods import SAMPLERS, WITHOUT_LAST_BUT_ONE, Way
from gesso.sketch.sampling_noise import noise
from gesso.sketch.sampling_schedules import schedule

MEAN, SPREAD = 0.7, 0.5
ANCESTRAL = ("euler_ancestral", "dpm_2_ancestral", "dpmpp_2s_ancestral", "lcm")
STRAIGHT = tuple(name for name in SAMPLERS if name not in ANCESTRAL)
BEGINNING = np.array([[-1.5, -0.3, 0.0, 0.8, 2.0]], dtype=np.float32)

# By ComfyUI 0.3.64 for the same flow, with the noise 0.1, 0.2, … where a sampler asks for it.
FACTS: dict[tuple[str, str, int], tuple[float, ...]] = {
    ("euler", "simple", 5): (0.146154, 0.589231, 0.7, 0.995385, 1.438462),
    ("euler", "karras", 5): (0.287246, 0.617449, 0.7, 0.920135, 1.250338),
    ("euler_ancestral", "simple", 5): (0.804671, 0.859607, 0.873341, 0.909965, 0.964901),
    ("euler_ancestral", "karras", 5): (0.655956, 0.725464, 0.742841, 0.78918, 0.858688),
    ("heun", "simple", 5): (0.012219, 0.562444, 0.7, 1.066817, 1.617041),
    ("heun", "karras", 5): (-0.240523, 0.511896, 0.7, 1.201612, 1.954031),
    ("dpm_2", "simple", 5): (0.166051, 0.59321, 0.7, 0.984773, 1.411932),
    ("dpm_2", "karras", 5): (-0.141767, 0.531647, 0.7, 1.148942, 1.822356),
    ("dpm_2_ancestral", "simple", 5): (0.801582, 0.873415, 0.891373, 0.939261, 1.011094),
    ("dpm_2_ancestral", "karras", 5): (-0.038395, 0.619946, 0.784532, 1.223426, 1.881767),
    ("lms", "simple", 5): (0.04406, 0.568812, 0.7, 1.049834, 1.574586),
    ("lms", "karras", 5): (0.2324, 0.60648, 0.7, 0.949387, 1.323467),
    ("dpmpp_2s_ancestral", "simple", 5): (0.800311, 0.88311, 0.90381, 0.95901, 1.041809),
    ("dpmpp_2s_ancestral", "karras", 5): (0.648916, 0.726278, 0.745618, 0.797193, 0.874554),
    ("dpmpp_2m", "simple", 5): (0.021773, 0.564355, 0.7, 1.061721, 1.604302),
    ("dpmpp_2m", "karras", 5): (-0.084419, 0.543116, 0.7, 1.118356, 1.745892),
    ("lcm", "simple", 5): (0.846417, 0.846417, 0.846417, 0.846417, 0.846417),
    ("lcm", "karras", 5): (0.743204, 0.743204, 0.743204, 0.743204, 0.743204),
}


def denoise(x: Array, sigma: float) -> Array:
    """The mean of all data that this may have been."""
    kept = 1 - sigma
    towards = SPREAD**2 * kept / (kept**2 * SPREAD**2 + sigma**2)
    return (MEAN + towards * (x - kept * MEAN)).astype(np.float32)


def sigmas_of(name: str, steps: int, scheduler: str) -> tuple[float, ...]:
    if name not in WITHOUT_LAST_BUT_ONE:
        return schedule(scheduler, steps)
    longer = schedule(scheduler, steps + 1)
    return (*longer[:-2], longer[-1])


def run(name: str, steps: int, scheduler: str = "simple", x: Array = BEGINNING) -> Array:
    asked = iter(range(1, 10_000))
    way = Way(
        sigmas=sigmas_of(name, steps, scheduler),
        denoise=denoise,
        noise=lambda: noise(x.shape, seed=1, draw=next(asked)),
        tell=lambda step, picture: None,
    )
    return SAMPLERS[name](x, way)


@pytest.mark.parametrize(("name", "scheduler", "steps"), FACTS)
def test_sampler_steps_as_comfyuis(name: str, scheduler: str, steps: int) -> None:
    level = iter(range(1, 1000))
    way = Way(
        sigmas=sigmas_of(name, steps, scheduler),
        denoise=denoise,
        noise=lambda: np.full_like(BEGINNING, next(level) / 10),
        tell=lambda step, picture: None,
    )
    got = SAMPLERS[name](BEGINNING, way)
    assert got.dtype == np.float32
    assert got[0].tolist() == pytest.approx(FACTS[name, scheduler, steps], abs=2e-5)


def exact(x: Array) -> Array:
    """Where the flow's way from `x` ends: the same place of the data's distribution as of the noise's."""
    return (MEAN + SPREAD * x).astype(np.float32)


def error(name: str, steps: int, scheduler: str) -> float:
    return float(np.abs(run(name, steps, scheduler) - exact(BEGINNING)).max())


@pytest.mark.parametrize("name", STRAIGHT)
def test_sampler_comes_to_the_end_of_the_way(name: str) -> None:
    assert error(name, 200, "simple") < 0.01


@pytest.mark.parametrize(
    ("name", "order"), [("euler", 1), ("heun", 2), ("dpm_2", 2), ("dpmpp_2m", 2), ("lms", 2)]
)
def test_twice_the_steps_divide_the_error_as_the_order_says(name: str, order: int) -> None:
    """Over a schedule whose last step, of first order for all of them, is next to nothing."""
    ratio = error(name, 20, "karras") / error(name, 40, "karras")
    assert ratio > 2**order * 0.8


@pytest.mark.parametrize("name", ANCESTRAL)
def test_ancestral_sampler_keeps_the_distribution(name: str) -> None:
    beginning = noise((1, 64, 64), seed=5)
    pictures = run(name, 60, x=beginning)
    if name == "lcm":
        # It takes the mean of what may be for what is, and so loses some of the spread.
        assert pictures.mean() == pytest.approx(MEAN, abs=0.03)
        return
    assert pictures.mean() == pytest.approx(MEAN, abs=0.03)
    assert pictures.std() == pytest.approx(SPREAD, abs=0.03)


@pytest.mark.parametrize("name", SAMPLERS)
def test_each_step_is_told_once_and_the_last_leaves_no_noise(name: str) -> None:
    told: list[int] = []
    asked: list[float] = []

    def look(x: Array, sigma: float) -> Array:
        asked.append(sigma)
        return denoise(x, sigma)

    sigmas = sigmas_of(name, 6, "normal")
    way = Way(
        sigmas=sigmas,
        denoise=look,
        noise=lambda: np.zeros_like(BEGINNING),
        tell=lambda step, picture: told.append(step),
    )
    ended = SAMPLERS[name](BEGINNING, way)
    assert told == list(range(len(sigmas) - 1))
    assert max(asked) == 1 and min(asked) > 0
    assert np.isfinite(ended).all()


@pytest.mark.parametrize("name", SAMPLERS)
def test_one_step_goes_straight_to_the_picture(name: str) -> None:
    np.testing.assert_allclose(run(name, 1), denoise(BEGINNING, 1.0), atol=1e-6)


@pytest.mark.parametrize("name", STRAIGHT)
def test_a_way_that_ends_in_noise_ends_at_its_level(name: str) -> None:
    """With one picture only, what is left of the noise can be told."""
    way = Way(
        sigmas=(1.0, 0.75, 0.5),
        denoise=lambda x, sigma: np.full_like(x, 2.0),
        noise=lambda: np.ones_like(BEGINNING),
        tell=lambda step, picture: None,
    )
    ended = SAMPLERS[name](np.ones_like(BEGINNING), way)
    assert ended == pytest.approx(2.0 * 0.5 + 0.5, abs=1e-6)
