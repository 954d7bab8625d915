"""The executor's messages and history against what a real ComfyUI sent for the same prompts."""

import json
from pathlib import Path
from typing import Any

import pytest

from gesso.sketch.executor import Executor, Result
from gesso.sketch.folders import Folders
from gesso.sketch.node import Context, Input, Interrupted, Node, Spec
from gesso.sketch.registry import NODES, object_info
from gesso.sketch.sampling_methods import SAMPLERS
from tests.unit.sketch.prompts import CLASSES, Recorder

RECORDINGS = Path(__file__).parents[4] / "shared/recordings/comfyui-0.3.64"

pytestmark = [
    pytest.mark.recordings,
    pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recordings are not here"),
]


def load(name: str) -> Any:
    return json.loads((RECORDINGS / name).read_text())


def plain(value: Any) -> Any:
    """Without what differs from run to run: ids, times, tracebacks, random names, and the order of sets."""
    if isinstance(value, dict):
        fixed = {"timestamp": 0, "traceback": 0, "prompt_id": 0}
        return {
            key: fixed.get(key, sorted(each) if key in ("executed", "current_outputs") else plain(each))
            for key, each in value.items()
        }
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    # 1 and 1.0 are different texts in JSON.
    return "temp" if isinstance(value, str) and "_temp_" in value else repr(value)


def replay(executor: Executor, recording: Any) -> tuple[Recorder, Result]:
    prompt_id = recording["http"][0]["json"]["prompt_id"]
    number, _, prompt, extra_data, outputs = recorded(recording)["prompt"]
    sent = Recorder()
    return sent, executor.execute(prompt_id, prompt, extra_data, outputs, sent, lambda: False)


def recorded(recording: Any) -> Any:
    """The history item."""
    return recording["http"][-1]["json"][recording["http"][0]["json"]["prompt_id"]]


def wanted(recording: Any) -> list[Any]:
    """The messages that an executor sends; those of the queue around them left out."""
    return [
        [message["type"], message["data"]]
        for message in recording["websocket"]
        if message.get("type") not in (None, "status", "feature_flags")
        and message["data"].get("node", "") is not None
    ]


def test_messages_and_history_equal_those_of_comfyui(tmp_path: Path) -> None:
    executor = Executor(Folders(tmp_path))
    for name in ("plain-images", "plain-images-all-cached", "error-in-node"):
        recording = load(f"run-{name}.json")
        sent, result = replay(executor, recording)
        assert plain(sent.sent) == plain(wanted(recording)), name
        history = {
            "outputs": result.outputs,
            "status": {
                "status_str": result.status_str,
                "completed": result.completed,
                "messages": result.messages,
            },
            "meta": result.meta,
        }
        item = recorded(recording)
        del item["prompt"]
        assert plain(history) == plain(item), name


def stand_in(name: str, steps: int = 0, stop_after: int | None = None) -> type[Node]:
    """A class of that name that computes nothing, but tells its progress."""

    class StandIn(Node):
        spec = Spec(
            category="test",
            required={key: Input("*") for key in ("samples", "vae", "images", "model", "clip", "positive")},
            outputs=("A", "B", "C"),
            output_node=name == "SaveImage",
            context=True,
        )

        def execute(self, context: Context, **_: Any) -> tuple[int, int, int]:
            for step in range(steps):
                if step == stop_after:
                    raise Interrupted
                context.progress(step + 1, steps)
            return (0, 0, 0)

    return StandIn


@pytest.mark.parametrize(
    ("name", "steps", "stop_after"), [("sampler-with-preview-metadata", 4, None), ("interrupted", 30, 1)]
)
def test_sampler_workflow_runs_in_comfyuis_order(
    tmp_path: Path, name: str, steps: int, stop_after: int | None
) -> None:
    recording = load(f"run-{name}.json")
    prompt = recording["http"][0]["request"]["prompt"]
    classes = {
        each["class_type"]: stand_in(
            each["class_type"], steps if each["class_type"] == "KSampler" else 0, stop_after
        )
        for each in prompt.values()
    }
    sent, _ = replay(Executor(Folders(tmp_path), classes), recording)
    told = [[type, data] for type, data in sent.sent]
    assert plain(told) == plain([message for message in wanted(recording) if message[0] != "executed"])


def described(info: Any) -> Any:
    """An entry as the recordings keep it: without the texts."""
    return {key: each for key, each in info.items() if key != "description"}


# Lists of what lies in folders: each engine has its own.
FILES = {"image", "ckpt_name", "unet_name", "clip_name", "vae_name"}


@pytest.mark.parametrize("name", sorted(set(NODES) - {"SketchSteps", "SketchPretendLoader"}))
def test_object_info_of_each_shared_class_equals_comfyuis(tmp_path: Path, name: str) -> None:
    theirs = load("object_info.json")[name]
    ours = described(object_info(Folders(tmp_path))[name])
    for key, offered in theirs["input"]["required"].items():
        if key in FILES and isinstance(offered[0], list):
            offered[0] = ours["input"]["required"][key][0]
        elif key == "sampler_name":
            assert [each for each in offered[0] if each in SAMPLERS] == list(SAMPLERS)
            offered[0] = list(SAMPLERS)
    # As text, so that 1 and 1.0 and the order of inputs count.
    assert json.dumps(ours, sort_keys=False) == json.dumps(theirs, sort_keys=False)


def test_classes_of_the_tests_are_not_in_the_catalog() -> None:
    assert "Boom" in CLASSES
    assert "Boom" not in NODES
