"""The shapes of requests, queue items and history items."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gesso.errors import InvalidWorkflow
from gesso.protocol.comfyui import (
    PromptRequest,
    error_body,
    history_item,
    parse_prompt_request,
    queue_item,
    rewrite_prompt_id,
    strip_secrets,
)
from tests import recordings
from tests.unit.protocol.json_values import JSON, SCALARS

NO_PROMPT = error_body("no_prompt", "No prompt provided", "No prompt provided")
GRAPH: dict[str, Any] = {"1": {"class_type": "X", "inputs": {}}}
IDS = st.sampled_from(["old", "new", "other"])
MESSAGES = st.recursive(
    SCALARS | IDS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["prompt_id", "prompt", "old", "a"]), inner, max_size=4)
    ),
    max_leaves=20,
)


def refused(body: object) -> dict[str, Any]:
    with pytest.raises(InvalidWorkflow) as caught:
        parse_prompt_request(body)
    assert caught.value.status == 400
    return caught.value.body


def test_the_whole_request_is_read():
    body = {
        "prompt": GRAPH,
        "prompt_id": "p",
        "client_id": "c",
        "number": "3.5",
        "front": 1,
        "extra_data": {"a": 1},
        "partial_execution_targets": ["1", 2],
        "unknown": True,
    }
    assert parse_prompt_request(body) == PromptRequest(
        prompt=GRAPH,
        prompt_id="p",
        client_id="c",
        number=3.5,
        front=True,
        extra_data={"a": 1},
        targets=["1"],
    )


def test_all_but_the_prompt_may_be_left_out_or_null():
    absent = dict.fromkeys(
        ["prompt_id", "client_id", "number", "front", "extra_data", "partial_execution_targets"]
    )
    assert parse_prompt_request({"prompt": GRAPH, **absent}) == PromptRequest(prompt=GRAPH)
    assert parse_prompt_request({"prompt": GRAPH}) == PromptRequest(prompt=GRAPH)


def test_ids_that_are_numbers_become_text():
    request = parse_prompt_request({"prompt": GRAPH, "prompt_id": 5, "client_id": 7})
    assert (request.prompt_id, request.client_id) == ("5", "7")


@pytest.mark.parametrize("targets", ["1", ["1"], {"1": 0}], ids=json.dumps)
def test_targets_come_as_text_list_or_object(targets):
    request = parse_prompt_request({"prompt": GRAPH, "partial_execution_targets": targets})
    assert request.targets == ["1"]


@pytest.mark.parametrize("body", [{}, {"client_id": "x"}, [], "prompt", 4, None], ids=json.dumps)
def test_a_body_without_a_prompt_is_answered_as_comfyui_does(body):
    assert refused(body) == NO_PROMPT


def test_an_editor_workflow_as_body_is_told_so():
    body = refused({"nodes": [], "links": []})
    assert body["error"]["type"] == "no_prompt"
    assert "Export (API)" in body["error"]["details"]


@pytest.mark.parametrize(
    "body",
    [
        {"prompt": None},
        {"prompt": 5},
        {"prompt": [1]},
        {"prompt": "abc"},
        {"prompt": {}, "number": "x"},
        {"prompt": {}, "number": []},
        {"prompt": {}, "number": 10**400},
        {"prompt": {}, "number": "nan"},
        {"prompt": {}, "extra_data": []},
        {"prompt": {}, "client_id": {}},
        {"prompt": {}, "prompt_id": True},
        {"prompt": {}, "partial_execution_targets": 5},
    ],
    ids=lambda body: json.dumps(body)[:40],
)
def test_where_comfyui_stumbles_the_shape_is_still_its_own(body):
    answer = refused(body)
    assert answer["error"]["type"] == "invalid_prompt"
    assert set(answer["error"]) == {"type", "message", "details", "extra_info"}
    assert answer["node_errors"] == {}


@pytest.mark.parametrize("nothing", [[], ""], ids=json.dumps)
def test_an_empty_prompt_of_another_type_is_an_empty_prompt(nothing):
    assert parse_prompt_request({"prompt": nothing}).prompt == {}


@given(JSON, st.dictionaries(st.sampled_from(["prompt", "number", "front", "extra_data", "prompt_id"]), JSON))
def test_any_body_is_a_request_or_refused(anything, body):
    for candidate in (anything, body):
        try:
            assert isinstance(parse_prompt_request(candidate), PromptRequest)
        except InvalidWorkflow as error:
            assert error.body["error"]["message"]


def test_secrets_reach_neither_queue_nor_history():
    extra = {"auth_token_comfy_org": "s", "api_key_comfy_org": "s", "extra_pnginfo": {"a": 1}}
    item = queue_item(4, "p", GRAPH, extra, ["1"], client_id="c")
    assert item == [4, "p", GRAPH, {"extra_pnginfo": {"a": 1}, "client_id": "c"}, ["1"]]
    assert strip_secrets(extra) == {"extra_pnginfo": {"a": 1}}
    assert "auth_token_comfy_org" in extra


@recordings.requires_recordings
def test_history_items_are_built_as_recorded():
    run = recordings.load("run-client-chosen-prompt-id.json")
    ((prompt_id, recorded),) = run["http"][-1]["json"].items()
    number, _, prompt, extra, outputs = recorded["prompt"]
    item = queue_item(number, prompt_id, prompt, {}, outputs, client_id=extra["client_id"])
    status = recorded["status"]
    assert recorded == history_item(item, outputs=recorded["outputs"], meta=recorded["meta"], **status)


def test_a_history_item_by_hand():
    item = history_item(
        ["i"], outputs={"3": {}}, status_str="error", completed=False, messages=[["execution_start", {}]]
    )
    assert item == {
        "prompt": ["i"],
        "outputs": {"3": {}},
        "status": {"status_str": "error", "completed": False, "messages": [["execution_start", {}]]},
        "meta": {},
    }
    assert history_item([], outputs={}, status_str=None, completed=False, messages=[])["status"] is None


def test_a_history_answer_gets_the_other_id_everywhere():
    history = {
        "old": {
            "prompt": [1, "old", {"1": {"inputs": {"text": "old"}}}, {}, ["1"]],
            "status": {"messages": [["execution_start", {"prompt_id": "old"}]]},
        }
    }
    before = copy.deepcopy(history)
    rewritten = rewrite_prompt_id(history, "old", "new")
    assert list(rewritten) == ["new"]
    assert rewritten["new"]["prompt"] == [1, "new", {"1": {"inputs": {"text": "old"}}}, {}, ["1"]]
    assert rewritten["new"]["status"]["messages"] == [["execution_start", {"prompt_id": "new"}]]
    assert history == before


@given(MESSAGES)
def test_no_old_id_is_left_and_nothing_else_changes(value):
    before = copy.deepcopy(value)
    rewritten = rewrite_prompt_id(value, "old", "new")
    assert value == before
    assert '"prompt_id": "old"' not in json.dumps(rewritten)
    assert json.dumps(rewritten).count("other") == json.dumps(value).count("other")
    assert rewrite_prompt_id(value, "unheard of", "new") == value


@given(JSON)
def test_where_the_id_is_not_the_copy_is_equal(value):
    assert rewrite_prompt_id(value, "no such id", "new") == value


def test_deep_values_do_not_overflow():
    value: Any = "x"
    for _ in range(5000):
        value = {"prompt_id": "old", "a": [value]}
    rewritten = rewrite_prompt_id(value, "old", "new")
    for _ in range(5000):
        assert rewritten["prompt_id"] == "new"
        (rewritten,) = rewritten["a"]
    assert rewritten == "x"
