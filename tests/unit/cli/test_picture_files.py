"""Where pictures go: what was named is written, and nothing else that is there."""

from pathlib import Path

import pytest

from gesso.cli.picture_files import Target, name_of, paths, target


def nothing(path: Path) -> bool:
    return False


def going(output: Path | None, usual: str = "usual", *, slash: bool = False) -> Target:
    found = target(output, slash, usual)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("sentence", "name"),
    [
        ("A big, red heart!", "a-big-red-heart"),
        ("Ein großer Stern", "ein-großer-stern"),
        ("../../etc/passwd", "etc-passwd"),
        ("...", "picture"),
        ("x" * 80, "x" * 50),
        ("a " * 60, "-".join("a" * 25)),
    ],
)
def test_a_sentence_becomes_a_name_that_leads_nowhere_else(sentence, name):
    assert name_of(sentence) == name


def test_a_file_that_was_named_is_written_even_if_it_is_there():
    assert paths(going(Path("a/heart.png")), [".png"], lambda path: True) == [Path("a/heart.png")]


def test_several_are_numbered_and_spare_what_is_there():
    taken = {Path("heart-2.png")}
    assert paths(going(Path("heart.png")), [".png"] * 3, taken.__contains__) == [
        Path("heart-1.png"),
        Path("heart-3.png"),
        Path("heart-4.png"),
    ]


def test_a_name_of_our_own_spares_what_is_there():
    usual = going(None, "heart")
    assert paths(usual, [".png"], nothing) == [Path("heart.png")]
    taken = {Path("heart.png"), Path("heart-2.png")}
    assert paths(usual, [".png"], taken.__contains__) == [Path("heart-3.png")]
    assert paths(usual, [".png", ".webp"], taken.__contains__) == [Path("heart-1.png"), Path("heart-2.webp")]


def test_a_folder_takes_usual_names(tmp_path):
    for folder, slash in ((tmp_path, False), (tmp_path / "new", True)):
        assert paths(going(folder, slash=slash), [".png"], nothing) == [folder / "usual.png"]


@pytest.mark.parametrize("name", ["heart", "heart.bmp", "-", "heart.png.exe"])
def test_what_is_neither_folder_nor_picture_is_no_target(name):
    assert target(Path(name), False, "usual") is None
