"""ComfyUI's own frontend, opened through the gateway: a newcomer's first visit, and a day's work."""

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="needs the extra gesso[dev]")

from playwright.sync_api import Browser, expect

from tests.browser import opened
from tests.service import RunningGesso, running_service

pytestmark = pytest.mark.package("chromium")

HARBOUR = Path(__file__).parents[2] / "examples" / "harbour.png"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGesso]:
    with running_service(tmp_path_factory.mktemp("browser")) as running:
        yield running
        assert "Traceback" not in running.log()


def test_a_newcomer_signs_in_and_the_first_workflow_offered_paints_a_picture(
    service: RunningGesso, browser: Browser
) -> None:
    with opened(browser, service.url) as tab:
        assert tab.page.url == f"{service.url}/gesso/login"
        tab.sign_in(service.new_key("newcomer"))
        gallery = tab.gallery()
        tab.picture("comfyui-gallery-1400")
        gallery.get_by_test_id("template-workflow-evening").click()
        tab.has_node("SketchSteps")
        expect(gallery).to_be_hidden()
        tab.run()
        tab.painting()
        tab.picture("comfyui-painting-1400")
        shown = tab.shown("SaveImage").removeprefix(service.url)
        assert f"200 GET {shown}" in tab.answers
        tab.page.locator(".queue-tab-button").click()
        expect(tab.page.locator(".task-item img")).to_be_visible()
        tab.picture("comfyui-history-1400")
        tab.page.locator(".queue-tab-button").click()
        tab.page.set_viewport_size({"width": 390, "height": 844})
        tab.picture("comfyui-390")
        for heard in ("status", "execution_start", "progress_state", "progress", "binary 4", "executed"):
            assert tab.heard[heard], f"never heard of {heard}: {tab.heard}"
        assert tab.complaints == []


def test_comfyuis_own_first_workflow_is_drawn_as_it_is_and_seen_on_the_way(
    service: RunningGesso, browser: Browser
) -> None:
    key = service.new_key("beginner")
    # As after the first visit: then the frontend opens with it.
    assert service.call("POST", "/settings/Comfy.TutorialCompleted", True, key=key).status == 200
    with opened(browser, service.url, width=1600, height=800) as tab:
        tab.sign_in(key)
        tab.has_node("KSampler")
        tab.page.locator("#graph-canvas").press(".")
        job = tab.run()
        tab.painting("KSampler")
        tab.picture("comfyui-drawing-1600")
        shown = tab.shown("SaveImage").removeprefix(service.url)
        assert f"200 GET {shown}" in tab.answers
        tab.picture("comfyui-drawn-1600")
        assert tab.heard["progress"] >= 10 and tab.heard["binary 4"] >= 10
        assert tab.complaints == []
    item = service.call("GET", f"/history/{job}", key=key).json()[job]
    assert item["status"]["status_str"] == "success"
    prompt = item["prompt"][2]
    assert prompt["4"]["inputs"] == {"ckpt_name": "v1-5-pruned-emaonly-fp16.safetensors"}
    assert prompt["5"]["inputs"] == {"width": 512, "height": 512, "batch_size": 1}
    assert prompt["3"]["inputs"]["steps"] == 20


def test_a_picture_of_ones_own_a_saved_workflow_a_cancelled_job(
    service: RunningGesso, browser: Browser
) -> None:
    key = service.new_key("regular")
    with opened(browser, service.url) as tab:
        tab.sign_in(key)
        tab.gallery().get_by_test_id("template-workflow-repaint").click()
        tab.has_node("LoadImage")
        assert "example.png" in tab.shown("LoadImage")
        tab.upload(HARBOUR)
        tab.page.wait_for_function(
            "() => app.graph.nodes.find(node => node.type === 'LoadImage').widgets[0].value === 'harbour.png'"
        )
        tab.set_widget("SketchSteps", "seconds", 0.01)
        tab.save_as("my harbour")
        job = tab.run()
        tab.shown("SaveImage")
        prompt = service.call("GET", f"/history/{job}", key=key).json()[job]["prompt"][2]
        assert prompt["1"]["inputs"]["image"] == "harbour.png"

        tab.page.reload()
        tab.loaded()
        tab.has_node("SketchSteps")
        tab.page.locator(".workflows-tab-button").click()
        expect(tab.page.get_by_text("my harbour.json")).to_be_visible()
        tab.picture("comfyui-workflows-1400")

        tab.set_widget("SketchSteps", "seconds", 30)
        tab.set_widget("SketchSteps", "seed", 1)
        slow = tab.run()
        tab.page.wait_for_function(
            "() => document.querySelector('[aria-label=\"Cancel current run\"]:enabled')"
        )
        tab.page.get_by_role("button", name="Cancel current run").click()
        tab.page.locator(".queue-tab-button").click()
        expect(tab.page.locator(".task-item").first).to_contain_text("Cancelled")
        tab.picture("comfyui-cancelled-1400")
        status = service.call("GET", f"/history/{slow}", key=key).json()[slow]["status"]
        assert status["status_str"] == "error"
        assert status["messages"][-1][0] == "execution_interrupted"

        expect(tab.page.locator(".task-item")).to_have_count(2)
        tab.page.locator(".task-item").first.click(button="right")
        tab.page.get_by_role("menuitem", name="Delete").click()
        expect(tab.page.locator(".task-item")).to_have_count(1)
        assert list(service.call("GET", "/history", key=key).json()) == [job]
        assert tab.complaints == []


def test_a_page_opened_by_a_key_in_its_address_works_and_tells_nobody_the_address(
    service: RunningGesso, browser: Browser
) -> None:
    assert service.call("POST", "/gesso/api/users", {"name": "viewer"}).status == 201
    made = service.call("POST", "/gesso/api/keys", {"name": "frame", "account": "viewer", "in_url": True})
    token: str = made.json()["token"]
    # Without the slash at its end, as people copy it.
    with opened(browser, f"{service.url}/k/{token}") as tab:
        referrers: list[str] = []
        tab.page.on("request", lambda asked: referrers.append(asked.headers.get("referer", "")))
        tab.loaded()
        tab.gallery().get_by_test_id("template-workflow-evening").click()
        tab.has_node("SketchSteps")
        tab.set_widget("SketchSteps", "seconds", 0.05)
        job = tab.run()
        assert tab.shown("SaveImage").startswith(f"{service.url}/k/{token}/api/view?")
        tab.picture("comfyui-by-address-1400")
        for heard in ("status", "execution_start", "progress", "binary 4", "executed"):
            assert tab.heard[heard], f"never heard of {heard}: {tab.heard}"
        tab.save_as("by address")
        tab.page.reload()
        tab.loaded()
        tab.has_node("SketchSteps")
        assert tab.page.context.cookies() == [] and not any(referrers)
        assert tab.complaints == []
    owner = service.call("GET", f"/gesso/api/jobs/{job}").json()["owner"]
    assert owner == "viewer" and token not in service.log()
