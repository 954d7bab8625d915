"""Listings of a user's files, as ComfyUI makes them."""

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gesso.errors import Forbidden, NotFound, RequestError
from gesso.protocol.userdata import UserFile, file_info, list_userdata, list_userdata_v2, safe_path


def entry(path: str) -> UserFile:
    return UserFile(path=path, size=len(path), modified=2.5, created=1.5)


FILES = [
    entry(path)
    for path in [
        "comfy.settings.json",
        "workflows/.index.json",
        "workflows/b.json",
        "workflows/A.json",
        "workflows/deep/er/c.json",
        "workflows/.git/config",
        "workflows2/d.json",
    ]
]


def test_a_folder_lists_its_own_visible_files():
    assert list_userdata(FILES, "workflows") == ["A.json", "b.json"]
    assert list_userdata(FILES, "workflows/") == ["A.json", "b.json"]
    assert list_userdata(FILES, ".") == ["comfy.settings.json"]


def test_recursion_goes_down_but_not_into_hidden_folders():
    assert list_userdata(FILES, "workflows", recurse=True) == ["A.json", "b.json", "deep/er/c.json"]


def test_a_hidden_folder_can_be_asked_for_by_name():
    assert list_userdata(FILES, "workflows/.git") == ["config"]


def test_split_gives_the_path_and_its_parts():
    listed = list_userdata(FILES, "workflows", recurse=True, split=True)
    assert listed[-1] == ["deep/er/c.json", "deep", "er", "c.json"]


def test_full_info_goes_before_split():
    listed = list_userdata(FILES, "workflows/deep", recurse=True, full_info=True, split=True)
    assert listed == [{"path": "er/c.json", "size": 24, "modified": 2.5, "created": 1.5}]


@pytest.mark.parametrize(
    ("folder", "error", "text"),
    [
        ("", RequestError, "Directory not provided"),
        ("nope", NotFound, "Directory not found"),
        ("workflows/b.json", NotFound, "Directory not found"),
        ("..", Forbidden, "Invalid directory"),
        ("%2e%2e/x", Forbidden, "Invalid directory"),
    ],
)
def test_folders_that_cannot_be_listed(folder, error, text):
    with pytest.raises(error) as caught:
        list_userdata(FILES, folder)
    assert caught.value.message == text


def test_a_new_user_has_an_empty_root():
    assert list_userdata([], ".") == []
    assert list_userdata_v2([]) == []


def test_v2_lists_all_below_folders_first():
    listed = list_userdata_v2(FILES, "workflows")
    assert [(item["type"][0], item["name"], item["path"]) for item in listed] == [
        ("d", ".git", "workflows/.git"),
        ("d", "deep", "workflows/deep"),
        ("d", "er", "workflows/deep/er"),
        ("f", ".index.json", "workflows/.index.json"),
        ("f", "A.json", "workflows/A.json"),
        ("f", "b.json", "workflows/b.json"),
        ("f", "c.json", "workflows/deep/er/c.json"),
        ("f", "config", "workflows/.git/config"),
    ]
    assert listed[0] == {"name": ".git", "path": "workflows/.git", "type": "directory"}
    assert listed[-1] == {
        "name": "config",
        "path": "workflows/.git/config",
        "type": "file",
        "size": 21,
        "modified": 2.5,
    }
    assert len(list_userdata_v2(FILES)) == len(FILES) + 5


@pytest.mark.parametrize(
    ("path", "error", "text"),
    [
        ("../x", RequestError, "Invalid path requested"),
        ("nope", NotFound, "Requested path not found"),
        ("workflows/b.json", RequestError, "Requested path is not a directory"),
    ],
)
def test_v2_paths_that_cannot_be_listed(path, error, text):
    with pytest.raises(error) as caught:
        list_userdata_v2(FILES, path)
    assert (type(caught.value), caught.value.message) == (error, text)


def test_file_info_is_seen_from_a_folder():
    assert file_info(FILES[2])["path"] == "workflows/b.json"
    assert file_info(FILES[2], "workflows")["path"] == "b.json"


@pytest.mark.parametrize(
    ("path", "plain"),
    [("workflows%2Fmine.json", "workflows/mine.json"), ("50% off.json", "50% off.json"), ("a//b", "a/b")],
)
def test_paths_are_decoded_once_more(path, plain):
    assert safe_path(path) == plain


@given(st.text(st.sampled_from("./\\%2eE5cfF0aC:\0") | st.characters(), max_size=15))
def test_no_path_leaves_the_users_folder(path):
    try:
        plain = safe_path(path)
    except Forbidden as error:
        assert error.status == 403
        return
    assert posixpath.normpath(posixpath.join("/user", plain)).startswith("/user")
    assert not plain.startswith("/")
    assert ".." not in plain.split("/")
