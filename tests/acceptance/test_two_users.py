"""Two people at ComfyUI's frontend at once: each with a progress, previews, queue and pictures of his own."""

import json
from collections.abc import Iterator

import pytest

pytest.importorskip("playwright.sync_api", reason="needs the extra gesso[dev]")

from playwright.sync_api import Browser, Page, WebSocket, expect

from tests.browser import Tab, opened
from tests.service import RunningGesso, running_service

pytestmark = pytest.mark.package("chromium")

TWO_ENGINES = '[[engine]]\nname = "left"\nkind = "sketch"\n\n[[engine]]\nname = "right"\nkind = "sketch"\n'
FRAMES = 30


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGesso]:
    with running_service(tmp_path_factory.mktemp("two-users"), TWO_ENGINES) as running:
        yield running
        assert "Traceback" not in running.log()


def jobs_heard(page: Page) -> set[str]:
    """Fills with the ids of all jobs that the page's sockets tell it of, also in the pictures' metadata."""
    heard: set[str] = set()

    def note(frame: str | bytes) -> None:
        if isinstance(frame, bytes):
            if int.from_bytes(frame[:4], "big") == 4:
                length = int.from_bytes(frame[4:8], "big")
                heard.add(json.loads(frame[8 : 8 + length])["prompt_id"])
        elif job := json.loads(frame)["data"].get("prompt_id"):
            heard.add(job)

    def watch(socket: WebSocket) -> None:
        socket.on("framereceived", note)

    page.on("websocket", watch)
    return heard


def open_evening(tab: Tab, *, seed: int, seconds: float) -> None:
    tab.gallery().get_by_test_id("template-workflow-evening").click()
    tab.has_node("SketchSteps")
    tab.set_widget("SketchSteps", "steps", FRAMES)
    tab.set_widget("SketchSteps", "seed", seed)
    tab.set_widget("SketchSteps", "seconds", seconds)


def show_history(tab: Tab) -> None:
    tab.page.locator(".queue-tab-button").click()


def test_two_users_at_once_see_their_own_and_nothing_of_each_other(
    service: RunningGesso, browser: Browser
) -> None:
    ada_key, ben_key = service.new_key("ada"), service.new_key("ben")
    with opened(browser, service.url) as ada, opened(browser, service.url) as ben:
        ada_heard, ben_heard = jobs_heard(ada.page), jobs_heard(ben.page)
        ada.sign_in(ada_key)
        ben.sign_in(ben_key)
        open_evening(ada, seed=1, seconds=0.2)
        open_evening(ben, seed=2, seconds=0.2)
        hers, his = ada.run(), ben.run()
        # Both paint at the same time, on an engine each.
        ada.painting()
        ben.painting()
        running = {job: service.call("GET", f"/gesso/api/jobs/{job}").json() for job in (hers, his)}
        assert [each["state"] for each in running.values()] == ["running", "running"]
        assert {each["engine"] for each in running.values()} == {"left", "right"}
        for key, own in ((ada_key, hers), (ben_key, his)):
            assert [item[1] for item in service.call("GET", "/queue", key=key).json()["queue_running"]] == [
                own
            ]
        ada.picture("two-users-ada-1400")
        ben.picture("two-users-ben-1400")

        # She gives up; he goes on.
        ada.page.get_by_role("button", name="Cancel current run").click()
        show_history(ada)
        expect(ada.page.locator(".task-item").first).to_contain_text("Cancelled")
        ben.shown("SaveImage")
        show_history(ben)
        expect(ben.page.locator(".task-item img")).to_be_visible()
        show_history(ada)
        show_history(ben)

        # Both save under the same name, and find their own again.
        for tab, seed in ((ada, 11), (ben, 22)):
            tab.set_widget("SketchSteps", "seed", seed)
            tab.save_as("evening of mine")
            tab.page.reload()
            tab.loaded()
            tab.has_node("SketchSteps")
            assert tab.widget("SketchSteps", "seed") == seed
            show_history(tab)
            expect(tab.page.locator(".task-item")).to_have_count(1)

        assert ada_heard == {hers} and ben_heard == {his}
        for heard in ("status", "execution_start", "progress_state", "progress", "binary 4"):
            assert ada.heard[heard] and ben.heard[heard], f"never heard of {heard}"
        assert ada.heard["execution_interrupted"] == 1 and ben.heard["execution_interrupted"] == 0
        assert ada.complaints == [] and ben.complaints == []
    for key, own, other in ((ada_key, hers, his), (ben_key, his, hers)):
        assert list(service.call("GET", "/history", key=key).json()) == [own]
        assert service.call("GET", f"/history/{other}", key=key).json() == {}
