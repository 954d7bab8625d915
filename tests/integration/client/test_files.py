"""Workflows and pictures, read from files."""

import json

import pytest

from gesso.client.upload import opened
from gesso.client.workflow import Workflow
from gesso.errors import InvalidWorkflow, RequestError
from tests.unit.client.test_workflow import EDITOR, PROMPT


def test_a_file_is_loaded_with_or_without_byte_order_mark(tmp_path):
    file = tmp_path / "w.json"
    for start in (b"", b"\xef\xbb\xbf"):
        file.write_bytes(start + json.dumps(PROMPT).encode())
        assert Workflow.load(file).prompt == PROMPT


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"\xff\xfe\x00", b'"text"', json.dumps(EDITOR).encode()]
)
def test_a_file_that_is_no_workflow_is_named(tmp_path, content):
    file = tmp_path / "w.json"
    file.write_bytes(content)
    with pytest.raises(InvalidWorkflow, match=r"w\.json"):
        Workflow.load(file)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InvalidWorkflow, match=r"none\.json.*No such file"):
        Workflow.load(tmp_path / "none.json")


def test_a_missing_picture_is_named():
    with pytest.raises(RequestError, match=r"'no/such\.png' cannot be read"):
        opened("no/such.png")
