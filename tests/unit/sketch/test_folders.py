"""Where files go, how they are numbered, and that no name leads outside."""

import re
from pathlib import Path

import pytest

from gesso.errors import RequestError
from gesso.sketch.folders import Folders


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path / "made")


def test_folders_are_made(folders: Folders) -> None:
    made = [path.name for path in folders.directory.iterdir()]
    assert sorted(made) == ["input", "models", "output", "temp", "user"]


def test_numbers_start_at_one_and_count_on_from_the_highest(folders: Folders) -> None:
    assert folders.save_path("a").counter == 1
    for name in ("a_00002_.png", "a_00007_.webp", "ab_00050_.png", "a_b_00060_.png", "a.png", "a_x_.png"):
        (folders.output / name).touch()
    assert folders.save_path("a").counter == 8
    assert folders.save_path("a_b").counter == 61


def test_prefix_with_folders_is_split(folders: Folders) -> None:
    place = folders.save_path("x/../sub//deep/name")
    assert (place.subfolder, place.stem, place.directory) == (
        "sub/deep",
        "name",
        folders.output / "sub" / "deep",
    )
    assert place.directory.is_dir()


def test_size_and_date_go_into_the_name(folders: Folders) -> None:
    stem = folders.save_path("%width%x%height%-%year%%month%%day%-%hour%%minute%%second%", width=3, height=4)
    assert re.fullmatch(r"3x4-\d{8}-\d{6}", stem.stem)


@pytest.mark.parametrize("prefix", ["../x", "a/../../x", "/etc/x", "x\0y/z"])
def test_prefix_that_leads_outside_is_refused(folders: Folders, prefix: str) -> None:
    with pytest.raises(RequestError, match="leads outside the output folder"):
        folders.save_path(prefix)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("x.png", "input/x.png"),
        ("sub/x.png [output]", "output/sub/x.png"),
        ("x.png [temp]", "temp/x.png"),
        ("x.png[input]", "input/x.png"),
        ("x [1].png", "input/x [1].png"),
    ],
)
def test_annotation_chooses_the_folder(folders: Folders, name: str, place: str) -> None:
    assert folders.annotated(name) == folders.directory / place


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x [temp]", "x\0.png"])
def test_annotated_name_that_leads_outside_is_refused(folders: Folders, name: str) -> None:
    with pytest.raises(RequestError):
        folders.annotated(name)


def test_link_that_leads_outside_is_refused(folders: Folders, tmp_path: Path) -> None:
    (folders.input / "out").symlink_to(tmp_path)
    with pytest.raises(RequestError):
        folders.annotated("out/secret.txt")


def test_unknown_type_is_refused(folders: Folders) -> None:
    with pytest.raises(RequestError, match="'models'"):
        folders.of_type("models")


def test_pictures_are_chosen_by_their_ending(folders: Folders) -> None:
    for name in ("b.png", "a.jpg", "notes.txt", "c.webp"):
        (folders.input / name).touch()
    (folders.input / "sub.png").mkdir()
    assert folders.pictures() == ["a.jpg", "b.png", "c.webp"]
    assert folders.files() == ["a.jpg", "b.png", "c.webp", "notes.txt"]


def test_clear_temp_leaves_an_empty_folder(folders: Folders) -> None:
    (folders.temp / "x.png").touch()
    folders.clear_temp()
    assert list(folders.temp.iterdir()) == []
