"""What we read from object_info, however its author wrote it."""

import pytest

from gesso.workflows.catalog import Catalog
from tests import recordings


def test_required_inputs_come_before_optional_ones():
    info = {"A": {"input": {"optional": {"o": ["INT"]}, "required": {"r": [["x", "y"], {"default": "x"}]}}}}
    node = Catalog(info).node("A")
    assert node is not None
    assert [(spec.name, spec.required) for spec in node.inputs.values()] == [("r", True), ("o", False)]
    assert node.inputs["r"].options == {"default": "x"}
    assert node.inputs["o"].options == {}


def test_choices_have_an_old_form_and_a_new_one():
    inputs = {"old": [["a"]], "new": ["COMBO", {"options": ["b"]}], "remote": ["COMBO", {}], "no": ["INT"]}
    node = Catalog({"A": {"input": {"required": inputs}}}).node("A")
    assert node is not None
    assert [spec.choices for spec in node.inputs.values()] == [["a"], ["b"], None, None]


def test_an_unknown_class_is_none():
    assert Catalog({}).node("A") is None


@pytest.mark.parametrize(
    "info",
    [
        {},
        {"input": None, "output": None},
        {"input": {"required": None, "optional": []}},
        {"input": {"required": {"a": "INT", "b": [], "c": None, "d": ["INT", None]}}},
    ],
    ids=["nothing", "nulls", "no sections", "odd inputs"],
)
def test_odd_classes_are_read_as_far_as_they_go(info):
    node = Catalog({"A": info}).node("A")
    assert node is not None
    assert not node.is_output
    assert all(spec.options == {} for spec in node.inputs.values())


@recordings.requires_recordings
def test_every_recorded_class_is_read():
    catalog = Catalog(recordings.load("object_info.json"))
    nodes = [catalog.node(name) for name in catalog.raw]
    assert sum(node is not None and node.is_output for node in nodes) == 30
    newer = catalog.node("ImageBlend")
    older = catalog.node("SaveImage")
    assert newer is not None and newer.is_v3
    assert older is not None and not older.is_v3
