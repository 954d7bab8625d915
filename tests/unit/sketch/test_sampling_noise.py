"""Noise: the same bits everywhere, normally distributed, another for each seed, picture and draw."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gesso.sketch.sampling_noise import MASK, noise

# Bits, not values: whoever changes these changes every picture that anybody has drawn.
FACTS = {
    (0, 0, 0): ("0x1.44ad640000000p-3", "0x1.7dcefe0000000p+1", "-0x1.ecfa260000000p+0"),
}


def test_a_seed_gives_these_bits() -> None:
    for (seed, picture, draw), bits in FACTS.items():
        values = noise((len(bits),), seed=seed, picture=picture, draw=draw)
        assert tuple(float(value).hex() for value in values) == bits


def test_layout_is_philox_and_box_muller() -> None:
    """The layout as it is documented, by the library's own logarithm, sine and cosine."""
    words = np.random.Philox(key=7 + (3 << 64), counter=2 << 192).random_raw(64).reshape(-1, 2)
    first, second = ((words >> np.uint64(12)).astype(float) + 0.5).T / 2.0**52
    radius, angle = np.sqrt(-2 * np.log(first)), 2 * np.pi * second
    expected = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(-1)
    got = noise((8, 8), seed=7, picture=3, draw=2).reshape(-1)
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-7)


def test_noise_is_normally_distributed() -> None:
    values = noise((8, 64, 64), seed=11).astype(float)
    moments = [float((values**power).mean()) for power in (1, 2, 3, 4)]
    assert moments == pytest.approx([0, 1, 0, 3], abs=0.12)
    assert np.abs(values).max() > 3.5
    columns = values.reshape(8, -1)
    correlations = np.corrcoef(columns)[np.triu_indices(8, 1)]
    assert np.abs(correlations).max() < 0.08


def test_an_odd_number_of_values_is_the_beginning_of_an_even_one() -> None:
    assert noise((5,), seed=1).tolist() == noise((6,), seed=1)[:5].tolist()


@given(st.integers(0, 2**64 - 1), st.integers(0, 4095), st.sampled_from([0, 1, 2, MASK]))
def test_every_seed_picture_and_draw_has_noise_of_its_own(seed: int, picture: int, draw: int) -> None:
    given_ = noise((8,), seed=seed, picture=picture, draw=draw)
    assert given_.dtype == np.float32 and np.isfinite(given_).all()
    assert given_.tolist() == noise((8,), seed=seed, picture=picture, draw=draw).tolist()
    others = ((seed ^ 1, picture, draw), (seed, picture + 1, draw), (seed, picture, draw ^ 1))
    for other in others:
        assert given_.tolist() != noise((8,), seed=other[0], picture=other[1], draw=other[2]).tolist()


def test_a_seed_below_zero_is_one_too() -> None:
    """An input cannot be set to it, but it may be linked to a number that is."""
    assert np.array_equal(noise((4,), seed=-1), noise((4,), seed=2**64 - 1))
