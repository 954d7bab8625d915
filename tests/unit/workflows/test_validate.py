"""Our judgement of workflows against what a real ComfyUI 0.3.64 answered."""

import json
from pathlib import Path
from typing import Any

import pytest

from gesso.errors import InvalidWorkflow
from gesso.workflows.catalog import Catalog
from gesso.workflows.validate import Check, problems, validate
from tests import recordings
from tests.unit.workflows.answers import answer, comparable

FACTS = json.loads((Path(__file__).parent / "facts.json").read_text(encoding="utf-8"))
CATALOG = Catalog(FACTS["object_info"])
RECORDED = recordings.load_or("invalid-prompts.json", {})


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


def empty(**inputs: Any) -> dict[str, Any]:
    return node("EmptyImage", **{"width": 8, "height": 8, "batch_size": 1, "color": 0, **inputs})


def preview(source: str = "1") -> dict[str, Any]:
    return node("PreviewImage", images=[source, 0])


def refused(prompt: object, **options: Any) -> InvalidWorkflow:
    with pytest.raises(InvalidWorkflow) as caught:
        validate(prompt, CATALOG, **options)
    return caught.value


@pytest.mark.parametrize("case", FACTS["cases"])
def test_answers_as_the_real_one_did(case):
    fact = FACTS["cases"][case]
    status, body = answer(fact["request"], CATALOG)
    assert status == fact["status"]
    assert comparable(body) == comparable(fact["answer"])


@pytest.fixture(scope="module")
def recorded_catalog():
    return Catalog(recordings.load("object_info.json"))


@recordings.requires_recordings
@pytest.mark.parametrize("case", RECORDED)
def test_answers_as_recorded(case, recorded_catalog):
    fact = RECORDED[case]
    status, body = answer(fact["request"], recorded_catalog)
    assert status == fact["status"]
    assert comparable(body) == comparable(fact["json"])


@recordings.requires_recordings
def test_all_sixteen_recorded_cases_are_there():
    assert len(RECORDED) == 16


def test_outputs_and_errors_come_in_the_prompts_order():
    prompt = {"9": preview("8"), "3": node("PreviewImage"), "8": empty(), "2": preview("8")}
    validated = validate(prompt, CATALOG)
    assert validated.outputs == ["9", "2"]
    assert list(validated.node_errors) == ["3"]


def test_every_bad_node_known_so_far_counts_as_the_outputs():
    body = refused({"1": node("PreviewImage"), "2": node("PreviewAny")}).body
    blamed = {key: entry["dependent_outputs"] for key, entry in body["node_errors"].items()}
    assert blamed == {"1": ["1", "2"], "2": ["2"]}
    assert body["error"]["details"].splitlines() == [
        "Required input is missing: images",
        "Required input is missing: source",
    ]


def test_values_are_converted_in_a_copy():
    prompt = {"1": empty(width="8", color=True, height={"__value__": 9.7}), "2": preview()}
    before = json.dumps(prompt)
    validated = validate(prompt, CATALOG)
    assert validated.prompt["1"]["inputs"] == {"width": 8, "height": 9, "batch_size": 1, "color": 1}
    assert json.dumps(prompt) == before


def chain(length: int, **first: Any) -> dict[str, Any]:
    """Nodes "0" to `length` - 1, each of which takes what the one before gives."""
    inverted = {str(number): node("ImageInvert", image=[str(number - 1), 0]) for number in range(1, length)}
    return {"0": empty(**first), **inverted}


def test_a_chain_of_some_hundred_nodes_is_fine():
    assert validate({**chain(700), "end": preview("699")}, CATALOG).outputs == ["end"]


def test_a_fault_at_the_far_end_of_a_long_chain_is_found():
    assert list(refused({**chain(5000, width=0), "end": preview("4999")}).body["node_errors"]) == ["0"]


def nested(depth: int) -> Any:
    value: Any = 1
    for level in range(depth):
        value = {"in": value} if level % 2 else [value]
    return value


@pytest.mark.parametrize(
    ("fatal", "at"),
    [
        ({"2": node("PreviewImage", images=["1", 0], more=["77", 0])}, "2"),
        ({"1": empty(more=["3", 0]), "3": node("ImageInvert", more=["77", 0])}, "3"),
        ({"3": {"class_type": "ImageInvert"}}, "3"),
        ({"3": {"class_type": "ImageInvert", "inputs": ["1"]}}, "3"),
        ({"3": {"class_type": "PreviewImage"}}, "3"),
        ({"1": empty(more=nested(401))}, "1"),
        ({"3": node("ImageInvert", image=nested(900))}, "3"),
        ({**chain(1101), "end": preview("1100")}, "800"),
        ({**chain(1101), "source": empty(), "end": preview("source")}, "800"),
        ({**chain(1101), "0": node("ImageInvert", image=["1100", 0]), "a": empty(), "b": preview("a")}, None),
    ],
)
def test_what_would_end_the_thread_that_executes_in_comfyui_is_refused(fatal, at):
    """All of these 0.3.64 answers with 200; then it answers for ever, and executes no prompt any more."""
    error = refused({"1": empty(), "2": preview(), **fatal}).body["error"]
    assert error["type"] == "invalid_prompt"
    assert at is None or error["details"] == f"Node ID '#{at}'"


@pytest.mark.parametrize(
    "harmless",
    [
        {"3": node("ImageInvert", image=["77", 0])},
        {"3": node("ImageInvert", image=["3", 0])},
        {"1": empty(more=["1", 9], other=nested(400), third=nested(399))},
        {str(number): empty() for number in range(3, 2000)},
    ],
)
def test_what_comfyui_survives_is_taken(harmless):
    assert validate({"1": empty(), "2": preview(), **harmless}, CATALOG).outputs == ["2"]


def test_a_node_many_others_use_is_judged_once():
    asked = []

    def note(inputs):
        asked.append(inputs["width"])
        return True

    check = Check(inputs=("width",), function=note)
    prompt = {"0": empty()}
    for number in range(1, 40):
        source = [str(number - 1), 0]
        prompt[str(number)] = node("ImageCompositeMasked", destination=source, source=source, x=0, y=0)
        prompt[str(number)]["inputs"]["resize_source"] = False
    prompt["end"] = preview("39")
    assert validate(prompt, CATALOG, checks={"EmptyImage": check}).outputs == ["end"]
    assert asked == [8]


@pytest.mark.parametrize(
    "prompt",
    [None, 5, True, [1], "abc", {"1": None}, {"1": 3}, {"1": {"class_type": [], "inputs": {}}}],
    ids=json.dumps,
)
def test_what_makes_comfyui_stumble_is_refused_in_the_same_shape(prompt):
    body = refused(prompt).body
    assert body["error"]["type"] == "invalid_prompt"
    assert body["error"]["message"]
    assert set(body["error"]) == {"type", "message", "details", "extra_info"}
    assert body["node_errors"] == {}


@pytest.mark.parametrize("extra", [{"links": []}, {"links": {}, "version": 1}, {"last_node_id": 3}])
def test_the_editor_format_is_named_with_the_way_out(extra):
    error = refused({"nodes": [{"id": 1, "type": "EmptyImage"}], **extra})
    assert "editor format" in error.message
    assert "Export (API)" in error.message
    assert "Export (API)" in error.body["error"]["message"]


@pytest.mark.parametrize(("value", "shown"), [(float("inf"), "inf"), (float("nan"), "nan")])
def test_numbers_json_cannot_carry_are_told_as_text(value, shown):
    body = refused({"1": empty(width=value), "2": preview()}).body
    (reason,) = body["node_errors"]["1"]["errors"]
    assert reason["extra_info"]["received_value"] == shown
    json.dumps(body, allow_nan=False)


def test_a_check_takes_over_range_and_list_but_not_conversion():
    check = Check(inputs=("width", "nope"), optional=("nope",), function=lambda inputs: inputs["width"] == 0)
    prompt = {"1": empty(width="0"), "2": preview()}
    assert validate(prompt, CATALOG, checks={"EmptyImage": check}).outputs == ["2"]
    error = refused({"1": empty(width="x"), "2": preview()}, checks={"EmptyImage": check})
    kinds = [problem.kind for problem in error.problems]
    assert kinds == ["invalid_input_type", "custom_validation_failed"]


def test_a_check_that_says_false_gives_only_the_name():
    check = Check(inputs=None, function=lambda inputs: False)
    error = refused({"1": node("PreviewAny", source=1)}, checks={"PreviewAny": check})
    assert [problem.details for problem in error.problems] == ["source"]


def test_a_check_without_its_arguments_fails_as_python_does():
    check = Check(inputs=("width", "height", "color"), function=lambda inputs: True)
    prompt = {"1": node("EmptyImage", batch_size=1), "2": preview()}
    (problem,) = refused(prompt, checks={"EmptyImage": check}).problems
    words = "missing 3 required positional arguments: 'width', 'height', and 'color'"
    assert problem.details == f"EmptyImage.VALIDATE_INPUTS() {words}"


def test_a_check_that_raises_is_the_nodes_fault():
    def check(inputs):
        raise ValueError("no such folder")

    catalog_check = Check(inputs=("source",), function=check)
    (problem,) = refused({"1": node("PreviewAny", source=1)}, checks={"PreviewAny": catalog_check}).problems
    assert (problem.kind, problem.details) == ("exception_during_validation", "no such folder")


def test_anything_fits_a_star_and_unions_overlap():
    info = {
        "Star": {"input": {}, "output": ["*", "A,B"], "output_node": False},
        "Out": {"input": {"required": {"a": ["B, C"], "b": ["D"]}}, "output": [], "output_node": True},
    }
    star = node("Star")
    good = {"1": star, "2": node("Out", a=["1", 1], b=["1", 0])}
    assert validate(good, Catalog(info)).outputs == ["2"]
    with pytest.raises(InvalidWorkflow) as caught:
        validate({"1": star, "2": node("Out", a=["1", 0], b=["1", 1])}, Catalog(info))
    (problem,) = caught.value.problems
    assert problem.details == "b, received_type(A,B) mismatch input_type(D)"


def test_problems_are_the_body_typed():
    error = refused({"1": empty(width=0), "2": preview()})
    (problem,) = error.problems
    assert (problem.node, problem.class_type, problem.input) == ("1", "EmptyImage", "width")
    assert problem.message == "Value 0 smaller than min of 1"
    assert "node '1' (EmptyImage): Value 0 smaller than min of 1: width" in error.message
    assert error.problems == problems(error.body)


@pytest.mark.parametrize(
    "body",
    [{}, {"node_errors": None}, {"node_errors": {"1": None}}, {"node_errors": {"1": {"errors": [3, {}]}}}],
    ids=json.dumps,
)
def test_problems_pass_over_what_is_no_body_of_comfyui(body):
    assert all(problem.node == "1" for problem in problems(body))
