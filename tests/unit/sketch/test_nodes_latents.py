"""Latents: sizes, batches, masks and blends, as ComfyUI's nodes make them."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gesso.errors import TooLarge
from gesso.sketch.canvas import DRAWN_SIDE, Canvas
from gesso.sketch.latents import METHODS, Latent, decoded, resampled
from gesso.sketch.nodes.arrays import Array
from gesso.sketch.nodes.vae import _grown
from tests.unit.sketch.prompts import execute

# A latent of 3 channels, and what ComfyUI 0.3.64 scales it to by "bislerp".
SMALL = """
-1.125 -1.125 -0.25 -0.375 0.875 0.75 -0.375 -2.125 0.375 -1.25 0.375 0.25 0.125 1.25 1.125 -0.25
-1.375 -1.75 0.625 0.75 0.625 -1.5 -0.375 1.875 0.75 -0.625 -0.125 0.125 1.375 1.625 1 -0.875 -0.625
0 -0.5 0.25 0.5 0.125 0.625 0.5 -0.125 0.75 -0.25 0 0.5 2.25 -1.5 -1.625 -0.625 0.875 1 0.125 -0.25
-0.375 0.5 -0.375 1.5 2.125 1.75 2.375 -1.125 -0.375 -1.125 -0.125 0.375 -0.75 -1.625 0 -0.75 0.125
0.625 0.625
""".split()
SCALED = {
    (4, 4, "center"): """
-1.125 -0.25 -0.375 0.875 -2.125 0.375 -1.25 0.375 1.25 1.125 -0.25 -1.375 0.75 0.625 -1.5 -0.375
-0.625 -0.125 0.125 1.375 -0.875 -0.625 0 -0.5 0.125 0.625 0.5 -0.125 0 0.5 2.25 -1.5 0.875 1 0.125
-0.25 -0.375 1.5 2.125 1.75 -0.375 -1.125 -0.125 0.375 0 -0.75 0.125 0.625
""".split(),
    (3, 2, "disabled"): """
-1.58263 -0.60629 0.94497 0.94453 0.11894 -1.26663 0.34809 -0.07375 1.17365 0.1381 1.303 -1.34253
0.24169 1.25586 1.21276 -0.82906 -0.77659 0.54972
""".split(),
}
# Rows of a mask in bits, by how much it was to grow.
GROWN = {
    2: "c000 c000 0 0 0 3e0 3e0 3e0 3e0 0 0 0 0 0 0 0",
    3: "c000 c000 0 0 7e0 7e0 7e0 7e0 7e0 0 0 0 0 0 0 0",
    6: "f000 f000 f000 fff8 ff8 ff8 ff8 ff8 ff8 ff8 ff8 0 0 0 0 0",
}


def latent(batch: int = 1, height: int = 4, width: int = 4, **more: Any) -> Latent:
    count = batch * 8 * height * width
    samples = np.arange(count, dtype=np.float32).reshape(batch, 8, height, width) / count
    return of(samples.astype(np.float32), **more)


def of(samples: Array, **more: Any) -> Latent:
    """For pictures as large as they are drawn."""
    height, width = samples.shape[-2:]
    return Latent(samples=samples, canvas=Canvas(width * 4, height * 4), **more)


def run(name: str, **inputs: Any) -> Latent:
    [answer] = execute(name, **inputs)
    assert isinstance(answer, Latent)
    assert answer.samples.dtype == np.float32
    return answer


@pytest.mark.parametrize("name", ["EmptyLatentImage", "EmptySD3LatentImage"])
def test_an_empty_latent_is_for_multiples_of_eight_pixels(name: str) -> None:
    made = run(name, width=63, height=48, batch_size=2)
    assert made.samples.shape == (2, 8, 12, 14) and made.canvas == Canvas(56, 48)
    assert not made.samples.any()
    with pytest.raises(TooLarge):
        run(name, width=16384, height=16384, batch_size=64)


@pytest.mark.parametrize(("width", "height"), [(7, 64), (64, 0), (-64, 64)])
def test_a_latent_of_nothing_is_refused(width: int, height: int) -> None:
    with pytest.raises(ValueError, match=f"of {width}x{height} pixels is too small"):
        run("EmptyLatentImage", width=width, height=height)


@pytest.mark.parametrize(("width", "height", "crop"), SCALED)
def test_turning_from_place_to_place_is_comfyuis(width: int, height: int, crop: str) -> None:
    small = np.array(SMALL, dtype=np.float32).reshape(1, 3, 4, 6)
    got = resampled(small, width, height, "bislerp", crop)
    expected = [float(value) for value in SCALED[width, height, crop]]
    assert got.reshape(-1).tolist() == pytest.approx(expected, abs=1e-4)


@given(st.sampled_from(METHODS), st.integers(1, 9), st.integers(1, 9), st.booleans())
def test_any_size_can_be_made_of_any(method: str, width: int, height: int, centre: bool) -> None:
    samples = np.linspace(-1, 1, 2 * 8 * 3 * 5, dtype=np.float32).reshape(2, 8, 3, 5)
    got = resampled(samples, width, height, method, "center" if centre else "disabled")
    assert got.shape == (2, 8, height, width)
    assert np.isfinite(got).all()


@pytest.mark.parametrize(
    ("width", "height", "shape"),
    [(0, 0, (4, 4)), (48, 64, (16, 16)), (0, 64, (16, 16)), (8, 0, (16, 16)), (100, 16, (10, 16))],
)
def test_upscaling_counts_in_pixels_of_the_picture(width: int, height: int, shape: tuple[int, int]) -> None:
    got = run(
        "LatentUpscale",
        samples=latent(),
        upscale_method="bilinear",
        width=width,
        height=height,
        crop="disabled",
    )
    assert got.samples.shape == (1, 8, *shape)


def test_upscaling_by_a_factor_keeps_to_sizes_that_can_be_drawn() -> None:
    got = run("LatentUpscaleBy", samples=latent(height=6), upscale_method="area", scale_by=1.5)
    assert got.samples.shape == (1, 8, 8, 6)
    least = run("LatentUpscaleBy", samples=latent(), upscale_method="bislerp", scale_by=0.01)
    assert least.samples.shape == (1, 8, 2, 2)


@pytest.mark.parametrize(
    ("canvas", "drawn"),
    [
        (Canvas(DRAWN_SIDE, DRAWN_SIDE), Canvas(DRAWN_SIDE, DRAWN_SIDE)),
        (Canvas(8, DRAWN_SIDE), Canvas(8, DRAWN_SIDE)),
        (Canvas(1024, 1024), Canvas(DRAWN_SIDE, DRAWN_SIDE)),
        (Canvas(1024, 512), Canvas(DRAWN_SIDE, DRAWN_SIDE // 2)),
        (Canvas(1024, 64), Canvas(DRAWN_SIDE, 16)),
    ],
)
def test_what_is_larger_than_can_be_drawn_well_is_drawn_small(canvas: Canvas, drawn: Canvas) -> None:
    assert canvas.drawn() == drawn


@given(st.integers(1, 2048), st.integers(1, 2048))
def test_the_drawn_size_is_near_the_proportions_asked_for(width: int, height: int) -> None:
    canvas = Canvas(width * 8, height * 8)
    drawn = canvas.drawn()
    assert drawn.on_grid() == drawn and max(drawn.width, drawn.height) <= DRAWN_SIDE
    if min(drawn.width, drawn.height) > 16:
        assert abs(drawn.width * height - drawn.height * width) <= 4.001 * max(width, height)


def test_all_nodes_keep_to_the_drawn_size_and_to_the_canvas() -> None:
    large, small = run("EmptyLatentImage", width=1000, height=500, batch_size=2), latent()
    drawn = large.canvas.drawn()
    assert large.canvas == Canvas(1000, 496) and large.samples.shape[2:] == (
        drawn.height // 4,
        drawn.width // 4,
    )
    up = run("LatentUpscale", samples=small, upscale_method="area", width=0, height=2000, crop="center")
    assert up.canvas == Canvas(2000, 2000) and up.samples.shape[2:] == (DRAWN_SIDE // 4, DRAWN_SIDE // 4)
    by = run("LatentUpscaleBy", samples=large, upscale_method="bicubic", scale_by=0.05)
    assert by.canvas == Canvas(48, 24) == by.canvas.drawn() and by.samples.shape == (2, 8, 6, 12)
    blend = run("LatentBlend", samples1=large, samples2=up, blend_factor=0.5)
    repeated = run("RepeatLatentBatch", samples=blend, amount=3)
    assert repeated.canvas == large.canvas and repeated.samples.shape == (6, *large.samples.shape[1:])
    with pytest.raises(TooLarge):
        run("RepeatLatentBatch", samples=up, amount=64)
    with pytest.raises(TooLarge):
        run("LatentUpscaleBy", samples=up, upscale_method="bicubic", scale_by=8.0)


def test_a_repeated_batch_repeats_its_masks_and_counts_on() -> None:
    mask = np.stack([np.zeros((4, 4), np.float32), np.ones((4, 4), np.float32)])
    got = run("RepeatLatentBatch", samples=latent(2, mask=mask, numbers=(3, 5)), amount=2)
    assert got.samples.shape[0] == 4
    assert got.numbers == (3, 5, 6, 8)
    assert got.mask is not None and got.mask[:, 0, 0].tolist() == [0, 1, 0, 1]
    # One mask for all stays one, and a batch without numbers is counted from 0.
    plain = run("RepeatLatentBatch", samples=latent(mask=mask[:1]), amount=3)
    assert plain.mask is not None and len(plain.mask) == 1 and plain.numbers is None


def test_a_part_of_a_batch_keeps_its_numbers() -> None:
    got = run("LatentFromBatch", samples=latent(4), batch_index=2, length=5)
    assert (len(got.samples), got.numbers) == (2, (2, 3))
    again = run("LatentFromBatch", samples=got, batch_index=1, length=1)
    assert again.numbers == (3,)
    assert again.samples.tolist() == latent(4).samples[3:].tolist()


def test_a_blend_takes_so_much_of_each() -> None:
    one, other = latent(), of(np.ones((1, 8, 8, 8), dtype=np.float32))
    got = run("LatentBlend", samples1=one, samples2=other, blend_factor=0.25)
    np.testing.assert_allclose(got.samples, one.samples * 0.25 + 0.75, atol=1e-6)


def test_a_mask_goes_along_in_its_own_size() -> None:
    mask = np.zeros((12, 8), dtype=np.float32)
    mask[:6] = 1
    masked = run("SetLatentNoiseMask", samples=latent(2, height=6), mask=mask)
    assert masked.mask is not None and masked.mask.shape == (1, 12, 8)
    fitted = masked.mask_for_samples()
    assert fitted is not None and fitted.shape == (2, 1, 6, 4)
    assert fitted[:, :, :3].min() == 1 and fitted[:, :, 3:].max() == 0
    assert latent().mask_for_samples() is None


class Copying:
    """A VAE that only keeps what it is given, and draws everything grey."""

    def __init__(self) -> None:
        self.seen: Array = np.zeros((0,), dtype=np.float32)

    def encode(self, images: Array) -> Array:
        self.seen = images
        return np.zeros((len(images), 8, images.shape[1] // 4, images.shape[2] // 4), dtype=np.float32)

    def decode(self, samples: Array) -> Array:
        height, width = samples.shape[-2:]
        return np.full((len(samples), height * 4, width * 4, 3), 0.5, dtype=np.float32)


def test_a_large_picture_is_seen_small_and_decoded_in_its_size() -> None:
    vae = Copying()
    image = np.full((2, 301, 200, 4), 0.9, dtype=np.float32)
    made = run("VAEEncode", pixels=image, vae=vae)
    assert made.canvas == Canvas(200, 296)
    drawn = made.canvas.drawn()
    assert vae.seen.shape == (2, drawn.height, drawn.width, 3)
    [pictures] = execute("VAEDecode", samples=made, vae=vae)
    assert pictures.shape == (2, 296, 200, 3) and pictures.dtype == np.float32
    # What is no larger than it is drawn is handed on untouched.
    plain = decoded(vae, made.samples, drawn)  # type: ignore[arg-type]
    assert plain.shape == (2, drawn.height, drawn.width, 3) and (plain == 0.5).all()


def test_what_is_painted_over_becomes_grey_and_a_mask() -> None:
    vae = Copying()
    mask = np.zeros((1, 16, 19), dtype=np.float32)
    mask[:, 4:8, 5:9] = 1
    image = np.full((1, 16, 19, 4), 0.9, dtype=np.float32)
    made = run("VAEEncodeForInpaint", pixels=image, vae=vae, mask=mask, grow_mask_by=0)
    assert vae.seen.shape == (1, 16, 16, 3)
    # A pixel to the left: three columns too many, of which one is cut off there.
    assert made.mask is not None and made.mask[0].nonzero()[1].tolist()[:4] == [4, 5, 6, 7]
    np.testing.assert_allclose(vae.seen[0, 4:8, 4:8], 0.5, atol=1e-6)
    np.testing.assert_allclose(vae.seen[0, 8:], 0.9, atol=1e-6)
    assert image.min() == np.float32(0.9)


@pytest.mark.parametrize("by", GROWN)
def test_a_mask_grows_as_comfyuis(by: int) -> None:
    mask = np.zeros((1, 16, 16), dtype=np.float32)
    mask[:, 5:8, 6:10] = 1
    mask[:, 0, 0] = 1
    rows = ["".join(str(int(value)) for value in row) for row in _grown(mask, by)[0]]
    assert " ".join(f"{int(row, 2):x}" for row in rows) == GROWN[by]
