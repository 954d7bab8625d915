"""The console in a browser, on the real gesso: a newcomer's first job, keys, an administrator's day."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("playwright.sync_api", reason="needs the extra gesso[dev]")

from playwright.sync_api import Browser, expect

from tests.console import console, loaded, new_user, painting, pictures, row
from tests.running import wait_for
from tests.service import PLAIN, RunningGesso, running_service

pytestmark = pytest.mark.package("chromium")

FAILING: dict[str, Any] = {
    "1": PLAIN["1"],
    "2": {
        "class_type": "ImageScale",
        "inputs": {
            "image": ["1", 0],
            "upscale_method": "lanczos",
            "width": 16384,
            "height": 16384,
            "crop": "disabled",
        },
    },
    "3": {"class_type": "PreviewImage", "inputs": {"images": ["2", 0]}},
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGesso]:
    with running_service(tmp_path_factory.mktemp("console")) as running:
        yield running
        assert "Traceback" not in running.log()


def test_a_newcomers_first_job_appears_and_ends_while_he_looks(
    service: RunningGesso, browser: Browser
) -> None:
    key = new_user(service, "newcomer")
    with console(browser, service, key) as tab:
        page = tab.page
        expect(page.get_by_role("heading", name="No jobs yet")).to_be_visible()
        expect(page.locator("#who")).to_have_text("newcomeruser")
        expect(page.get_by_role("link", name="Open ComfyUI").first).to_have_attribute("href", "/")
        assert page.get_by_role("navigation").get_by_role("link").all_inner_texts() == [
            "My jobs",
            "Draw",
            "My keys",
            "My account",
            "Machine",
        ]
        pictures(tab, "newcomer")

        prompt = painting("a boat <b>in</b> fog", seconds=1.0)
        job = service.submit(prompt, key=key)
        expect(row(tab, "a boat <b>in</b> fog")).to_contain_text("Running")
        card = page.locator(".card", has_text="a boat <b>in</b> fog")
        expect(card).to_contain_text("ran ")
        loaded(card.locator("img"))
        expect(page.get_by_role("heading", name="Now")).to_be_hidden()

        card.get_by_role("link").click()
        expect(page.get_by_role("heading", level=1)).to_be_focused()
        full = page.get_by_role("img", name="What the job made: boat_00001_.png")
        loaded(full)
        assert full.evaluate("each => each.naturalWidth") == 640
        expect(page.get_by_text("Text of node 5")).to_be_visible()
        with page.expect_download() as download:
            page.get_by_role("button", name="Download workflow (API format)").click()
        assert json.loads(download.value.path().read_text()) == prompt
        with page.expect_download() as download:
            page.get_by_role("link", name="Download").click()
        assert (
            download.value.path().read_bytes()
            == service.call("GET", "/view?filename=boat_00001_.png&subfolder=sea&type=output", key=key).body
        )
        page.get_by_text("What was asked for: 5 nodes").click()
        expect(page.get_by_text("from node 1")).to_be_visible()
        assert job in page.url
        pictures(tab, "job")


def test_jobs_are_cancelled_and_failures_are_told_with_their_node(
    service: RunningGesso, browser: Browser
) -> None:
    key = new_user(service, "regular")
    for number, words in enumerate(("three pears on a table", "an old sailor, thick paint", "poppies, wind")):
        service.submit(painting(words, seed=number), key=key)
    service.ended(service.submit(FAILING, key=key), key=key)
    service.submit(painting("a lighthouse by night", seconds=15.0, seed=1), key=key)
    service.submit(painting("barley under clouds", seed=2), key=key)
    service.submit(painting("a quiet harbour", seed=3), key=key)
    with console(browser, service, key) as tab:
        page = tab.page
        expect(page.locator(".card")).to_have_count(4)
        expect(row(tab, "a lighthouse by night")).to_contain_text("Running")
        expect(row(tab, "barley under clouds")).to_contain_text("Waiting")
        expect(row(tab, "a quiet harbour")).to_contain_text(re.compile(r"· (next|1 job ahead|2 jobs ahead)"))
        expect(row(tab, "a lighthouse by night").get_by_role("progressbar")).to_be_visible()
        for picture in page.locator(".card img").all():
            loaded(picture)
        pictures(tab, "jobs")

        row(tab, "barley under clouds").get_by_role("button", name="Cancel").click()
        # It may wait at the engine already, which is then told to stop it.
        expect(page.get_by_role("status")).to_contain_text(re.compile("Cancelled|told to stop"))
        expect(page.locator(".row", has_text="barley under clouds")).to_have_count(0)
        row(tab, "a lighthouse by night").get_by_role("button", name="Cancel").click()
        card = page.locator(".card", has_text="a lighthouse by night")
        expect(card).to_contain_text("Cancelled")
        expect(page.locator(".card", has_text="a quiet harbour").locator("img")).to_be_visible()
        assert service.call("GET", "/queue", key=key).json() == {"queue_running": [], "queue_pending": []}

        failed = page.locator(".card.failed")
        expect(failed).to_contain_text("ImageScale (node 2)")
        failed.get_by_role("link").click()
        expect(page.locator(".problem")).to_contain_text("sketch makes none above")
        page.get_by_text("Traceback").click()
        pictures(tab, "failed")


def test_all_is_reached_by_keyboard_and_the_focus_is_never_lost(
    service: RunningGesso, browser: Browser
) -> None:
    with console(browser, service, new_user(service, "walker")) as tab:
        page = tab.page
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_be_focused()
        page.keyboard.press("Shift+Tab")
        expect(page.get_by_role("button", name="Sign out")).to_be_focused()
        for expected in ("Open ComfyUI", "Machine", "My account", "My keys"):
            page.keyboard.press("Shift+Tab")
            expect(page.get_by_role("banner").get_by_role("link", name=expected)).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="My keys")).to_be_focused()
        expect(row(tab, "this browser")).to_be_visible()
        page.keyboard.press("Tab")
        add = page.get_by_role("button", name="New key")
        expect(add).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(add).to_be_focused()


def test_a_key_is_made_works_and_is_revoked_all_by_keyboard(service: RunningGesso, browser: Browser) -> None:
    with console(browser, service, new_user(service, "typist"), "#/keys") as tab:
        page = tab.page
        page.get_by_role("button", name="New key").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_label("Name")).to_be_focused()
        page.keyboard.type("render script")
        page.keyboard.press("Tab")
        page.keyboard.press("End")
        for _ in ("It ends", "It may also stand in an address", "Cancel", "Create key"):
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        made = page.get_by_role("dialog", name="The key “render script”")
        token = made.get_by_label("Key", exact=True).input_value()
        pictures(tab, "new-key")
        whoami = service.call("GET", "/gesso/api/whoami", key=token).json()
        assert (whoami["account"], whoami["scopes"]) == ("typist", ["jobs:own"])
        page.keyboard.press("Escape")
        expect(page.locator("dialog")).to_have_count(0)
        assert token not in page.content()
        expect(row(tab, "render script")).to_contain_text("own jobs and pictures")
        expect(row(tab, "render script")).to_contain_text("ends in 90 days")
        pictures(tab, "keys")

        revoke = page.get_by_role("button", name="Revoke render script")
        revoke.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog", name="Revoke “render script”?")).to_be_visible()
        page.keyboard.press("Tab")
        expect(page.get_by_role("dialog").get_by_role("button", name="Revoke")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_text("Revoked and expired (1)")).to_be_visible()
        assert service.call("GET", "/gesso/api/whoami", key=token).status == 401
        assert tab.complaints == []

        # The key that this browser signed in with: the page leads to the login, and back from there.
        page.get_by_role("button", name="Revoke browser").click()
        page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
        page.wait_for_url("**/gesso/login?ended=true&next=*")
        other = service.call("POST", "/gesso/api/keys", {"name": "other", "account": "typist"}).json()[
            "token"
        ]
        page.get_by_label("Your key").fill(other)
        page.keyboard.press("Enter")
        page.wait_for_url(f"{service.url}/gesso/#/keys")
        expect(page.get_by_role("heading", name="My keys")).to_be_visible()
        assert all("401" in complaint for complaint in tab.complaints)
        tab.complaints.clear()
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url(f"{service.url}/gesso/login")


def test_an_administrator_sees_the_queue_of_all_but_not_what_they_wrote(
    service: RunningGesso, browser: Browser
) -> None:
    key = new_user(service, "ada")
    job = service.submit(painting("what ada wrote", seconds=15.0, seed=7), key=key)
    wait_for(lambda: service.call("GET", f"/gesso/api/jobs/{job}", key=key).json()["state"] == "running", 60)
    second = service.submit(painting("what she wrote then", seconds=15.0, seed=8), key=key)
    with console(browser, service, service.key, "#/queue") as tab:
        page = tab.page
        jobs = row(tab, "ada").filter(has_text="SketchSteps")
        mine = jobs.first
        expect(mine).to_contain_text("Running")
        expect(jobs.nth(1)).to_contain_text("· next")
        expect(page.get_by_text("wrote")).to_have_count(0)
        pictures(tab, "queue")
        service.call("POST", f"/gesso/api/jobs/{second}/cancel", key=key)
        expect(jobs).to_have_count(1)
        mine.get_by_role("button", name="Cancel").click()
        page.get_by_role("dialog").get_by_role("button", name="Cancel the job").click()
        expect(page.get_by_text("Nothing runs, and nobody waits.")).to_be_visible()
        expect(page.get_by_role("status")).to_contain_text("ada")
    assert service.ended(job, key=key)["status"]["messages"][-1][0] == "execution_interrupted"


def test_an_administrator_works_the_engines(service: RunningGesso, browser: Browser) -> None:
    with console(browser, service, service.key, "#/engines") as tab:
        page = tab.page
        engine = row(tab, "sketch")
        expect(engine).to_contain_text("Ready")
        engine.get_by_role("link", name="Log of sketch").click()
        for fact in ("Restarts", "Nodes", "Version", "127.0.0.1"):
            expect(engine).to_contain_text(fact)
        log = page.get_by_role("region", name="Log of sketch")
        expect(log).to_contain_text("listens on")
        job = service.submit(PLAIN)
        expect(log).to_contain_text(f"prompt {job} ended with success")
        pictures(tab, "engine")

        page.get_by_role("button", name="Stop sketch").click()
        page.get_by_role("dialog", name="Stop sketch?").get_by_role("button", name="Cancel").click()
        assert service.engine()["state"] in ("ready", "busy")
        page.get_by_role("button", name="Stop sketch").click()
        page.get_by_role("dialog").get_by_role("button", name="Stop").click()
        expect(page.locator(".badge")).to_have_text("Stopped")
        waiting = service.submit(PLAIN)
        page.get_by_role("link", name="My jobs").first.click()
        expect(page.get_by_text("No engine is ready at the moment.")).to_be_visible()
        page.go_back()
        page.get_by_role("button", name="Start sketch").click()
        expect(page.locator(".badge")).to_have_text("Ready")
        service.ended(waiting)
        pid = service.engine()["pid"]
        page.get_by_role("button", name="Restart sketch").click()
        page.get_by_role("dialog").get_by_role("button", name="Restart").click()
        expect(page.get_by_role("status")).to_have_text("sketch is restarted.")
        wait_for(lambda: service.engine()["pid"] not in (None, pid) and service.engine()["ready"], 60)


def test_an_engine_is_drained_and_resumed_by_keyboard(service: RunningGesso, browser: Browser) -> None:
    service.ready()
    job = service.submit(painting("the last one", seconds=30.0, seed=9))
    with console(browser, service, service.key, "#/engines") as tab:
        page = tab.page
        engine = row(tab, "sketch")
        expect(engine).to_contain_text("Busy")
        drain = page.get_by_role("button", name="Drain sketch")
        drain.focus()
        page.keyboard.press("Enter")
        resume = page.get_by_role("button", name="Resume sketch")
        expect(resume).to_be_focused()
        expect(engine).to_contain_text("Draining: 1 job left. It is given no more.")
        pictures(tab, "engine-draining")
        service.call("POST", f"/gesso/api/jobs/{job}/cancel")
        expect(engine).to_contain_text("Drained: it has nothing to do")
        page.keyboard.press("Enter")
        expect(drain).to_be_focused()
        expect(engine).not_to_contain_text("Drained")
        assert not service.engine()["draining"]


def test_an_administrator_lets_users_in_and_shuts_them_out(service: RunningGesso, browser: Browser) -> None:
    with console(browser, service, service.key, "#/users") as tab:
        page = tab.page
        expect(row(tab, "you")).to_contain_text("Administrator")
        expect(page.get_by_role("button", name="Disable admin")).to_have_count(0)
        page.get_by_role("button", name="New user").click()
        page.get_by_label("Name").fill("../grace")
        page.get_by_role("button", name="Create user").click()
        expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("../grace")
        assert [each for each in tab.complaints if "400" not in each] == []
        tab.complaints.clear()
        page.get_by_label("Name").fill("grace")
        page.keyboard.press("Enter")
        page.get_by_role("dialog", name="New key for grace").get_by_role("button", name="Create key").click()
        token = page.get_by_label("Key", exact=True).input_value()
        page.get_by_role("button", name="I have it").click()
        assert service.call("GET", "/gesso/api/whoami", key=token).json()["account"] == "grace"
        pictures(tab, "users-new")
        page.get_by_role("button", name="Keys of grace").click()
        expect(page.get_by_role("dialog")).to_contain_text("first key")
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Disable grace").click()
        page.get_by_role("dialog").get_by_role("button", name="Disable").click()
        expect(row(tab, "grace")).to_contain_text("Disabled")
        assert service.call("GET", "/gesso/api/whoami", key=token).status == 401
        page.get_by_role("button", name="Enable grace").click()
        expect(page.get_by_role("button", name="Disable grace")).to_be_visible()
        assert service.call("GET", "/gesso/api/whoami", key=token).status == 200


def test_nobody_else_sees_an_administrators_places_or_their_data(
    service: RunningGesso, browser: Browser
) -> None:
    key = new_user(service, "ordinary")
    for place in ("users", "usage", "queue"):
        with console(browser, service, key, f"#/{place}") as tab:
            expect(tab.page.get_by_role("heading", name="My jobs")).to_be_visible()
            asked = [answer.split()[2] for answer in tab.answers if "/gesso/api/" in answer]
            assert not [path for path in asked if "users" in path or "all=true" in path]
    for path in ("users", "jobs?all=true", "keys?all=true", "engines/sketch/logs"):
        assert service.call("GET", f"/gesso/api/{path}", key=key).status == 403, path
