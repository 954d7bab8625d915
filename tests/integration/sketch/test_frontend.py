"""ComfyUI's own frontend on sketch, in a real browser: it loads, runs a workflow, shows the picture."""

import json
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import ConsoleMessage, Page, sync_playwright

from tests.integration.sketch.exchange import send, send_json
from tests.integration.sketch.workflows import steps
from tests.running import Sketch, wait_for

pytestmark = pytest.mark.package("chromium")

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Asked for and not found with a real ComfyUI, too: files that a user may or may not have.
ABSENT = ("/user.css", "/favicon.ico", "/api/userdata")


@pytest.fixture
def page(sketch: Sketch) -> Iterator[Page]:
    seen = {"Comfy.TutorialCompleted": True, "Comfy.InstalledVersion": "1.27.10"}
    send_json(sketch.url, "POST", "/settings", seen)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        page = browser.new_page()
        # Nothing but sketch is asked: the frontend would also like to reach the internet.
        page.route(lambda address: not address.startswith(sketch.url), lambda route: route.abort())
        yield page
        browser.close()


def complaints(messages: list[ConsoleMessage], url: str) -> list[str]:
    ours = [
        each for each in messages if each.type == "error" and each.location.get("url", "").startswith(url)
    ]
    return [
        f"{each.text} {each.location['url']}"
        for each in ours
        if not each.location["url"].removeprefix(url).startswith(ABSENT)
    ]


def test_frontend_loads_runs_a_workflow_and_shows_it(page: Page, sketch: Sketch) -> None:
    messages: list[ConsoleMessage] = []
    page.on("console", lambda message: messages.append(message))
    page.goto(sketch.url)
    known: Any = json.loads(send(sketch.url, "GET", "/object_info").body)
    page.wait_for_function(
        "names => window.app?.graph && names.every(name => window.LiteGraph?.registered_node_types[name])",
        arg=list(known),
    )
    workflow = {name: node for name, node in steps(3, 0.05).items() if name != "9"}
    workflow["9"] = {"class_type": "PreviewImage", "inputs": {"images": ["3", 0]}}
    page.evaluate("workflow => app.loadApiJson(workflow, 'steps')", workflow)
    page.evaluate("() => app.queuePrompt(0)")
    page.wait_for_function(
        "() => app.graph._nodes.some(node => node.type === 'PreviewImage' && node.imgs?.length)"
    )
    [entry] = wait_for(lambda: list(send(sketch.url, "GET", "/history").json.values()))
    assert entry["status"]["status_str"] == "success"
    assert entry["prompt"][3]["extra_pnginfo"]["workflow"]["nodes"]
    assert complaints(messages, sketch.url) == []


def opened(page: Page, sketch: Sketch) -> list[ConsoleMessage]:
    """The page with the workflow that the frontend begins with, and what it complains about from now on."""
    messages: list[ConsoleMessage] = []
    page.on("console", lambda message: messages.append(message))
    page.goto(sketch.url)
    page.wait_for_function("() => window.app?.graph?._nodes?.some(node => node.type === 'KSampler')")
    return messages


def shows(page: Page, type_: str) -> None:
    """Waits until a node of this class shows a picture; only what is on the screen is drawn."""
    page.evaluate("() => { app.canvas.ds.scale = 0.4; app.canvas.ds.offset = [0, 0] }")
    page.wait_for_function(
        "type => app.graph._nodes.some(node => node.type === type && node.imgs?.length)",
        arg=type_,
        timeout=60_000,
    )


def test_comfyuis_own_first_workflow_is_drawn_unmodified_with_previews(page: Page, sketch: Sketch) -> None:
    messages = opened(page, sketch)
    page.evaluate("() => app.queuePrompt(0)")
    shows(page, "KSampler")
    shows(page, "SaveImage")
    [*_, entry] = send(sketch.url, "GET", "/history").json.values()
    assert entry["status"]["status_str"] == "success"
    prompt = entry["prompt"][2]
    assert prompt["4"]["inputs"] == {"ckpt_name": "v1-5-pruned-emaonly-fp16.safetensors"}
    assert prompt["5"]["inputs"] == {"width": 512, "height": 512, "batch_size": 1}
    assert prompt["3"]["inputs"]["seed"] == 156680208700286
    size = (
        "() => { const [img] = app.graph._nodes.find(node => node.type === 'SaveImage').imgs; "
        "return [img.naturalWidth, img.naturalHeight] }"
    )
    assert page.evaluate(size) == [512, 512]
    assert complaints(messages, sketch.url) == []


@pytest.mark.parametrize("name", ["sentence", "wish"])
def test_a_template_that_draws_runs_as_it_is(name: str, page: Page, sketch: Sketch) -> None:
    messages = opened(page, sketch)
    graph = send(sketch.url, "GET", f"/templates/{name}.json").json
    page.evaluate("([graph, name]) => app.loadGraphData(graph, true, true, name)", [graph, name])
    page.evaluate("() => app.queuePrompt(0)")
    shows(page, "SaveImage")
    [*_, entry] = wait_for(
        lambda: [
            each
            for each in send(sketch.url, "GET", "/history").json.values()
            if "ImageScale" in str(each["prompt"])
        ],
        60,
    )
    assert entry["status"]["status_str"] == "success", entry["status"]
    assert complaints(messages, sketch.url) == []
