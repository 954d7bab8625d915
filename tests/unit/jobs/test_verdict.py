"""What an engine's history says of a job's end."""

from typing import Any

from gesso.jobs.job import State
from gesso.jobs.verdict import read_history


def item(*messages: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    return {"status": {"status_str": "success", "messages": [list(each) for each in messages]}, "outputs": {}}


def test_seconds_are_those_between_start_and_end_by_the_engines_clock() -> None:
    began, done = ("execution_start", {"timestamp": 1_000}), ("execution_success", {"timestamp": 3_500})
    assert read_history(item(began, ("execution_cached", {"timestamp": 1_001}), done)).seconds == 2.5


def test_seconds_of_an_engine_that_tells_no_times_are_unknown() -> None:
    assert read_history(item(("execution_start", {}), ("execution_success", {}))).seconds is None
    assert read_history({}).seconds is None


def test_an_error_counts_though_the_status_says_success() -> None:
    """ComfyUI 0.3.64 gives a prompt that runs in a circle the status of the one before it."""
    circle = item(("execution_error", {"exception_message": "Dependency cycle detected"}))
    verdict = read_history({**circle, "status": {**circle["status"], "completed": True}})
    assert verdict.state is State.FAILED
    assert verdict.meta["status"]["status_str"] == "error" and not verdict.meta["status"]["completed"]
