"""What is found again from one prompt to the next, and what is not."""

from pathlib import Path

import pytest
from PIL import Image

from gesso.sketch.nodes.arrays import from_pictures
from tests.unit.sketch.prompts import Changing, Runs, node


def cached(run: Runs) -> list[str]:
    nodes: list[str] = run.sent.of("execution_cached")[0]["nodes"]
    return nodes


def test_change_reaches_all_that_depends_on_it_and_nothing_else(run: Runs) -> None:
    def prompt(value: int) -> dict[str, object]:
        return {
            "a": node("Add", a=value, b=1),
            "b": node("Add", a=5, b=1),
            "c": node("Add", a=["a", 0], b=["b", 0]),
            "d": node("Show", value=["c", 0]),
        }

    run(prompt(1))
    result = run(prompt(2))
    assert cached(run) == ["b"]
    assert result.outputs["d"]["value"] == [9]


def test_results_are_found_under_other_ids(run: Runs) -> None:
    run({"1": node("Add", a=1, b=1), "2": node("Show", value=["1", 0])})
    run({"8": node("Add", a=1, b=1), "9": node("Show", value=["8", 0])})
    assert cached(run) == ["8", "9"]


def test_only_the_last_prompt_is_kept(run: Runs) -> None:
    run({"1": node("Show", value=1)})
    run({"1": node("Show", value=2)})
    run({"1": node("Show", value=1)})
    assert cached(run) == []


def test_two_nodes_that_do_the_same_run_once(run: Runs) -> None:
    run(
        {
            "1": node("Add", a=1, b=1),
            "2": node("Add", a=1, b=1),
            "3": node("Add", a=["1", 0], b=["2", 0]),
            "4": node("Show", value=["3", 0]),
        }
    )
    assert len([each for each in run.sent.executing() if each in "12"]) == 1


@pytest.mark.parametrize(
    ("first", "second"), [(1, True), (1, 1.0), (1, "1"), ([1], {"0": 1}), (None, "None")]
)
def test_values_that_only_look_alike_are_told_apart(run: Runs, first: object, second: object) -> None:
    run({"1": node("Show", value=first)})
    run({"1": node("Show", value=second)})
    assert cached(run) == []


def test_node_that_depends_on_its_id_is_not_found_under_another(run: Runs) -> None:
    run({"1": node("Hidden")})
    run({"2": node("Hidden")})
    assert cached(run) == []
    run({"2": node("Hidden")})
    assert cached(run) == ["2"]


def test_changed_fingerprint_runs_the_node_again(run: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    prompt = {"1": node("Changing"), "2": node("Show", value=["1", 0])}
    run(prompt)
    run(prompt)
    assert cached(run) == ["1", "2"]
    monkeypatch.setattr(Changing, "version", 2)
    assert run(prompt).outputs["2"]["value"] == [2]


def test_fingerprint_that_is_no_number_is_never_found_again(
    run: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Changing, "version", float("nan"))
    prompt = {"1": node("Changing"), "2": node("Show", value=["1", 0])}
    run(prompt)
    run(prompt)
    assert cached(run) == []


def test_loaded_picture_is_read_again_only_when_its_content_changed(run: Runs) -> None:
    path: Path = run.folders.input / "x.png"
    Image.new("RGB", (2, 2), "red").save(path)
    prompt = {"1": node("LoadImage", image="x.png"), "2": node("PreviewImage", images=["1", 0])}
    run(prompt)
    path.write_bytes(path.read_bytes())
    run(prompt)
    assert cached(run) == ["1", "2"]
    Image.new("RGB", (2, 2), "blue").save(path)
    result = run(prompt)
    assert cached(run) == []
    name = result.outputs["2"]["images"][0]["filename"]
    with Image.open(run.folders.temp / name) as saved:
        assert from_pictures([saved])[0, 0, 0].tolist() == [0, 0, 1]


def test_instance_lives_on_while_its_id_stays_in_use(run: Runs) -> None:
    for value, runs in ((1, 1), (2, 2)):
        result = run({"1": node("Counting", value=value), "2": node("Show", value=["1", 0])})
        assert result.outputs["2"]["value"] == [runs]
    run({"2": node("Show", value=0)})
    result = run({"1": node("Counting", value=3), "2": node("Show", value=["1", 0])})
    assert result.outputs["2"]["value"] == [1]


def test_free_forgets_everything(run: Runs) -> None:
    run({"1": node("Show", value=1)})
    run.executor.free()
    run({"1": node("Show", value=1)})
    assert cached(run) == []


def test_circle_beside_what_runs_does_no_harm(run: Runs) -> None:
    prompt = {
        "1": node("Add", a=["2", 0], b=1),
        "2": node("Add", a=["1", 0], b=1),
        "3": node("Show", value=1),
    }
    assert run(prompt, ["3"]).completed
    assert run(prompt, ["3"]).completed
    assert cached(run) == ["3"]
