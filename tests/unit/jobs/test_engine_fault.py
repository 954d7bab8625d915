"""Which errors are the engine's own, and which histories are not believed."""

from typing import Any

import pytest

from gesso.jobs.engine_fault import contradiction, failure_of, is_engines_own
from gesso.jobs.verdict import read_history

ILLEGAL = "CUDA error: an illegal memory access was encountered\nCUDA kernel errors might be …"
ASSERT = "CUDA error: device-side assert triggered\nCUDA kernel errors might be …"
LAUNCH = "CUDA error: unspecified launch failure"
OOM = "Allocation on device \nThis error means you ran out of memory on your GPU."
FULL = "[Errno 28] No space left on device: 'output/a.png'"


@pytest.mark.parametrize(
    ("kind", "message", "name", "own"),
    [
        ("torch.AcceleratorError", ILLEGAL, "cuda-poisoned", True),
        ("RuntimeError", ILLEGAL, "cuda-poisoned", True),
        ("RuntimeError", ASSERT, "cuda-poisoned", True),
        ("RuntimeError", LAUNCH, "cuda-poisoned", True),
        ("OSError", FULL, "disk-full", True),
        ("torch.OutOfMemoryError", OOM, "cuda-out-of-memory", False),
        ("torch.OutOfMemoryError", "CUDA out of memory. Tried to …", "cuda-out-of-memory", False),
        ("ValueError", "sizes do not match", None, False),
        # Words that a workflow may have put there.
        ("ValueError", ILLEGAL, None, False),
        ("RuntimeError", f"the prompt was: {ILLEGAL}", None, False),
        ("Exception", FULL, None, False),
    ],
)
def test_errors_are_told_apart_by_type_and_words(
    kind: str, message: str, name: str | None, own: bool
) -> None:
    data = {"exception_type": kind, "exception_message": message}
    failure = failure_of(data)
    assert (failure.name if failure else None, is_engines_own(data)) == (name, own)


def test_error_without_words_is_nobodys() -> None:
    assert failure_of({}) is None and not is_engines_own({"exception_type": None})


def test_lack_of_memory_stays_the_jobs_error_and_says_what_to_do() -> None:
    data = {"exception_type": "torch.OutOfMemoryError", "exception_message": OOM, "node_id": "3"}
    verdict = read_history({"status": {"status_str": "error", "messages": [["execution_error", data]]}})
    assert verdict.error is not None
    assert verdict.error["code"] == "execution_failed" and "smaller" in verdict.error["remedy"]


def item(status: Any, **outputs: Any) -> dict[str, Any]:
    return {"prompt": [1, "p", {}], "status": status, "outputs": outputs}


SUCCESS = {"status_str": "success", "completed": True, "messages": []}
PICTURE = {"images": [{"filename": "a.png"}]}


def test_success_without_outputs_is_believed_where_none_were_told_of() -> None:
    assert contradiction(item(SUCCESS), set()) is None
    assert contradiction(item(SUCCESS, **{"9": PICTURE}), set()) is None, "cached: not told of, and there"
    assert contradiction(item(SUCCESS, **{"9": PICTURE}), {"9"}) is None


def test_success_that_lacks_what_was_told_of_is_not_believed() -> None:
    assert "those of node 7, 9" in str(contradiction(item(SUCCESS), {"9", "7"}))
    assert "those of node 9" in str(contradiction(item(SUCCESS, **{"7": PICTURE}), {"9", "7"}))


def test_failure_need_not_have_the_outputs_that_were_told_of() -> None:
    assert contradiction(item({"status_str": "error", "messages": []}), {"9"}) is None


def test_history_that_says_nothing_of_the_end_is_no_success() -> None:
    assert contradiction(item(None), set()) == "its history does not say how the prompt ended"
    assert contradiction(item({}), set()) is not None
    assert contradiction(item(None, **{"9": PICTURE}), set()) is None, "an engine that keeps no status"
