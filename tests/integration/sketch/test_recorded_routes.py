"""Every route answers as it was recorded: routes.json, sent again in its order."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gesso.sketch.model_names import DEFAULT_ALIASES, OWN
from tests.integration.sketch.conftest import judge
from tests.integration.sketch.exchange import (
    Answer,
    compare,
    differences,
    renaming,
    send,
    send_json,
)
from tests.integration.sketch.listening import listening
from tests.integration.sketch.workflows import plain
from tests.recordings import FOLDER, load_or
from tests.running import running_sketch

pytestmark = [
    pytest.mark.recordings,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="no recordings beside this checkout"),
]

EXCHANGES: list[dict[str, Any]] = load_or("routes.json", [])
# Sent without a recorded body; what it was follows from the answers after it.
BODIES = {
    ("POST", "/settings/Comfy.Zoom"): b"3",
    ("POST", "/userdata/workflows%2Fmine.json"): b"{}",
    ("POST", "/userdata/workflows%2Fmine.json?overwrite=false"): b"{}",
}
# What these say depends on the prompts sent before; test_recorded_runs compares them value by value.
DEPENDS_ON_PROMPTS = ("/queue", "/prompt", "/history?max_items=2", "/history?max_items=2&offset=1")


def prepare(directory: Path) -> None:
    """The files that the recorded ComfyUI had; the newest is listed first."""
    header = b"{}"
    checkpoints = directory / "models/checkpoints"
    checkpoints.mkdir(parents=True, exist_ok=True)
    (checkpoints / "random_sd15.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    (directory / "input").mkdir(exist_ok=True)
    for age_s, name in enumerate(("red (1).png", "red.png", "example.png")):
        (directory / "input" / name).write_bytes(b"")
        os.utime(directory / "input" / name, (1795225228 - age_s, 1795225228 - age_s))


def run_plain(url: str) -> str:
    with listening(url) as listener:
        answer = send_json(url, "POST", "/prompt", {"prompt": plain(), "client_id": listener.client_id})
        prompt_id = answer.json["prompt_id"]
        listener.wait_end(prompt_id)
    return str(prompt_id)


def replay(url: str) -> Iterator[Answer]:
    """The answers, in order."""
    for want in EXCHANGES:
        if "request" in want:
            yield send_json(url, want["method"], want["path"], want["request"])
        else:
            yield send(url, want["method"], want["path"], BODIES.get((want["method"], want["path"])))


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    if (other := judge()) is not None:
        prepare(other[1])
        yield other
        return
    directory = tmp_path_factory.mktemp("routes") / "data"
    prepare(directory)
    with running_sketch(directory) as sketch:
        yield sketch.url, directory


@pytest.fixture(scope="module")
def answers(engine: tuple[str, Path]) -> list[Answer]:
    for _ in range(3):
        run_plain(engine[0])
    return list(replay(engine[0]))


@pytest.mark.parametrize(
    "index", range(len(EXCHANGES)), ids=[f"{each['method']}-{each['path']}" for each in EXCHANGES]
)
def test_route_answers_as_recorded(index: int, answers: list[Answer], engine: tuple[str, Path]) -> None:
    assert route_differences(EXCHANGES[index], answers[index], engine) == []


def route_differences(want: dict[str, Any], got: Answer, engine: tuple[str, Path]) -> list[str]:
    """Where an answer departs from the recording, less what depends on the machine and on prompts before."""
    rename = renaming({str(engine[1]): "/comfyui"})
    path = want["path"]
    if path in DEPENDS_ON_PROMPTS:
        want = {**want, "json": got.json}
    elif path == "/extensions":
        want, rename = {**want, "json": sorted(want["json"])}, sorted
    elif path.startswith("/experiment/models/"):
        # Their file is 2 GB; a name and a folder are what can be compared.
        want = {**want, "json": [{**want["json"][0], "size": got.json[0]["size"]}]}
    elif path == "/models/checkpoints":
        # Beside the files there is sketch's own model.
        own = {OWN["checkpoints"], *DEFAULT_ALIASES} & set(got.json)
        want = {**want, "json": sorted({*want["json"], *own})}
    elif path == "/object_info/KSampler":
        theirs, ours = (samplers(each) for each in (want["json"], got.json))
        # Those that are there, in their order.
        assert [name for name in theirs if name in ours] == ours
        theirs[:] = ours
    elif path == "/internal/logs/raw":
        entries = got.json["entries"]
        assert entries and all(set(entry) == {"t", "m"} for entry in entries)
        want = {**want, "json": {**want["json"], "entries": rename(entries)}}
    return differences(want, got, rename)


def samplers(info: Any) -> list[str]:
    names: list[str] = info["KSampler"]["input"]["required"]["sampler_name"][0]
    return names


def test_history_pages_are_as_recorded(answers: list[Answer]) -> None:
    [index] = [i for i, each in enumerate(EXCHANGES) if each["path"] == "/history?max_items=2&offset=1"]
    got = answers[index]
    want = EXCHANGES[index]["json"]["9e987912-f183-4927-92d3-abe2168f55b2"]
    assert len(got.json) == 2
    for prompt_id, entry in got.json.items():
        ours = renaming({prompt_id: "9e987912-f183-4927-92d3-abe2168f55b2"})(entry)
        assert compare({"x": want}, {"x": ours}) == []


@pytest.mark.parametrize(
    "path", [each["path"] for each in EXCHANGES if each["method"] == "GET" and "internal" not in each["path"]]
)
def test_route_is_also_under_api(path: str, engine: tuple[str, Path]) -> None:
    if path.startswith("/api/") or path in ("/user.css", "/nope"):
        pytest.skip("a static path, or under /api already")
    plainly, under_api = send(engine[0], "GET", path), send(engine[0], "GET", f"/api{path}")
    assert under_api.status == plainly.status
    assert under_api.header("Content-Type") == plainly.header("Content-Type")
