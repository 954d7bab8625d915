"""Names of files: nothing leads outside, numbering finds free names, files in outputs are found."""

import copy
import posixpath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gesso.errors import RequestError
from gesso.protocol.files import (
    FileRef,
    map_output_files,
    may_become,
    next_name,
    next_output_name,
    output_files,
    parse_annotated,
    safe_name,
    safe_subfolder,
)
from tests import recordings
from tests.unit.protocol.json_values import JSON

NASTY = st.lists(
    st.sampled_from(["/", "\\", ".", "..", ":", "C", "\0", "\n", "a", " ", "~", "%2e", "[output]", "é"])
    | st.characters(),
    max_size=12,
).map("".join)
ROOT = "/base/folder"


def inside(path: str) -> bool:
    return posixpath.normpath(path).startswith(ROOT + "/") and "\0" not in path


@given(NASTY, NASTY)
def test_no_name_and_no_folder_leads_outside(folder, name):
    try:
        subfolder, filename = safe_subfolder(folder), safe_name(name)
    except RequestError as error:
        assert error.status == 400
        return
    path = posixpath.join(ROOT, subfolder, filename)
    assert inside(path)
    assert posixpath.basename(posixpath.normpath(path)) == filename
    assert safe_subfolder(subfolder) == subfolder
    assert "\\" not in path
    path.encode()


@given(NASTY)
def test_no_annotated_name_leads_outside(name):
    try:
        ref = parse_annotated(name)
    except RequestError:
        return
    assert inside(posixpath.join(ROOT, ref.subfolder, ref.filename))
    assert ref.type in ("input", "output", "temp")


@pytest.mark.parametrize("name", ["red.png", "a b (1).png", ".hidden", "c..d", "é.png", "%2e%2e", "x" * 255])
def test_usual_names_are_fine(name):
    assert safe_name(name) == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "/a", "a\\b", "C:a", "a\0", "a\nb", "\x7f", "\ud800", "x" * 256, "é" * 128]
)
def test_names_that_are_more_than_a_name_are_refused(name):
    with pytest.raises(RequestError):
        safe_name(name)


@pytest.mark.parametrize(
    ("folder", "plain"),
    [("", ""), (".", ""), ("a", "a"), ("a/b", "a/b"), ("a//b/", "a/b"), ("./a/./b", "a/b"), ("a.b", "a.b")],
)
def test_folders_get_their_plain_form(folder, plain):
    assert safe_subfolder(folder) == plain


@pytest.mark.parametrize("folder", ["..", "a/../..", "a/..", "/a", "/", "a\\b", "..\\a", "C:/a", "a/\0"])
def test_folders_that_could_lead_outside_are_refused(folder):
    with pytest.raises(RequestError):
        safe_subfolder(folder)


@pytest.mark.parametrize(
    ("name", "taken", "expected"),
    [
        ("red.png", [], "red.png"),
        ("red.png", ["red.png"], "red (1).png"),
        ("red.png", ["red.png", "red (1).png"], "red (2).png"),
        ("a.tar.gz", ["a.tar.gz"], "a.tar (1).gz"),
        (".hidden", [".hidden"], ".hidden (1)"),
    ],
)
def test_uploads_are_numbered_as_comfyui_does(name, taken, expected):
    assert next_name(name, taken.__contains__) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("plain_00001_.png", "plain_00002_.png"),
        ("plain_00009_.png", "plain_00010_.png"),
        ("plain_99999_.png", "plain_100000_.png"),
        ("a_00007_b_00001_.webm", "a_00007_b_00002_.webm"),
        ("clip_00003.mp4", "clip_00004.mp4"),
        ("clip_00003-audio.mp4", "clip_00004-audio.mp4"),
        ("shot_20240102.png", "shot_20240102 (1).png"),
        ("plain.png", "plain (1).png"),
    ],
)
def test_outputs_take_the_next_counter(name, expected):
    assert next_output_name(name, {name}.__contains__) == expected
    assert next_output_name(name, set().__contains__) == name


@given(
    st.sampled_from(["a.png", "a_00001_.png", "a_00005_.png"]),
    st.sets(st.integers(0, 40)),
    st.sampled_from([next_name, next_output_name]),
)
def test_a_new_name_is_never_taken(name, numbers, function):
    taken = {"a.png", "a_00001_.png"}
    taken |= {form for n in numbers for form in (f"a ({n}).png", f"a_{n:05}_.png", f"a_00005_ ({n}).png")}
    assert function(name, taken.__contains__) not in taken


@pytest.mark.parametrize(
    ("name", "other", "expected"),
    [
        ("a_00001_.png", "a_00002_.png", True),
        ("a_99999_.png", "a_100000_.png", True),
        ("a_00002_.png", "a_00001_.png", False),
        ("a_00001_.png", "a_00001_.png", False),
        ("a_00001_.png", "a_b_00002_.png", False),
        ("a_00001_.png", "a_00002_.webp", False),
        ("a_00001_.png", "a_00001_ (3).png", True),
        ("a.png", "a (12).png", True),
        ("a.png", "a (012).png", False),
        ("a.png", "a.png", False),
        ("a.png", "a (1).jpg", False),
    ],
)
def test_names_that_a_taken_one_may_become_are_known_again(name, other, expected):
    assert may_become(name, other) is expected


def test_a_full_folder_is_not_asked_name_by_name():
    asked = []

    def taken(name):
        asked.append(name)
        return int(name[2:7]) <= 50_000

    assert next_output_name("a_00001_.png", taken) == "a_50001_.png"
    assert len(asked) < 50


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("x.png", FileRef(filename="x.png")),
        ("x.png [output]", FileRef(filename="x.png", type="output")),
        ("sub/x.png [temp]", FileRef(filename="x.png", subfolder="sub", type="temp")),
        ("a/b/x.png [input]", FileRef(filename="x.png", subfolder="a/b")),
        ("x [nope].png", FileRef(filename="x [nope].png")),
        ("x.png[output]", FileRef(filename="x.pn", type="output")),
    ],
)
def test_annotated_names_are_read(name, expected):
    assert parse_annotated(name) == expected


@pytest.mark.parametrize("name", ["", "[output]", "/x.png", "../x.png", "sub/", "a/../x.png [temp]"])
def test_annotated_names_that_name_no_file_are_refused(name):
    with pytest.raises(RequestError):
        parse_annotated(name)


def test_files_are_found_in_any_list_of_any_node():
    image = {"filename": "a.png", "subfolder": "s", "type": "temp"}
    clip = {
        "filename": "b.mp4",
        "subfolder": "",
        "type": "output",
        "fullpath": "/disk/b.mp4",
        "frame_rate": 8,
    }
    outputs: dict[str, Any] = {
        "3": {"images": [image, image], "animated": [True]},
        "4": {"gifs": [clip], "text": ["filename"], "odd": [{"filename": 5}, {"filename": ""}]},
        "5": {"deep": {"er": [[{"filename": "c.glb"}]]}, "images": [{"filename": "d", "type": "elsewhere"}]},
    }
    before = copy.deepcopy(outputs)
    assert output_files(outputs) == [
        FileRef(filename="a.png", subfolder="s", type="temp"),
        FileRef(filename="b.mp4", type="output"),
        FileRef(filename="c.glb", type="output"),
    ]
    mapped = map_output_files(
        outputs, lambda ref: FileRef(filename=f"my-{ref.filename}", subfolder="", type=ref.type)
    )
    assert outputs == before
    assert mapped["3"]["images"][0] == {"filename": "my-a.png", "subfolder": "", "type": "temp"}
    assert mapped["4"]["gifs"] == [
        {"filename": "my-b.mp4", "subfolder": "", "type": "output", "frame_rate": 8}
    ]
    assert mapped["4"]["text"] == ["filename"]
    assert mapped["5"]["images"] == outputs["5"]["images"]


@given(st.dictionaries(st.text(max_size=3), JSON))
def test_outputs_without_files_are_copied_as_they_are(outputs):
    assert output_files(outputs) == []
    assert map_output_files(outputs, lambda ref: ref) == outputs


@recordings.requires_recordings
def test_recorded_outputs_are_found():
    run = recordings.load("run-client-chosen-prompt-id.json")
    (item,) = run["http"][-1]["json"].values()
    assert [(ref.subfolder, ref.type) for ref in output_files(item["outputs"])] == [
        ("sub", "output"),
        ("", "temp"),
    ]
