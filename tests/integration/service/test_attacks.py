"""What somebody with an ordinary user's key tries: others' files, engines, the log, everybody's time."""

import hashlib
import io
import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from PIL import Image
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.integration.service.test_comfyui_jobs import ended, load_and_save, submit, upload, view
from tests.integration.service.test_comfyui_users import new_user
from tests.integration.sketch.exchange import bearer, form, send, send_json
from tests.integration.sketch.workflows import plain
from tests.running import wait_for
from tests.service import RunningGesso

RED = "#c80102"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Ann's picture and what her job made of it, as the engine has them; Eve's address, with her key."""

    ann: str
    eve: str
    uploaded: str
    made: str


@pytest.fixture(scope="module")
def scene(service: RunningGesso) -> Iterator[Scene]:
    ann, eve = new_user(service, "ann"), new_user(service, "eve")
    upload(ann, "secret.png", RED)
    picture = io.BytesIO()
    Image.new("RGB", (8, 8), RED).save(picture, "PNG")
    item = ended(ann, submit(ann, load_and_save("secret.png", "anns")))
    made = item["outputs"]["2"]["images"][0]["filename"]
    sha256 = hashlib.sha256(picture.getvalue()).hexdigest()
    yield Scene(ann=ann, eve=eve, uploaded=f"gesso/{sha256}.png", made=f"{made} [output]")


NAMES = ["made", "uploaded"]
GOOD: dict[str, Any] = {
    "91": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 255}},
    "93": {"class_type": "SaveImage", "inputs": {"images": ["91", 0], "filename_prefix": "good"}},
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("loader", ["LoadImage", "LoadImageMask", "LoadImageOutput"])
@pytest.mark.parametrize(
    "disguise", ["{}", " {}", "./{}", "x/../{}", "../input/{}", "value", "list", "linked"]
)
def test_picture_of_another_cannot_be_named(scene: Scene, loader: str, name: str, disguise: str) -> None:
    theirs = getattr(scene, name)
    shapes: dict[str, Any] = {
        "value": {"__value__": theirs},
        "list": {"__value__": [theirs]},
        "linked": ["5", 0],
    }
    prompt = load_and_save(shapes.get(disguise, disguise.format(theirs)))
    prompt["1"]["class_type"] = loader
    prompt["1"]["inputs"]["channel"] = "red"
    prompt["5"] = {"class_type": "PrimitiveString", "inputs": {"value": theirs}}
    assert send_json(scene.eve, "POST", "/prompt", {"prompt": prompt}).status == 400


@pytest.mark.parametrize("name", NAMES)
def test_refused_output_is_not_made_beside_a_good_one(scene: Scene, name: str) -> None:
    prompt = {**load_and_save(getattr(scene, name)), **GOOD}
    answer = send_json(scene.eve, "POST", "/prompt", {"prompt": prompt})
    assert (answer.status, list(answer.json["node_errors"])) == (200, ["1"])
    assert set(ended(scene.eve, answer.json["prompt_id"])["outputs"]) == {"93"}


@pytest.mark.parametrize("linked", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_node_behind_an_input_that_nobody_checks_loads_nothing(scene: Scene, name: str, linked: bool) -> None:
    """ComfyUI executes what is linked to an undeclared input without validating it."""
    prompt = {**load_and_save(getattr(scene, name)), **GOOD}
    if linked:
        prompt["5"] = {"class_type": "PrimitiveString", "inputs": {"value": getattr(scene, name)}}
        prompt["1"]["inputs"]["image"] = ["5", 0]
    prompt["93"] = {**GOOD["93"], "inputs": {**GOOD["93"]["inputs"], "undeclared": ["2", 0]}}
    targets = {"partial_execution_targets": ["93"]}
    answer = send_json(scene.eve, "POST", "/prompt", {"prompt": prompt, **targets})
    assert answer.status == 200
    assert "2" not in ended(scene.eve, answer.json["prompt_id"])["outputs"]


@pytest.mark.parametrize(
    "prompt_id",
    ["../internal/logs/raw", "..", "a\nb", "a\x1b[31mb", " ", "a\0b", "\ud800", "a" * 300, "a\\b"],
)
def test_id_that_would_be_a_path_or_a_line_is_refused(scene: Scene, prompt_id: str) -> None:
    body = {"prompt": plain(1), "prompt_id": prompt_id}
    answer = send_json(scene.eve, "POST", "/prompt", body)
    assert answer.status == 400
    assert answer.json["error"]["type"] == "invalid_prompt"


@pytest.mark.parametrize("prompt_id", ["job 5", "a?b=c#d", "50%2e%2e", "ü→", "{}"])
def test_odd_id_names_its_job_and_nothing_else(scene: Scene, prompt_id: str) -> None:
    prompt_id += uuid.uuid4().hex
    assert submit(scene.eve, plain(1), prompt_id=prompt_id) == prompt_id
    deadline = time.monotonic() + 20
    while prompt_id not in (history := send(scene.eve, "GET", "/history").json):
        assert time.monotonic() < deadline
    assert history[prompt_id]["status"]["status_str"] == "success"
    told = send(scene.eve, "GET", f"/gesso/api/jobs/{quote(prompt_id, safe='')}").json
    assert told["attempt"] == 1


def test_thousand_times_a_thousand_errors_are_told_in_few_words(scene: Scene) -> None:
    prompt = {str(n): {"class_type": "PreviewImage", "inputs": {}} for n in range(10_000)}
    begun = time.monotonic()
    answer = send_json(scene.eve, "POST", "/prompt", {"prompt": prompt})
    assert answer.status == 400
    assert len(answer.body) < 10_000_000
    assert time.monotonic() - begun < 30


def test_body_of_nothing_but_brackets_is_refused_unread(scene: Scene) -> None:
    body = json.dumps({"prompt": plain(1), "extra_data": {"x": [[] for _ in range(600_000)]}}).encode()
    answer = send(scene.eve, "POST", "/prompt", body, {"Content-Type": "application/json"})
    assert answer.status == 400
    assert "250000 values" in answer.json["error"]["message"]


def test_sockets_of_one_user_are_counted_and_those_of_others_are_not(
    service: RunningGesso, scene: Scene
) -> None:
    def open_socket(url: str) -> ClientConnection:
        header = bearer(urlsplit(url).password)
        return connect(f"ws://127.0.0.1:{service.port}/ws", additional_headers=header, proxy=None)

    with ExitStack() as sockets:
        for _ in range(100):
            sockets.enter_context(open_socket(scene.eve))
        with pytest.raises(InvalidStatus) as refused:
            open_socket(scene.eve)
        assert refused.value.response.status_code == 429
        sockets.enter_context(open_socket(scene.ann))
    wait_for(lambda: _opens(open_socket, scene.eve))


def _opens(open_socket: Callable[[str], ClientConnection], url: str) -> bool:
    try:
        with open_socket(url):
            return True
    except InvalidStatus:
        return False


@pytest.mark.parametrize(
    "name",
    ["a.html", "a.HTM", "a.svg", "a.xml", "a.xsl", "a.rdf", "a.xhtml", "a.js", "a.mjs", "a.css", "a.mht"],
)
def test_file_is_never_shown_as_a_page_with_scripts(scene: Scene, name: str) -> None:
    body, headers = form({}, (name, b"<script xmlns='http://www.w3.org/1999/xhtml'>alert(1)</script>"))
    named = send(scene.eve, "POST", "/upload/image", body, headers).json["name"]
    for path in (f"/view?filename={named}&type=input", f"/api/view?filename={named}&type=input"):
        answer = send(scene.eve, "GET", path)
        assert answer.header("Content-Type") == "application/octet-stream"
        assert answer.header("X-Content-Type-Options") == "nosniff"
    assert send(scene.eve, "POST", f"/userdata/{name}", body).status == 200
    kind = send(scene.eve, "GET", f"/userdata/{name}").header("Content-Type")
    assert kind == ("text/css; charset=utf-8" if name == "a.css" else "application/octet-stream")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/queue", {"delete": ["\ud800"]}),
        ("POST", "/history", {"delete": ["\ud800"]}),
        ("POST", "/interrupt", {"prompt_id": "\ud800"}),
        ("POST", "/settings", {"\ud800": 1}),
        ("POST", "/settings", {"x": "x" * 3_000_000}),
        ("POST", "/settings/x", [[]] * 300_000),
        ("POST", "/userdata/x", "x" * 21_000_000),
        ("POST", "/prompt", {"prompt": {}, "extra_data": {"x": "x" * 21_000_000}}),
    ],
    ids=lambda each: str(each)[:40],
)
def test_what_no_store_takes_is_the_callers_mistake(scene: Scene, method: str, path: str, body: Any) -> None:
    answer = send_json(scene.eve, method, path, body)
    assert answer.status in (400, 413)
    assert answer.json["error"]["message"]


@pytest.mark.parametrize("query", [f"max_items={10**30}", f"offset={10**30}", f"max_items=-{10**30}"])
def test_numbers_beyond_any_history_are_taken_as_such(scene: Scene, query: str) -> None:
    assert send(scene.eve, "GET", f"/history?{query}").status == 200


def test_same_job_of_two_users_carries_each_ones_own_workflow(scene: Scene) -> None:
    def diary_of(url: str, words: str) -> str:
        extra = {"extra_pnginfo": {"workflow": {"note": words}}}
        image = ended(url, submit(url, GOOD, extra_data=extra))["outputs"]["93"]["images"][0]
        with Image.open(io.BytesIO(view(url, image).body)) as picture:
            written: str = json.loads(picture.info["workflow"])["note"]
        return written

    assert diary_of(scene.ann, "private") == "private"
    assert diary_of(scene.eve, "curious") == "curious"
    assert diary_of(scene.eve, "the engine kept the last one") == "curious"
