"""Workflows as a client loads and changes them."""

import json

import pytest

from gesso.client.workflow import Workflow
from gesso.errors import InvalidWorkflow, RequestError

PROMPT = {
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a cat", "clip": ["4", 1]}},
    "3": {"class_type": "KSampler", "inputs": {"steps": 20}},
}
EDITOR = {"nodes": [{"id": 1, "type": "SaveImage"}], "links": [], "version": 0.4}


def test_a_workflow_is_a_copy_of_what_it_was_made_from():
    given = json.loads(json.dumps(PROMPT))
    workflow = Workflow(given)
    workflow.set("6.text", "a dog").prompt["6"]["inputs"]["text"] = "a bird"
    assert given == PROMPT
    assert workflow.prompt["6"]["inputs"]["text"] == "a dog"


def test_setting_keeps_the_type_that_was_there():
    assert Workflow(PROMPT).set("3.steps", "30").prompt["3"]["inputs"]["steps"] == 30


@pytest.mark.parametrize("path", ["9.text", "6", "", "6.", ".text"])
def test_setting_what_is_not_there_is_refused(path):
    with pytest.raises(RequestError):
        Workflow(PROMPT).set(path, "x")


def test_the_editors_format_is_refused_with_how_to_export():
    with pytest.raises(InvalidWorkflow) as caught:
        Workflow(EDITOR)
    assert "Export (API)" in caught.value.remedy


@pytest.mark.parametrize("body", [{}, {"a": 1}, {"prompt": "a cat"}, {"1": {"inputs": {}}}])
def test_what_is_no_workflow_is_refused(body):
    with pytest.raises(InvalidWorkflow):
        Workflow(body)


def test_the_body_of_a_request_is_taken_for_the_workflow_in_it():
    assert Workflow({"prompt": PROMPT, "client_id": "x"}).prompt == PROMPT


def test_it_shows_what_it_is():
    assert repr(Workflow(PROMPT)) == "<Workflow of 2 nodes: CLIPTextEncode, KSampler>"
