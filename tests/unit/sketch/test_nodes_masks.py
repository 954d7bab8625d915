"""Mask nodes."""

from typing import Any

import numpy as np
import pytest

from tests.unit.sketch.prompts import execute


def call(name: str, **inputs: Any) -> Any:
    return execute(name, **inputs)[0]


def mask(*rows: list[float]) -> np.ndarray:
    return np.array([rows], dtype=np.float32)


def test_solid_invert_threshold_crop() -> None:
    assert call("SolidMask", value=0.25, width=2, height=1).tolist() == [[[0.25, 0.25]]]
    assert call("InvertMask", mask=mask([0, 0.25])).tolist() == [[[1, 0.75]]]
    assert call("ThresholdMask", mask=mask([0.4, 0.5, 0.6]), value=0.5).tolist() == [[[0, 0, 1]]]
    assert call("CropMask", mask=mask([0, 1, 2]), x=1, y=0, width=9, height=9).tolist() == [[[1, 2]]]


def test_single_mask_counts_as_a_batch_of_one() -> None:
    assert call("MaskToImage", mask=np.ones((2, 3), dtype=np.float32)).shape == (1, 2, 3, 3)


def test_channel_and_colour_of_a_picture_become_masks() -> None:
    picture = np.array([[[[0.2, 0.4, 0.6], [1, 1, 1]]]], dtype=np.float32)
    assert call("ImageToMask", image=picture, channel="green").tolist() == [[[np.float32(0.4), 1]]]
    assert call("ImageColorToMask", image=picture, color=0x336699).tolist() == [[[1, 0]]]


@pytest.mark.parametrize(("tapered", "corner"), [(True, 0), (False, 1)])
def test_grow_with_and_without_corners(tapered: bool, corner: float) -> None:
    dot = np.zeros((1, 5, 5), dtype=np.float32)
    dot[0, 2, 2] = 1
    grown = call("GrowMask", mask=dot, expand=1, tapered_corners=tapered)
    assert grown[0, 1, 2] == 1
    assert grown[0, 1, 1] == corner
    shrunk = call("GrowMask", mask=grown, expand=-1, tapered_corners=tapered)
    assert shrunk.tolist() == dot.tolist()


def test_grow_ends_early_where_nothing_changes() -> None:
    whole = np.ones((1, 3, 3), dtype=np.float32)
    assert call("GrowMask", mask=whole, expand=16384, tapered_corners=True).tolist() == whole.tolist()


def test_feather_counts_from_the_far_side_as_comfyui_does() -> None:
    ones = np.ones((1, 1, 6), dtype=np.float32)
    left = call("FeatherMask", mask=ones, left=2, top=0, right=0, bottom=0)
    assert left[0, 0].tolist() == [0.5, 1, 1, 1, 1, 1]
    # Its right side begins at "-0", which is the first column.
    right = call("FeatherMask", mask=ones, left=0, top=0, right=2, bottom=0)
    assert right[0, 0].tolist() == [0.5, 1, 1, 1, 1, 1]
    assert ones.min() == 1


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("multiply", [0.5, 0.25, 0]),
        ("add", [0.5, 1, 1]),
        ("subtract", [0.5, 0, 0]),
        ("and", [0.5, 0, 0]),
        ("or", [0.5, 0, 1]),
        ("xor", [0.5, 0, 1]),
    ],
)
def test_composite_operations(operation: str, expected: list[float]) -> None:
    combined = call(
        "MaskComposite",
        destination=mask([0.5, 0.5, 0]),
        source=mask([0.5, 1, 1]),
        x=1,
        y=0,
        operation=operation,
    )
    assert combined[0, 0].tolist() == expected


def test_composite_outside_changes_nothing() -> None:
    inputs = {"destination": mask([0.5]), "source": mask([1]), "y": 7, "operation": "add"}
    assert call("MaskComposite", x=7, **inputs).tolist() == [[[0.5]]]
