"""What an engine said last about a job, in words."""

from typing import Any

import pytest

from gesso.jobs.last_words import last_words

PROMPT = {"3": {"class_type": "KSampler", "inputs": {}}}


@pytest.mark.parametrize(
    ("kind", "data", "words"),
    [
        ("progress", {"node": "3", "value": 5, "max": 20}, "step 5 of 20 of KSampler (node 3)"),
        ("executing", {"node": "3"}, "that it began KSampler (node 3)"),
        ("executed", {"node": "9"}, "that it was done with node 9"),
        ("execution_start", {}, "that it began the job"),
        (
            "progress_state",
            {"nodes": {"1": {"state": "finished"}, "3": {"state": "running", "value": 1.0, "max": 4.0}}},
            "step 1 of 4 of KSampler (node 3)",
        ),
        ("progress_state", {"nodes": {"1": {"state": "finished"}}}, "that a node was done"),
        ("progress_state", {"nodes": [7]}, "that a node was done"),
        ("progress", {"node": ["x"], "value": "many"}, "step ? of ? of node ['x']"),
        ("custom", {}, "'custom'"),
    ],
)
def test_last_message_is_told_in_words(kind: str, data: dict[str, Any], words: str) -> None:
    assert last_words(kind, data, PROMPT) == words
