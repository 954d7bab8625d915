"""Scaling: values computed by hand, as PyTorch's interpolation defines them."""

import numpy as np
import pytest

from gesso.errors import TooLarge
from gesso.sketch.nodes.resample import METHODS, resize, resize_masks


def row(*values: float) -> np.ndarray:
    """A picture of one row and one channel."""
    return np.array(values, dtype=np.float32).reshape(1, 1, -1, 1)


def across(values: np.ndarray, width: int, method: str) -> list[float]:
    scaled = resize(values, width, 1, method)
    assert scaled.dtype == np.float32
    return [round(float(each), 4) for each in scaled[0, 0, :, 0]]


def test_nearest_exact_takes_the_pixel_under_the_centre() -> None:
    assert across(row(0, 1, 2), 6, "nearest-exact") == [0, 0, 1, 1, 2, 2]
    assert across(row(0, 1, 2, 3, 4), 2, "nearest-exact") == [1, 3]


def test_bilinear_mixes_neighbours_and_holds_the_edge() -> None:
    assert across(row(0, 1), 4, "bilinear") == [0, 0.25, 0.75, 1]
    # No filter against aliasing when shrinking: only the two pixels around the place count.
    assert across(row(0, 0, 1, 0, 0, 0), 2, "bilinear") == [0, 0]


def test_bicubic_overshoots_at_an_edge() -> None:
    # Cubic convolution with a = -0.75 at the places -0.25, 0.25, 0.75, 1.25; pixels outside repeat the edge.
    assert across(row(0, 1), 4, "bicubic") == pytest.approx([-0.1055, 0.2266, 0.7734, 1.1055])


def test_area_takes_the_mean_of_every_pixel_touched() -> None:
    assert across(row(0, 3, 6), 2, "area") == [1.5, 4.5]
    assert across(row(0, 3, 6, 9), 2, "area") == [1.5, 7.5]


def test_lanczos_goes_through_eight_bits() -> None:
    assert across(row(0.5, 0.5), 3, "lanczos") == [round(127 / 255, 4)] * 3


@pytest.mark.parametrize("method", METHODS)
def test_same_size_keeps_the_picture(method: str) -> None:
    picture = np.linspace(0, 1, 4 * 5 * 3, dtype=np.float32).reshape(1, 4, 5, 3)
    scaled = resize(picture, 5, 4, method)
    assert np.allclose(scaled, picture, atol=1 / 255)


@pytest.mark.parametrize("method", METHODS)
def test_both_axes_and_all_images_are_scaled(method: str) -> None:
    assert resize(np.zeros((2, 4, 6, 3), dtype=np.float32), 5, 9, method).shape == (2, 9, 5, 3)


def test_center_crop_keeps_the_proportions() -> None:
    assert resize(row(0, 1, 2, 3), 2, 1, "nearest-exact", "center")[0, 0, :, 0].tolist() == [1, 2]
    column = row(0, 1, 2, 3).swapaxes(1, 2)
    assert resize(column, 1, 2, "nearest-exact", "center")[0, :, 0, 0].tolist() == [1, 2]


@pytest.mark.parametrize(("width", "height"), [(900, 1), (1, 900)])
def test_center_crop_to_a_strip_leaves_something(width: int, height: int) -> None:
    assert resize(np.ones((1, 4, 4, 3), np.float32), width, height, "area", "center").min() == 1


def test_masks_scale_alike() -> None:
    assert resize_masks(np.ones((2, 3, 4), dtype=np.float32), 8, 6).shape == (2, 6, 8)


@pytest.mark.parametrize(("width", "height"), [(0, 4), (4, 0)])
def test_empty_picture_is_refused(width: int, height: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        resize(row(0, 1), width, height, "bilinear")


def test_picture_beyond_the_memory_is_refused_before_it_is_made() -> None:
    with pytest.raises(TooLarge, match="MiB"):
        resize(row(0, 1), 1_000_000, 1_000_000, "bicubic")
