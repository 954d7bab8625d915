"""Nodes that put a graph in their place."""

from gesso.sketch.node import Blocked, Context, Node, Outcome, Spec
from tests.unit.sketch.prompts import ANY, CLASSES, Runs, node

PROMPT = {"1": node("Twice", value=21), "2": node("Show", value=["1", 0])}


def test_expansion_computes_the_outputs(run: Runs) -> None:
    assert run(PROMPT).outputs["2"]["value"] == [42]


def test_nodes_of_an_expansion_name_where_they_belong(run: Runs) -> None:
    run(PROMPT)
    assert run.sent.of("executing")[1] == {"node": "1.add", "display_node": "1", "prompt_id": "p"}
    state = run.sent.of("progress_state")[-1]["nodes"]["1.add"]
    assert (state["parent_node_id"], state["real_node_id"], state["display_node_id"]) == ("1", "1", "1")


def test_expanded_result_is_cached_under_its_node(run: Runs) -> None:
    run(PROMPT)
    run(PROMPT)
    assert run.sent.of("execution_cached")[0]["nodes"] == ["1", "2"]


def test_nodes_inside_an_expansion_are_found_again(run: Runs) -> None:
    class Pair(Node):
        """Expands to the same inner node, whatever its own input is."""

        spec = Spec(category="test", required={"label": ANY}, outputs=("INT",), context=True)

        def execute(self, label: str, context: Context) -> Outcome:
            inner = f"{context.node_id}.inner"
            return Outcome(
                result=([inner, 0],), expand={inner: {"class_type": "Add", "inputs": {"a": 1, "b": 2}}}
            )

    run.executor.nodes = {**CLASSES, "Pair": Pair}
    for label, executing in (("a", ["1", "1.inner", "2"]), ("b", ["1"])):
        result = run({"1": node("Pair", label=label), "2": node("Show", value=["1", 0])}, ["2"])
        assert result.outputs["2"]["value"] == [3]
        # The second time the inner node is cached; only what depends on the label runs.
        assert run.sent.executing()[: len(executing)] == executing
    assert "1.inner" not in run.sent.executing()


def test_error_inside_an_expansion_is_blamed_on_the_users_node(run: Runs) -> None:
    run({"1": node("TwiceBroken"), "2": node("Show", value=["1", 0])})
    (error,) = run.sent.of("execution_error")
    assert (error["node_id"], error["node_type"]) == ("1", "TwiceBroken")
    assert error["exception_message"] == "it broke\n"


def test_expansion_with_an_id_in_use_fails(run: Runs) -> None:
    run({**PROMPT, "1.add": node("Add", a=1, b=1)})
    (error,) = run.sent.of("execution_error")
    assert error["node_id"] == "1"
    assert error["exception_message"].startswith("Attempt to add duplicate node 1.add")


def test_output_nodes_of_an_expansion_run_and_show(run: Runs) -> None:
    class Announce(Node):
        spec = Spec(category="test", outputs=("INT",), context=True)

        def execute(self, context: Context) -> Outcome:
            shown = {f"{context.node_id}.show": {"class_type": "Show", "inputs": {"value": "inner"}}}
            return Outcome(result=(5,), expand=shown)

    run.executor.nodes = {**CLASSES, "Announce": Announce}
    result = run({"1": node("Announce"), "2": node("Show", value=["1", 0])}, ["2"])
    assert result.outputs["1.show"]["value"] == ["inner"]
    assert result.meta["1.show"]["parent_node"] == "1"


def test_circle_made_by_an_expansion_is_an_error(run: Runs) -> None:
    class Circle(Node):
        spec = Spec(category="test", outputs=("INT",), context=True)

        def execute(self, context: Context) -> Outcome:
            inner = f"{context.node_id}.inner"
            inputs = {"a": [context.node_id, 0], "b": 1}
            return Outcome(result=([inner, 0],), expand={inner: {"class_type": "Add", "inputs": inputs}})

    run.executor.nodes = {**CLASSES, "Circle": Circle}
    result = run({"1": node("Circle"), "2": node("Show", value=["1", 0])}, ["2"])
    (error,) = run.sent.of("execution_error")
    assert (error["node_id"], error["exception_message"]) == ("1", "Dependency cycle detected")
    assert (error["exception_type"], error["current_inputs"]) == ("graph.DependencyCycleError", [])
    assert result.status_str == "error"


def test_blocked_result_of_an_outcome_blocks_every_output(run: Runs) -> None:
    class Stop(Node):
        spec = Spec(category="test", outputs=("INT", "INT"))

        def execute(self) -> Outcome:
            return Outcome(result=Blocked())

    run.executor.nodes = {**CLASSES, "Stop": Stop}
    result = run({"1": node("Stop"), "2": node("Show", value=["1", 1])}, ["2"])
    assert (result.completed, result.outputs) == (True, {})
