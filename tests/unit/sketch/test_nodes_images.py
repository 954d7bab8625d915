"""Picture nodes: small pictures in, values worked out by hand (and seen in a real ComfyUI) out."""

from typing import Any

import numpy as np
import pytest

from gesso.errors import TooLarge
from tests.unit.sketch.prompts import execute


def call(name: str, **inputs: Any) -> Any:
    """The first output of a node."""
    return execute(name, **inputs)[0]


def grey(*values: float, channels: int = 3) -> np.ndarray:
    """One row of grey pixels."""
    row = np.array(values, dtype=np.float32).reshape(1, 1, -1, 1)
    return np.repeat(row, channels, axis=-1)


def levels(picture: np.ndarray) -> list[float]:
    """The first channel of a row."""
    return [round(float(value), 3) for value in picture[0, 0, :, 0]]


def test_empty_image_has_its_colour() -> None:
    picture = call("EmptyImage", width=2, height=3, batch_size=4, color=0x336699)
    assert picture.shape == (4, 3, 2, 3)
    assert np.allclose(picture, np.array([0x33, 0x66, 0x99]) / 255)
    assert picture.dtype == np.float32


def test_empty_image_beyond_the_memory_is_refused() -> None:
    with pytest.raises(TooLarge):
        call("EmptyImage", width=16384, height=16384, batch_size=4096, color=0)


SAMPLE = np.linspace(0, 1, 6 * 8 * 3, dtype=np.float32).reshape(1, 6, 8, 3)


@pytest.mark.parametrize(
    ("name", "inputs"),
    [
        ("ImageInvert", {}),
        ("ImageScaleBy", {"upscale_method": "bilinear", "scale_by": 1.5}),
        ("ImageScaleBy", {"upscale_method": "bicubic", "scale_by": 1.5}),
        ("ImageScaleBy", {"upscale_method": "area", "scale_by": 0.6}),
        ("ImageScaleBy", {"upscale_method": "lanczos", "scale_by": 0.6}),
        ("ImageBlur", {"blur_radius": 2, "sigma": 1.5}),
        ("ImageSharpen", {"sharpen_radius": 2, "sigma": 1.5, "alpha": 0.7}),
        ("ImageQuantize", {"colors": 3, "dither": "bayer-2"}),
        ("ImageToMask", {"channel": "red"}),
        ("ImageColorToMask", {"color": 0}),
    ],
)
def test_pictures_stay_single_precision(name: str, inputs: dict[str, Any]) -> None:
    assert call(name, image=SAMPLE, **inputs).dtype == np.float32


def test_invert() -> None:
    assert levels(call("ImageInvert", image=grey(0, 0.25, 1))) == [1, 0.75, 0]


@pytest.mark.parametrize(
    ("width", "height", "size"), [(0, 0, (2, 4)), (8, 0, (4, 8)), (0, 1, (1, 2)), (3, 3, (3, 3))]
)
def test_scale_with_a_side_of_zero_keeps_the_proportions(
    width: int, height: int, size: tuple[int, int]
) -> None:
    picture = np.zeros((1, 2, 4, 3), dtype=np.float32)
    scaled = call(
        "ImageScale", image=picture, upscale_method="area", width=width, height=height, crop="disabled"
    )
    assert scaled.shape[1:3] == size


@pytest.mark.parametrize(
    ("name", "inputs", "size"),
    [
        ("ImageScaleBy", {"scale_by": 1.5}, (3, 6)),
        ("ImageScaleToMaxDimension", {"largest_size": 2}, (1, 2)),
        ("ImageScaleToTotalPixels", {"megapixels": 0.01}, (72, 145)),
    ],
)
def test_other_ways_to_give_a_size(name: str, inputs: dict[str, Any], size: tuple[int, int]) -> None:
    picture = np.zeros((1, 2, 4, 3), dtype=np.float32)
    assert call(name, image=picture, upscale_method="bilinear", **inputs).shape[1:3] == size


def test_crop_stays_inside() -> None:
    picture = grey(0, 0.1, 0.2, 0.3)
    assert levels(call("ImageCrop", image=picture, width=2, height=9, x=1, y=0)) == [0.1, 0.2]
    assert levels(call("ImageCrop", image=picture, width=2, height=9, x=99, y=99)) == [0.3]


def test_pad_for_outpaint_fades_from_the_padded_edge_only() -> None:
    picture = np.zeros((1, 5, 5, 3), dtype=np.float32)
    padded, mask = execute(
        "ImagePadForOutpaint", image=picture, left=8, top=0, right=0, bottom=0, feathering=2
    )
    assert padded.shape == (1, 5, 13, 3)
    assert (padded[0, 0, 7, 0], padded[0, 0, 8, 0]) == (0.5, 0)
    # Distances 0, 1, 2 … from the left: ((2-0)/2)², ((2-1)/2)², 0 …
    assert mask[0, 0, 7:].tolist() == [1, 1, 0.25, 0, 0, 0]


def test_batches_are_joined_at_the_first_ones_size() -> None:
    joined = call("ImageBatch", image1=grey(0, 0), image2=np.ones((2, 4, 8, 3), dtype=np.float32))
    assert joined.shape == (3, 1, 2, 3)
    assert joined[1:].min() == 1


def test_repeat_and_pick_from_a_batch() -> None:
    batch = np.arange(3, dtype=np.float32).reshape(3, 1, 1, 1)
    assert call("RepeatImageBatch", image=batch, amount=2).ravel().tolist() == [0, 1, 2, 0, 1, 2]
    assert call("ImageFromBatch", image=batch, batch_index=1, length=9).ravel().tolist() == [1, 2]
    assert call("ImageFromBatch", image=batch, batch_index=9, length=1).ravel().tolist() == [2]


def test_rebatch_cuts_a_list_of_batches_anew() -> None:
    batches = [np.zeros((3, 1, 1, 3), dtype=np.float32), np.ones((2, 1, 1, 3), dtype=np.float32)]
    assert [len(each) for each in call("RebatchImages", images=batches, batch_size=[2])] == [2, 2, 1]


def test_flip_and_rotate() -> None:
    picture = np.arange(4, dtype=np.float32).reshape(1, 2, 2, 1)
    flips = {"x-axis: vertically": [2, 3, 0, 1], "y-axis: horizontally": [1, 0, 3, 2]}
    for method, expected in flips.items():
        assert call("ImageFlip", image=picture, flip_method=method).ravel().tolist() == expected
    turns = {"none": [0, 1, 2, 3], "90 degrees": [2, 0, 3, 1], "270 degrees": [1, 3, 0, 2]}
    for rotation, expected in turns.items():
        assert call("ImageRotate", image=picture, rotation=rotation).ravel().tolist() == expected


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("normal", [0.6, 0.6]),
        ("multiply", [0.12, 0.48]),
        ("screen", [0.68, 0.92]),
        ("overlay", [0.24, 0.84]),
        ("soft_light", [0.2496, 0.8189]),
        ("difference", [0.0, 0.2]),
    ],
)
def test_blend_modes(mode: str, expected: list[float]) -> None:
    blended = call(
        "ImageBlend", image1=grey(0.2, 0.8), image2=grey(0.6, 0.6), blend_factor=1.0, blend_mode=mode
    )
    assert levels(blended) == pytest.approx(expected, abs=6e-4)


def test_blend_gives_a_picture_without_alpha_an_opaque_one() -> None:
    blended = call(
        "ImageBlend",
        image1=grey(0.2, channels=4),
        image2=grey(0.6, channels=3),
        blend_factor=1.0,
        blend_mode="normal",
    )
    assert blended[0, 0, 0].tolist() == pytest.approx([0.6, 0.6, 0.6, 1])


def test_blur_spreads_by_a_gaussian_and_mirrors_the_edge() -> None:
    picture = np.zeros((1, 3, 3, 1), dtype=np.float32)
    picture[0, 1, 1] = 1
    blurred = call("ImageBlur", image=picture, blur_radius=1, sigma=1.0)[0, :, :, 0]
    side = np.exp(-0.5) / (1 + 2 * np.exp(-0.5))
    centre = 1 / (1 + 2 * np.exp(-0.5))
    # A corner sees the bright pixel four times over, for the picture is mirrored at its edges.
    assert blurred[1, 1] == pytest.approx(centre**2)
    assert blurred[0, 1] == pytest.approx(2 * side * centre)
    assert blurred[0, 0] == pytest.approx(4 * side**2)


def test_sharpen_adds_what_a_blur_takes_away() -> None:
    picture = np.full((1, 3, 3, 1), 0.2, dtype=np.float32)
    picture[0, 1, 1] = 0.3
    blurred = call("ImageBlur", image=picture, blur_radius=1, sigma=1.0)
    sharp = call("ImageSharpen", image=picture, sharpen_radius=1, sigma=1.0, alpha=0.05)
    assert np.allclose(sharp, picture + 0.5 * (picture - blurred), atol=1e-6)


@pytest.mark.parametrize("dither", ["none", "floyd-steinberg", "bayer-2", "bayer-4", "bayer-8", "bayer-16"])
def test_quantize_leaves_few_colours(dither: str) -> None:
    ramp = np.linspace(0, 1, 32 * 32, dtype=np.float32).reshape(1, 32, 32, 1).repeat(3, axis=-1)
    result = call("ImageQuantize", image=ramp, colors=4, dither=dither)
    assert len(np.unique(result)) <= 4
    assert abs(float(result.mean()) - 0.5) < 0.05


def test_composite_cuts_at_the_edge_and_weighs_by_the_mask() -> None:
    mask = np.array([[[0.0, 0.5]]], dtype=np.float32)
    inputs = {"destination": grey(0, 0, 0), "source": grey(1, 1), "y": 0, "resize_source": False}
    assert levels(call("ImageCompositeMasked", x=1, mask=mask, **inputs)) == [0, 0, 0.5]
    assert levels(call("ImageCompositeMasked", x=2, **inputs)) == [0, 0, 1]
    assert levels(call("ImageCompositeMasked", x=9, **inputs)) == [0, 0, 0]


def test_composite_leaves_its_inputs_alone() -> None:
    destination = grey(0, 0)
    call("ImageCompositeMasked", destination=destination, source=grey(1), x=0, y=0, resize_source=False)
    assert levels(destination) == [0, 0]


def test_alpha_is_split_off_and_joined_on() -> None:
    joined = call(
        "JoinImageWithAlpha", image=grey(0.5, 0.5), alpha=np.array([[[0.0, 1.0]]], dtype=np.float32)
    )
    assert joined[0, 0, :, 3].tolist() == [1, 0]
    colours, mask = execute("SplitImageWithAlpha", image=joined)
    assert colours.shape[-1] == 3
    assert mask[0, 0].tolist() == [0, 1]


def test_resize_and_pad_centres() -> None:
    inputs = {"target_width": 4, "target_height": 4, "padding_color": "white", "interpolation": "area"}
    framed = call("ResizeAndPadImage", image=np.zeros((1, 1, 2, 3), dtype=np.float32), **inputs)
    assert framed[0, :, 0, 0].tolist() == [1, 0, 0, 1]


def test_stitch_puts_a_bar_between() -> None:
    inputs = {"match_image_size": True, "spacing_width": 1, "spacing_color": "red"}
    joined = call("ImageStitch", image1=grey(0), image2=grey(0), direction="right", **inputs)
    # An odd width is made even.
    assert joined[0, 0].tolist() == [[0, 0, 0], [1, 0, 0], [1, 0, 0], [0, 0, 0]]
    assert call("ImageStitch", image1=grey(0.5), direction="up", **inputs).shape == (1, 1, 1, 3)
