"""Inputs that name uploaded files."""

import pytest

from gesso.errors import InvalidWorkflow
from gesso.workflows.catalog import Catalog
from gesso.workflows.uploads import file_inputs, folder_inputs, upload_checks, upload_inputs
from gesso.workflows.validate import validate

INFO = {
    "LoadImage": {
        "input": {"required": {"image": [["there.png"], {"image_upload": True}]}},
        "output": ["IMAGE"],
    },
    "LoadClip": {"input": {"optional": {"video": ["COMBO", {"video_upload": True}]}}, "output": ["IMAGE"]},
    "LoadLatent": {"input": {"required": {"latent": [[]]}}, "output": ["IMAGE"]},
    "Load3D": {"input": {"required": {"model_file": [[], {"file_upload": True}]}}, "output": ["IMAGE"]},
    "Off": {"input": {"required": {"image": [["x"], {"image_upload": False}]}}, "output": ["IMAGE"]},
    "Show": {"input": {"required": {"images": ["IMAGE"]}}, "output": [], "output_node": True},
}
CATALOG = Catalog(INFO)
SHOW = {"class_type": "Show", "inputs": {"images": ["1", 0]}}


def prompt(class_type, **inputs):
    return {"1": {"class_type": class_type, "inputs": inputs}, "2": SHOW}


def test_all_upload_inputs_are_found():
    graph = {
        "1": {"class_type": "LoadImage", "inputs": {"image": "sub/a.png [output]", "other": "b.png"}},
        "2": {"class_type": "LoadClip", "inputs": {"video": {"__value__": "c.mp4"}}},
        "3": {"class_type": "LoadImage", "inputs": {"image": ["1", 0]}},
        "4": {"class_type": "LoadLatent", "inputs": {"latent": "d.latent"}},
        "5": {"class_type": "Load3D", "inputs": {"model_file": "3d/e.glb"}},
        "6": {"class_type": "Off", "inputs": {"image": "f.png"}},
        "7": {"class_type": "Nowhere", "inputs": {"image": "g.png"}},
        "8": "h.png",
    }
    assert upload_inputs(graph, CATALOG) == [
        ("1", "image", "sub/a.png [output]"),
        ("2", "video", "c.mp4"),
        ("4", "latent", "d.latent"),
        ("5", "model_file", "3d/e.glb"),
    ]


@pytest.mark.parametrize(
    ("class_type", "name", "kind"),
    [
        ("LoadImage", "image", "image"),
        ("LoadClip", "video", "video"),
        ("LoadLatent", "latent", "latent"),
        ("Load3D", "model_file", "model"),
    ],
)
def test_a_file_is_good_if_it_exists_whatever_the_engines_list_says(class_type, name, kind):
    checks = upload_checks(CATALOG, {"mine.png"}.__contains__)
    assert validate(prompt(class_type, **{name: "mine.png"}), CATALOG, checks=checks).outputs == ["2"]
    with pytest.raises(InvalidWorkflow) as caught:
        validate(prompt(class_type, **{name: "there.png"}), CATALOG, checks=checks)
    (problem,) = caught.value.problems
    assert problem.kind == "custom_validation_failed"
    assert problem.details == f"{name} - Invalid {kind} file: there.png"


def test_an_optional_upload_may_be_left_out():
    assert validate(prompt("LoadClip"), CATALOG, checks=upload_checks(CATALOG, lambda name: False)).outputs


def test_inputs_that_take_no_upload_keep_their_list():
    assert set(upload_checks(CATALOG, bool)) == {"LoadImage", "LoadClip", "LoadLatent", "Load3D"}


def test_every_input_that_names_a_file_or_a_folder_is_known_whatever_its_value():
    info = {
        **INFO,
        "LoadImageSetFromFolderNode": {
            "input": {"required": {"folder": [["deep"], {}]}},
            "output": ["IMAGE"],
        },
        "LoadDirectory": {"input": {"required": {"directory": [["deep", "gesso"]], "mode": [["a", "b"]]}}},
    }
    graph = {
        "1": {"class_type": "LoadImage", "inputs": {"image": ["5", 0], "other": "b.png"}},
        "2": {"class_type": "LoadClip", "inputs": {}},
        "3": {"class_type": "LoadImageSetFromFolderNode", "inputs": {"folder": "deep"}},
        "4": {"class_type": "LoadDirectory", "inputs": {"directory": 7, "mode": "a"}},
        "5": "no node",
    }
    catalog = Catalog(info)
    assert list(file_inputs(graph, catalog)) == [("1", "image"), ("3", "folder"), ("4", "directory")]
    assert folder_inputs(graph, catalog) == [("3", "folder"), ("4", "directory")]
    assert upload_inputs(graph, catalog) == []


def test_checks_are_made_for_the_classes_of_a_prompt_alone():
    assert set(upload_checks(CATALOG, bool, prompt("LoadClip"))) == {"LoadClip"}
    assert upload_checks(CATALOG, bool, {"1": "no node"}) == {}
