"""Pictures for terminals: what a terminal reads out of each text is the picture that went in."""

import re

import pytest
from PIL import Image, ImageDraw

from gesso.cli.terminal_pictures import blocks, fitted, iterm2, kitty, kitty_gone, sixel
from tests.terminals import blocks_picture, difference, iterm2_pictures, kitty_pictures, sixel_pictures


@pytest.fixture(scope="module")
def picture():
    image = Image.new("RGB", (64, 48), (250, 250, 240))
    draw = ImageDraw.Draw(image)
    draw.ellipse((5, 5, 30, 30), fill=(220, 20, 30))
    draw.rectangle((40, 20, 60, 44), fill=(20, 40, 200))
    return image


@pytest.mark.parametrize(
    ("size", "within", "cell", "box"),
    [
        ((64, 64), (80, 20), (8, 16), (40, 20)),
        ((64, 64), (30, 20), (8, 16), (30, 15)),
        ((128, 32), (80, 20), (8, 16), (80, 10)),
        ((32, 128), (80, 20), (8, 16), (10, 20)),
        ((64, 64), (80, 20), (10, 10), (20, 20)),
        ((1000, 1), (80, 20), (8, 16), (80, 1)),
        ((1, 1000), (80, 20), (8, 16), (1, 20)),
        ((64, 64), (1, 1), (8, 16), (1, 1)),
    ],
)
def test_a_picture_keeps_its_shape_within_the_lines(size, within, cell, box):
    assert fitted(size, within, cell) == box


def test_kitty_is_sent_the_picture_in_chunks_it_takes(picture):
    noise = Image.effect_noise((150, 150), 80).convert("RGB")
    for image, several in ((picture, False), (noise, True)):
        text = kitty(image, 20, 10, 7)
        ((keys, shown),) = kitty_pictures(text)
        assert keys | {"m": ""} == {
            "a": "T", "f": "100", "i": "7", "p": "1", "c": "20", "r": "10", "C": "1", "q": "2", "m": ""
        }  # fmt: skip
        assert shown.tobytes() == image.tobytes()
        chunks = re.findall(r"m=(\d);([^\x1b]*)", text)
        assert (len(chunks) > 1) is several and {len(data) <= 4096 for _, data in chunks} == {True}
        assert [more for more, _ in chunks] == ["1"] * (len(chunks) - 1) + ["0"]
    assert kitty_gone(7) == "\x1b_Ga=d,d=I,i=7,q=2\x1b\\"


def test_iterm2_is_sent_the_picture_with_its_place_and_size(picture):
    text = iterm2(picture, 20, 10)
    ((keys, shown),) = iterm2_pictures(text)
    assert (keys["width"], keys["height"], keys["inline"]) == ("20", "10", "1")
    assert shown.tobytes() == picture.tobytes() and int(keys["size"]) > 100


@pytest.mark.parametrize("cell", [(8, 16), (7, 13), (10, 20)])
def test_sixels_fill_their_cells_with_the_picture(picture, cell):
    (shown,) = sixel_pictures(sixel(picture, 10, 5, cell))
    assert shown.size == (10 * cell[0], 5 * cell[1])
    assert difference(shown, picture.resize(shown.size)) < 3


def test_sixels_of_many_colors_are_still_the_picture():
    noise = Image.radial_gradient("L").convert("RGB").resize((64, 64))
    (shown,) = sixel_pictures(sixel(noise, 8, 4, (8, 16)))
    assert difference(shown, noise) < 4


@pytest.mark.parametrize(("true_color", "at_most"), [(True, 0.5), (False, 14)])
def test_half_blocks_are_two_pixels_each(picture, true_color, at_most):
    text = blocks(picture, 32, 12, true_color=true_color)
    shown = blocks_picture(text)
    assert shown.size == (32, 24) and difference(shown, picture) < at_most
    assert [line.endswith("\x1b[0m") for line in text.split("\n")] == [True] * 12
    assert (";2;" in text) is true_color
