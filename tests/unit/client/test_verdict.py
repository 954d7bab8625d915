"""What a history item says about its job."""

import pytest

from gesso import errors
from gesso.client import verdict


def item(status_str="success", messages=(), outputs=None):
    status = {"status_str": status_str, "completed": status_str == "success", "messages": list(messages)}
    return {"prompt": [0, "j", {}, {}, []], "outputs": outputs or {}, "status": status, "meta": {}}


FAILED = [
    "execution_error",
    {
        "prompt_id": "j",
        "node_id": "1",
        "node_type": "RegexReplace",
        "exception_message": "missing ), unterminated subpattern at position 0\n",
        "exception_type": "re.error",
        "traceback": ["  File a\n"],
    },
]


def test_success_is_no_failure():
    assert verdict.failure("j", item()) is None
    assert verdict.failure("j", {"outputs": {}}) is None  # ComfyUI before it kept a status


def test_an_error_counts_though_the_status_says_success():
    """ComfyUI 0.3.64 gives a prompt that runs in a circle the status of the one before it."""
    assert isinstance(verdict.failure("j", item("success", [FAILED])), errors.ExecutionFailed)


def test_a_node_that_raised_is_named():
    error = verdict.failure("j", item("error", [["execution_start", {}], FAILED]))
    assert isinstance(error, errors.ExecutionFailed)
    assert error.failure == errors.NodeFailure(
        node="1",
        class_type="RegexReplace",
        exception_type="re.error",
        message="missing ), unterminated subpattern at position 0",
        traceback=("  File a\n",),
    )
    assert "'1' (RegexReplace)" in str(error) and "re.error" in str(error)


@pytest.mark.parametrize(
    ("code", "kind"),
    [("job_lost", errors.JobLost), ("disk_full", errors.DiskFull), ("no_engine", errors.NoEngine)],
)
def test_what_failed_on_gessos_own_side_keeps_its_name_and_remedy(code, kind):
    told = {"exception_type": f"gesso.{code}", "exception_message": "What.\nDo this.", "node_id": None}
    error = verdict.failure("j", item("error", [["execution_error", told]]))
    assert type(error) is kind and (error.message, error.remedy) == ("What.", "Do this.")


def test_an_interrupted_job_was_cancelled():
    error = verdict.failure("j", item("error", [["execution_interrupted", {"node_id": "1"}]]))
    assert type(error) is errors.JobCancelled


@pytest.mark.parametrize("messages", [(), ["x"], [["execution_error"]], [["execution_error", None]]])
def test_a_failure_without_a_reason_is_still_a_failure(messages):
    assert type(verdict.failure("j", item("error", messages))) is errors.ExecutionFailed


def test_files_of_all_kinds_are_found_with_their_nodes():
    outputs = {
        "3": {"images": [{"filename": "a.png", "subfolder": "sub", "type": "output"}]},
        "4": {"gifs": [{"filename": "b.mp4", "subfolder": "", "type": "temp"}], "animated": [True]},
        "5": {"text": ["hello"]},
    }
    found = [
        (node, ref.filename, ref.subfolder, ref.type) for node, ref in verdict.files(item(outputs=outputs))
    ]
    assert found == [("3", "a.png", "sub", "output"), ("4", "b.mp4", "", "temp")]
    assert verdict.texts(item(outputs=outputs)) == {"5": ("hello",)}


def test_times_are_in_seconds():
    messages = [
        ["execution_start", {"timestamp": 1795225188570}],
        ["execution_success", {"timestamp": 1795225188580}],
    ]
    assert verdict.times(item(messages=messages)) == [1795225188.570, 1795225188.580]
    assert verdict.times({}) == []


def test_a_job_that_is_nowhere_was_cancelled_only_if_we_cancelled_it():
    assert type(verdict.gone("j", cancelled=True)) is errors.JobCancelled
    assert type(verdict.gone("j", cancelled=False)) is errors.JobLost
