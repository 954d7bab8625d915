"""The executor: order, lists, lazy inputs, blocks, errors, interruption, and the messages about each."""

from typing import Any

import pytest

from gesso.sketch.node import Context, Node, Outcome, Spec
from tests.unit.sketch.prompts import Runs, node

IMAGE = node("EmptyImage", width=4, height=4, batch_size=1, color=0x336699)


def test_plain_prompt_runs_output_nodes_as_soon_as_they_can(run: Runs) -> None:
    result = run(
        {
            "1": IMAGE,
            "2": node("ImageInvert", image=["1", 0]),
            "3": node("SaveImage", images=["2", 0], filename_prefix="sub/plain"),
            "4": node("PreviewImage", images=["1", 0]),
        }
    )
    assert run.sent.executing() == ["1", "4", "2", "3"]
    assert result.outputs["3"] == {
        "images": [{"filename": "plain_00001_.png", "subfolder": "sub", "type": "output"}]
    }
    assert result.meta["4"] == {
        "node_id": "4",
        "display_node": "4",
        "parent_node": None,
        "real_node_id": "4",
    }
    assert (result.status_str, result.completed) == ("success", True)


def test_messages_of_one_node_come_in_comfyuis_order(run: Runs) -> None:
    result = run({"1": node("Show", value=7)})
    state = {
        "node_id": "1",
        "prompt_id": "p",
        "display_node_id": "1",
        "parent_node_id": None,
        "real_node_id": "1",
    }
    assert run.sent.sent == [
        ("execution_start", {"prompt_id": "p", "timestamp": 1500}),
        ("execution_cached", {"nodes": [], "prompt_id": "p", "timestamp": 1500}),
        (
            "progress_state",
            {"prompt_id": "p", "nodes": {"1": {"value": 0.0, "max": 1.0, "state": "running", **state}}},
        ),
        ("executing", {"node": "1", "display_node": "1", "prompt_id": "p"}),
        ("executed", {"node": "1", "display_node": "1", "output": {"value": [7]}, "prompt_id": "p"}),
        (
            "progress_state",
            {"prompt_id": "p", "nodes": {"1": {"value": 1.0, "max": 1.0, "state": "finished", **state}}},
        ),
        ("execution_success", {"prompt_id": "p", "timestamp": 1500}),
    ]
    assert [type for type, _ in result.messages] == [
        "execution_start",
        "execution_cached",
        "execution_success",
    ]


def test_cached_output_node_is_told_again_without_running(run: Runs) -> None:
    prompt = {"1": IMAGE, "2": node("Show", value=1), "3": node("PreviewImage", images=["1", 0])}
    first = run(prompt)
    second = run(prompt)
    assert run.sent.types() == [
        "execution_start",
        "execution_cached",
        "executed",
        "progress_state",
        "executed",
        "progress_state",
        "execution_success",
    ]
    assert run.sent.of("execution_cached")[0]["nodes"] == ["1", "2", "3"]
    assert second.outputs == first.outputs


def test_only_the_wanted_outputs_run(run: Runs) -> None:
    result = run({"1": node("Show", value=1), "2": node("Show", value=2)}, ["2"])
    assert run.sent.executing() == ["2"]
    assert list(result.outputs) == ["2"]


def test_prompt_without_client_tells_only_what_concerns_everybody(run: Runs) -> None:
    result = run({"1": node("Show", value=1)}, extra_data={"client_id": None})
    assert set(run.sent.types()) == {"progress_state"}
    assert len(result.messages) == 3


@pytest.mark.parametrize("between", [0, 1])
def test_node_close_to_an_output_goes_before_one_that_was_added_earlier(run: Runs, between: int) -> None:
    far = {"x1": node("Add", a=0, b=0)}
    for n in range(2, 6):
        far[f"x{n}"] = node("Add", a=[f"x{n - 1}", 0], b=n)
    near = {"p": node("Add", a=7, b=0)}
    if between:
        near["q"] = node("Add", a=["p", 0], b=1)
    prompt = {
        **far,
        **near,
        "far": node("Show", value=["x5", 0]),
        "near": node("Show", value=[[*near][-1], 0]),
    }
    run(prompt, ["far", "near"])
    assert run.sent.executing() == [*near, "near", *far, "far"]


def test_lists_map_and_shorter_ones_repeat_their_last_value(run: Runs) -> None:
    shown = run.shown(
        ["add", 0],
        three=node("Numbers", count=3),
        two=node("Numbers", count=2),
        add=node("Add", a=["three", 0], b=["two", 0]),
    )
    assert shown == [0, 2, 3]


def test_node_that_takes_lists_runs_once(run: Runs) -> None:
    shown = run.shown(["sum", 0], n=node("Numbers", count=4), sum=node("Total", values=["n", 0]))
    assert shown == [6]


def test_lazy_branch_that_is_not_taken_does_not_run(run: Runs) -> None:
    shown = run.shown(
        ["switch", 0],
        good=node("Add", a=1, b=2),
        bad=node("Boom"),
        switch=node("Switch", first=True, a=["good", 0], b=["bad", 0]),
    )
    assert shown == [3]
    # The switch is told twice: when it asks for its branch, and when it has it.
    assert run.sent.executing() == ["switch", "good", "switch", "show"]


def test_lazy_input_that_is_a_constant_needs_no_second_turn(run: Runs) -> None:
    assert run.shown(["switch", 0], switch=node("Switch", first=False, a=1, b=5)) == [5]
    assert run.sent.executing() == ["switch", "show"]


def test_silent_block_stops_what_follows_and_nothing_else(run: Runs) -> None:
    result = run(
        {
            "block": node("Block", message=None),
            "1": node("Show", value=["block", 0]),
            "2": node("Show", value="seen"),
        }
    )
    assert list(result.outputs) == ["2"]
    assert result.completed
    assert "execution_error" not in run.sent.types()


def test_block_with_a_message_is_reported_once_and_the_prompt_goes_on(run: Runs) -> None:
    result = run(
        {
            "block": node("Block", message="not today"),
            "add": node("Add", a=["block", 0], b=1),
            "1": node("Show", value=["add", 0]),
        }
    )
    (error,) = run.sent.of("execution_error")
    assert error["node_id"] == "add"
    assert error["exception_message"] == "Execution Blocked: not today"
    assert error["exception_type"] == "ExecutionBlocked"
    assert result.status_str == "success"


def test_error_names_node_type_exception_and_inputs(run: Runs) -> None:
    result = run(
        {
            "1": node("Add", a=1, b=2),
            "2": node("Boom", value=["1", 0]),
            "3": node("Show", value=["2", 0]),
        }
    )
    error = run.sent.sent[-1]
    assert error[0] == "execution_error"
    assert {**error[1], "traceback": None} == {
        "prompt_id": "p",
        "node_id": "2",
        "node_type": "Boom",
        "executed": ["1"],
        "exception_message": "it broke\n",
        "exception_type": "RuntimeError",
        "traceback": None,
        "current_inputs": {"value": [3]},
        "current_outputs": ["1", "2", "3"],
        "timestamp": 1500,
    }
    assert "in execute" in error[1]["traceback"][-1]
    assert (result.status_str, result.completed, result.outputs) == ("error", False, {})
    assert result.messages[-1] == error


def test_what_ran_before_an_error_stays_cached(run: Runs) -> None:
    prompt: dict[str, Any] = {"1": node("Add", a=1, b=2), "2": node("Boom", value=["1", 0])}
    prompt["3"] = node("Show", value=["2", 0])
    run(prompt)
    run(prompt)
    assert run.sent.of("execution_cached")[0]["nodes"] == ["1"]


def test_interrupt_before_a_node_names_it(run: Runs) -> None:
    asked = iter([False, True])
    result = run(
        {"1": node("Add", a=1, b=2), "2": node("Show", value=["1", 0])}, interrupted=lambda: next(asked)
    )
    assert run.sent.executing() == ["1", "2"]
    assert run.sent.sent[-1] == (
        "execution_interrupted",
        {"prompt_id": "p", "node_id": "2", "node_type": "Show", "executed": ["1"], "timestamp": 1500},
    )
    assert (result.status_str, result.completed) == ("error", False)


def test_interrupt_between_steps_stops_before_the_next_progress(run: Runs) -> None:
    prompt = {"1": node("Ticking"), "2": node("Show", value=["1", 0])}
    run(prompt, interrupted=lambda: len(run.sent.of("progress")) == 2)
    assert [data["value"] for data in run.sent.of("progress")] == [1, 2]
    assert run.sent.types()[-1] == "execution_interrupted"


def test_interruption_is_told_even_without_a_client(run: Runs) -> None:
    run({"1": node("Show", value=1)}, extra_data={"client_id": None}, interrupted=lambda: True)
    assert run.sent.types() == ["progress_state", "execution_interrupted"]


def test_progress_tells_state_then_value(run: Runs) -> None:
    run({"1": node("Ticking"), "2": node("Show", value=["1", 0])})
    assert run.sent.of("progress")[0] == {"value": 1, "max": 3, "prompt_id": "p", "node": "1"}
    states = [data["nodes"]["1"] for data in run.sent.of("progress_state") if "2" not in data["nodes"]]
    assert [(s["value"], s["max"], s["state"]) for s in states] == [
        (0.0, 1.0, "running"),
        (1, 3, "running"),
        (2, 3, "running"),
        (3, 3, "running"),
        (3, 3, "finished"),
    ]


def test_progress_beyond_its_end_is_told_as_the_end(run: Runs) -> None:
    class Eager(Node):
        spec = Spec(category="test", output_node=True, context=True)

        def execute(self, context: Context) -> Outcome:
            context.progress(9, 5)
            return Outcome()

    run.executor.nodes = {"Eager": Eager}
    run({"1": node("Eager")}, ["1"])
    assert run.sent.of("progress")[0]["value"] == 5


def test_preview_is_offered_with_metadata_before_progress_and_without_after(run: Runs) -> None:
    run({"1": IMAGE, "2": node("SaveImageWebsocket", images=["1", 0])})
    start = run.sent.types().index("preview")
    assert run.sent.types()[start - 1 : start + 3] == ["progress_state", "preview", "progress", "preview"]
    (node_id, image, mime, metadata), (*_, none) = run.sent.of("preview")
    assert (node_id, mime, none) == ("2", "image/png", None)
    assert image.startswith(b"\x89PNG")
    assert metadata == {
        "node_id": "2",
        "prompt_id": "p",
        "display_node_id": "2",
        "parent_node_id": None,
        "real_node_id": "2",
        "image_type": "image/png",
    }


def test_hidden_inputs_are_filled_in(run: Runs) -> None:
    prompt = {"7": node("Hidden")}
    result = run(prompt, extra_data={"extra_pnginfo": {"workflow": {"a": 1}}})
    (hidden,) = result.outputs["7"]["hidden"]
    assert hidden == {"prompt": prompt, "extra_pnginfo": {"workflow": {"a": 1}}, "unique_id": "7"}


def test_inputs_that_no_one_declared_are_dropped(run: Runs) -> None:
    assert run({"1": {"class_type": "Show", "inputs": {"value": 1, "extra": 2}}}).completed


def test_long_chain_runs(run: Runs) -> None:
    chain = {str(n): node("Add", a=[str(n - 1), 0], b=1) for n in range(1, 1500)}
    assert run.shown(["1499", 0], **{"0": node("Add", a=0, b=0)}, **chain) == [1499]
