"""Schedules: they fall to 0 in as many steps as asked for, and have the values that ComfyUI's have."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gesso.sketch.sampling_schedules import SCHEDULES, schedule

# By ComfyUI 0.3.64 for a flow (name, steps, shift): what its `calculate_sigmas` answers.
FACTS = {
    ("simple", 1, 1.0): (1.0, 0.0),
    ("simple", 4, 1.0): (1.0, 0.75, 0.5, 0.25, 0.0),
    ("sgm_uniform", 1, 1.0): (1.0, 0.0),
    ("sgm_uniform", 4, 1.0): (1.0, 0.75025, 0.5005, 0.25075, 0.0),
    ("karras", 1, 1.0): (1.0, 0.0),
    ("karras", 4, 1.0): (1.0, 0.1936097, 0.0225748, 0.001, 0.0),
    ("karras", 7, 1.0): (1.0, 0.4616608, 0.1936097, 0.0717713, 0.0225748, 0.0056433, 0.001, 0.0),
    ("exponential", 1, 1.0): (1.0, 0.0),
    ("exponential", 4, 1.0): (1.0, 0.1, 0.01, 0.001, 0.0),
    ("ddim_uniform", 1, 1.0): (0.002, 0.0),
    ("ddim_uniform", 4, 1.0): (0.752, 0.502, 0.252, 0.002, 0.0),
    ("ddim_uniform", 7, 1.0): (0.996, 0.854, 0.712, 0.57, 0.428, 0.286, 0.144, 0.002, 0.0),
    ("beta", 1, 1.0): (1.0, 0.0),
    ("beta", 4, 1.0): (1.0, 0.824, 0.501, 0.177, 0.0),
    ("beta", 7, 1.0): (1.0, 0.929, 0.783, 0.599, 0.402, 0.218, 0.072, 0.0),
    ("normal", 1, 1.0): (1.0, 0.0),
    ("normal", 4, 1.0): (1.0, 0.667, 0.334, 0.001, 0.0),
    ("linear_quadratic", 1, 1.0): (1.0, 0.0),
    ("linear_quadratic", 4, 1.0): (1.0, 0.9875, 0.975, 0.725, 0.0),
    ("kl_optimal", 4, 1.0): (1.0, 0.5777947, 0.2686639, 0.001, 0.0),
    ("simple", 4, 3.0): (1.0, 0.9, 0.75, 0.5, 0.0),
    ("sgm_uniform", 4, 3.0): (1.0, 0.900359, 0.7511211, 0.5029851, 0.0),
    ("karras", 4, 3.0): (1.0, 0.2327368, 0.0368317, 0.002994, 0.0),
    ("exponential", 4, 3.0): (1.0, 0.1441289, 0.0207732, 0.002994, 0.0),
    ("ddim_uniform", 4, 3.0): (0.9009585, 0.751497, 0.5026596, 0.0059761, 0.0),
    ("beta", 4, 3.0): (1.0, 0.9335348, 0.7507493, 0.3921714, 0.0),
    ("normal", 4, 3.0): (1.0, 0.8576924, 0.6021506, 0.0089286, 0.0),
    ("linear_quadratic", 4, 3.0): (1.0, 0.9875, 0.975, 0.725, 0.0),
    ("kl_optimal", 4, 3.0): (1.0, 0.5786816, 0.2700896, 0.002994, 0.0),
}
EXACT = sorted(set(SCHEDULES) - {"beta", "ddim_uniform"})


@pytest.mark.parametrize(("name", "steps", "shift"), FACTS)
def test_schedule_is_comfyuis(name: str, steps: int, shift: float) -> None:
    assert schedule(name, steps, shift) == pytest.approx(FACTS[name, steps, shift], abs=2e-6)


@given(st.sampled_from(EXACT), st.integers(1, 1000), st.floats(0.1, 10))
def test_schedule_falls_to_nothing_in_as_many_steps(name: str, steps: int, shift: float) -> None:
    sigmas = schedule(name, steps, shift)
    assert len(sigmas) == steps + 1
    assert sigmas[0] == pytest.approx(1) and sigmas[-1] == 0
    assert all(then < now for now, then in zip(sigmas, sigmas[1:], strict=False))


@given(st.sampled_from(["beta", "ddim_uniform"]), st.integers(1, 1000), st.floats(0.1, 10))
def test_schedule_of_distinct_moments_falls_to_nothing(name: str, steps: int, shift: float) -> None:
    sigmas = schedule(name, steps, shift)
    assert 2 <= len(sigmas) and 0.0 == sigmas[-1] < sigmas[0] <= 1
    assert all(then < now for now, then in zip(sigmas, sigmas[1:], strict=False))
    if name == "beta":
        assert len(sigmas) <= steps + 1 and sigmas[0] == 1


@given(st.sampled_from(sorted(SCHEDULES)), st.integers(1001, 10000))
def test_more_steps_than_moments_never_rise(name: str, steps: int) -> None:
    sigmas = schedule(name, steps)
    assert sigmas[-1] == 0
    assert all(then <= now for now, then in zip(sigmas, sigmas[1:], strict=False))


def test_a_shift_keeps_the_noise_longer() -> None:
    plain, kept = schedule("simple", 4), schedule("simple", 4, 3.0)
    assert all(more > less for more, less in zip(kept[1:-1], plain[1:-1], strict=True))
