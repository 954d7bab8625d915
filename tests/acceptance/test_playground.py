"""Drawing in the console, in a browser on the real gesso: from a sentence to a picture, and to the next."""

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

pytest.importorskip("playwright.sync_api", reason="needs the extra gesso[dev]")

from PIL import Image
from playwright.sync_api import Browser, Locator, Page, Route, expect

from tests.browser import Tab
from tests.console import console, loaded, new_user, pictures
from tests.service import ENGINE, UNHURRIED, RunningGesso, running_service
from tests.strokes import failing, template

pytestmark = pytest.mark.package("chromium")

HARBOUR = Path(__file__).parents[2] / "examples" / "harbour.png"
SKETCH = (
    '[[model]]\nname = "sketch"\naliases = ["gpt-image-1"]\n'
    'template = "sketch-text-to-image"\nedit_template = "sketch-edit"\n'
    '[[model]]\nname = "thorough"\ntemplate = "sketch-text-to-image"\ndefaults = { steps = 100 }\n'
)
# Every picture that is shown on the way.
OFFICE = """field => {
    const data = new DataTransfer()
    data.items.add(new File(["a picture of the text"], "text.png", { type: "image/png" }))
    for (const type of ["text/plain", "text/html"]) data.setData(type, "a heart")
    const paste = new ClipboardEvent("paste", { clipboardData: data, cancelable: true, bubbles: true })
    return field.dispatchEvent(paste)
}"""
NOTING = """() => {
    window.seen = new Set()
    const note = () => document.querySelectorAll(".preview[src]").forEach(each => window.seen.add(each.src))
    new MutationObserver(note).observe(document, { subtree: true, childList: true, attributeFilter: ["src"] })
}"""
PASTE = """async real => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 32, height: 32 })
    const picture = await new Promise(done => canvas.toBlob(done, "image/png"))
    const data = new DataTransfer()
    data.items.add(new File([real ? picture : "no picture"], "pasted.png", { type: "image/png" }))
    document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, cancelable: true }))
}"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGesso]:
    directory = tmp_path_factory.mktemp("playground")
    models = [
        SKETCH,
        template(directory / "strokes.json"),
        template(directory / "slow.json", seconds=2.0) + "defaults = { steps = 20 }\n",
        template(directory / "elsewhere.json", nodes={"7": {"class_type": "FluxGuidance", "inputs": {}}}),
        failing(directory / "failing.json"),
    ]
    with running_service(directory, ENGINE + UNHURRIED + "".join(models)) as running:
        yield running
        assert "Traceback" not in running.log()


def draw(page: Page, prompt: str, model: str = "sketch") -> None:
    page.get_by_label("Model").select_option(model)
    page.get_by_label("Prompt").fill(prompt)
    page.get_by_role("button", name="Draw", exact=True).click()


def stage(page: Page) -> Locator:
    return page.get_by_role("region", name="Drawing", exact=True)


def drawn(page: Page, prompt: str) -> Locator:
    """Wait for the picture of this drawing."""
    picture = stage(page).get_by_role("img", name=prompt, exact=True)
    loaded(picture)
    return picture


def newest(service: RunningGesso, key: str) -> dict[str, Any]:
    """The user's latest drawing, in full."""
    (job, *_) = service.call("GET", "/gesso/api/jobs?kind=openai", key=key).json()["jobs"]
    found: dict[str, Any] = service.call("GET", f"/gesso/api/jobs/{job['id']}", key=key).json()
    return found


def file(service: RunningGesso, key: str, **query: str) -> Image.Image:
    answer = service.call("GET", f"/view?{urlencode(query)}", key=key)
    assert answer.status == 200
    return Image.open(io.BytesIO(answer.body))


def uploaded(service: RunningGesso, key: str, name: str) -> Image.Image:
    """A picture that a job was given."""
    subfolder, _, filename = name.rpartition("/")
    return file(service, key, filename=filename, subfolder=subfolder, type="input")


def paint(page: Page, *places: tuple[float, float]) -> None:
    """With the mouse, from place to place; each in parts of the picture's sides."""
    canvas = page.locator("canvas.paint")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    across, down = (
        [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in places],
        page.mouse,
    )
    down.move(*across[0])
    down.down()
    for x, y in across[1:]:
        down.move(x, y, steps=8)
    down.up()


def test_a_drawing_is_seen_as_it_comes_goes_on_without_the_page_and_is_cancelled(
    service: RunningGesso, browser: Browser
) -> None:
    key = new_user(service, "hasty")
    with console(browser, service, key, "#/draw") as tab:
        page = tab.page
        page.evaluate(NOTING)
        page.get_by_label("Pictures").select_option("2")
        draw(page, "a big red heart", "thorough")
        expect(stage(page).get_by_role("link", name="Download")).to_have_count(2)
        seen = page.evaluate("[...window.seen]")
        assert len(seen) > 2 and all(each.startswith("data:image/") for each in seen)

        draw(page, "what hasty wrote", "slow")
        so_far = stage(page).get_by_role("img", name="The picture so far")
        expect(so_far).to_be_visible()
        expect(stage(page)).to_contain_text(re.compile(r"step \d+ of 40"))
        pictures(tab, "draw-running")
        page.reload()
        expect(page.get_by_label("Prompt")).to_have_value("what hasty wrote")
        expect(so_far).to_be_visible()
        job = newest(service, key)["id"]
        with console(browser, service, new_user(service, "curious"), "#/draw") as other:
            expect(other.page.get_by_role("heading", name="Nothing drawn yet")).to_be_visible()
            other.page.goto(f"{service.url}/gesso/#/draw/{job}")
            expect(stage(other.page).get_by_role("alert")).to_contain_text("no job")
            expect(other.page.get_by_text("hasty")).to_have_count(0)
            _only_not_found(other)
        expect(stage(page).get_by_role("status")).to_have_text("Running …")
        about = stage(page).get_by_role("link", name="About this job")
        about.focus()
        service.call("POST", f"/gesso/api/jobs/{job}/cancel", key=key)
        expect(stage(page)).to_contain_text("Cancelled before there was a picture.")
        expect(about).to_be_focused()
        expect(stage(page).get_by_role("status")).to_have_text("Cancelled.")
        expect(page.get_by_label("Prompt")).to_have_value("what hasty wrote")
        assert service.call("GET", f"/gesso/api/jobs/{job}", key=key).json()["state"] == "cancelled"
        assert service.call("GET", "/queue", key=key).json() == {"queue_running": [], "queue_pending": []}


def test_drawings_are_kept_and_their_settings_used_again(service: RunningGesso, browser: Browser) -> None:
    key = new_user(service, "newcomer")
    with console(browser, service, key, "#/draw") as tab:
        page = tab.page
        expect(page.get_by_role("heading", name="Nothing drawn yet")).to_be_visible()
        offered = page.get_by_label("Model").locator("option").all_inner_texts()
        assert offered == ["sketch", "thorough", "strokes", "slow", "elsewhere (unavailable)", "failing"]

        page.get_by_label("Model").select_option("strokes")
        page.get_by_label("Prompt").fill("a <b>boat</b>")
        page.keyboard.press("Shift+Enter")
        page.keyboard.type("in fog")
        page.keyboard.press("Enter")
        words = "a <b>boat</b> in fog"
        drawn(page, words)
        page.reload()
        drawn(page, words)
        typed = page.get_by_label("Prompt")
        expect(typed).to_have_value("a <b>boat</b>\nin fog")
        pictures(tab, "draw-done")

        job = newest(service, key)
        assert job["payload"]["openai"]["prompt"] == "a <b>boat</b>\nin fog"
        seed = str(job["payload"]["openai"]["seed"])
        expect(stage(page)).to_contain_text(f"Seed{seed}")
        with page.expect_download() as download:
            stage(page).get_by_role("link", name="Download").click()
        (made,) = job["files"]
        assert Image.open(download.value.path()).tobytes() == file(service, key, **made).tobytes()

        draw(page, "a heron")
        drawn(page, "a heron")
        page.get_by_role("listitem").filter(has_text="in fog").get_by_role("link").click()
        drawn(page, words)
        expect(stage(page).get_by_role("heading")).to_be_focused()
        page.get_by_role("button", name="Again with these settings").click()
        expect(page.get_by_label("Model")).to_have_value("strokes")
        expect(page.get_by_label("Seed", exact=True)).to_have_value(seed)
        expect(typed).to_have_value("a <b>boat</b>\nin fog")
        page.go_back()
        drawn(page, "a heron")


def test_a_picture_is_changed_where_it_was_painted_over(service: RunningGesso, browser: Browser) -> None:
    key = new_user(service, "painter")
    with console(browser, service, key, "#/draw") as tab:
        page = tab.page
        page.get_by_label("Size").select_option("128x128")
        page.get_by_label("Seed", exact=True).fill("1")
        draw(page, "a big red heart")
        drawn(page, "a big red heart")
        (made,) = newest(service, key)["files"]
        before = file(service, key, **made).convert("RGB")

        page.get_by_role("button", name="Edit this").click()
        expect(page.locator(".source .name")).to_contain_text("128 × 128")
        expect(page.get_by_role("button", name="Undo")).to_be_disabled()
        page.get_by_role("slider", name="Brush").fill("20")
        paint(page, (0.2, 0.2), (0.2, 0.8))
        paint(page, (0.9, 0.5))
        page.get_by_role("button", name="Undo").click()
        page.get_by_role("button", name="Erase").click()
        paint(page, (0.2, 0.8))
        page.get_by_label("Prompt").fill("make the heart green")
        pictures(tab, "draw-edit")
        # Neither what was typed nor what was painted is lost.
        page.reload()
        expect(page.get_by_role("button", name="Undo")).to_be_enabled()
        expect(page.get_by_label("Prompt")).to_have_value("make the heart green")
        page.get_by_label("Prompt").press("Control+Enter")
        drawn(page, "make the heart green")

        job = newest(service, key)
        asked = job["payload"]["openai"]
        assert uploaded(service, key, asked["image"]).convert("RGB").tobytes() == before.tobytes()
        mask = uploaded(service, key, asked["mask"])
        _check_mask(mask)
        (after,) = job["files"]
        kept = (64, 0, 128, 128)
        changed = file(service, key, **after).convert("RGB")
        assert changed.crop(kept).tobytes() == before.crop(kept).tobytes()
        assert changed.tobytes() != before.tobytes()

        # The same again, with the mask that was sent.
        page.get_by_role("button", name="Again with these settings").click()
        expect(page.get_by_text("The same picture")).to_be_visible()
        page.get_by_role("button", name="Draw", exact=True).click()
        expect(page.get_by_role("listitem").filter(has_text="make the heart green")).to_have_count(2)
        expect(page.locator(".card.succeeded")).to_have_count(3)
        assert (
            uploaded(service, key, newest(service, key)["payload"]["openai"]["mask"]).tobytes()
            == mask.tobytes()
        )


def test_the_brush_is_used_with_keys_and_what_it_cannot_do_now_keeps_the_focus(
    service: RunningGesso, browser: Browser
) -> None:
    with console(browser, service, new_user(service, "typist"), "#/draw") as tab:
        page = tab.page
        with page.expect_file_chooser() as chooser:
            page.get_by_text("Choose a picture").click()
        chooser.value.set_files(HARBOUR)
        paint(page, (0.2, 0.2), (0.8, 0.8))
        undo, erase, clear = (page.get_by_role("button", name=name) for name in ("Undo", "Erase", "Clear"))
        erase.press("Enter")
        expect(erase).to_have_attribute("aria-pressed", "true")
        # The second time there is nothing to be done.
        for _ in range(2):
            clear.press("Enter")
            expect(clear).to_be_disabled()
            expect(clear).to_be_focused()
        expect(erase).to_have_attribute("aria-pressed", "false")
        erase.press("Enter")
        expect(erase).to_have_attribute("aria-pressed", "false")
        undo.press("Enter")
        expect(clear).to_be_enabled()
        undo.press("Enter")
        expect(clear).to_be_disabled()
        expect(undo).to_be_disabled()
        expect(undo).to_be_focused()


def test_pictures_are_chosen_dropped_and_pasted(service: RunningGesso, browser: Browser) -> None:
    with console(browser, service, new_user(service, "collector"), "#/draw") as tab:
        page = tab.page
        with Image.open(HARBOUR) as harbour:
            size = f"{harbour.width} × {harbour.height}"
        with page.expect_file_chooser() as chooser:
            page.get_by_text("Choose a picture").click()
        chooser.value.set_files(HARBOUR)
        expect(page.locator(".source .name")).to_have_text(f"harbour.png {size}")
        expect(page.get_by_label("Size").locator("option").first).to_have_text("As the picture")
        page.get_by_role("button", name="Remove").click()
        expect(page.get_by_text("or drop one here")).to_be_visible()
        # What offices copy is text, and a picture of it.
        assert page.get_by_label("Prompt").evaluate(OFFICE)
        expect(page.get_by_role("alert")).to_have_count(0)
        page.evaluate(PASTE, False)
        expect(page.get_by_role("alert")).to_contain_text("pasted.png” is no picture")
        page.evaluate(PASTE, True)
        expect(page.locator(".source .name")).to_have_text("pasted.png 32 × 32")
        expect(page.get_by_role("alert")).to_have_count(0)
        page.get_by_label("Model").select_option("strokes")
        expect(page.get_by_text("It changes no pictures")).to_be_visible()


def test_what_goes_wrong_is_told_where_it_belongs_and_nothing_typed_is_lost(
    service: RunningGesso, browser: Browser
) -> None:
    with console(browser, service, new_user(service, "unlucky"), "#/draw") as tab:
        page = tab.page
        page.get_by_role("button", name="Draw", exact=True).click()
        prompt = page.get_by_label("Prompt")
        expect(prompt).to_be_focused()
        expect(prompt).to_have_accessible_description(re.compile("Say what to draw"))

        page.get_by_label("Size").select_option("other")
        page.get_by_label("Width in pixels").fill("77")
        page.get_by_label("Height in pixels").fill("64")
        draw(page, "a tower")
        size = page.get_by_label("Size")
        expect(size).to_be_focused()
        expect(size).to_have_accessible_description(re.compile("multiple of 8, not 77"))
        pictures(tab, "draw-wrong")
        page.get_by_label("Model").select_option("elsewhere")
        expect(page.get_by_label("Model")).to_have_accessible_description(re.compile("FluxGuidance"))
        assert all("400" in each for each in tab.complaints)
        tab.complaints.clear()

        size.select_option("auto")
        draw(page, "a tower, once more", "failing")
        expect(stage(page).locator(".problem")).to_contain_text("RegexReplace (node 5) failed")
        expect(page.locator(".card.failed")).to_be_visible()
        page.reload()
        expect(prompt).to_have_value("a tower, once more")
        expect(stage(page).locator(".problem")).to_be_visible()

        page.route("**/v1/models", _no_models)
        page.reload()
        expect(page.get_by_role("heading", name="There is no model to draw with")).to_be_visible()
        expect(prompt).to_be_hidden()


def test_a_login_that_ends_in_the_middle_loses_nothing(service: RunningGesso, browser: Browser) -> None:
    key = new_user(service, "absent")
    with console(browser, service, key, "#/draw") as tab:
        page = tab.page
        draw(page, "what goes on", "slow")
        expect(stage(page).get_by_role("img", name="The picture so far")).to_be_visible()
        page.get_by_label("Prompt").fill("what comes next")
        page.context.clear_cookies()
        page.get_by_role("button", name="Draw", exact=True).click()
        expect(page.get_by_text("Your login has ended.")).to_be_visible()
        expect(page.get_by_label("Your key")).to_be_focused()
        page.keyboard.type(key)
        page.keyboard.press("Enter")
        expect(page.get_by_label("Prompt")).to_have_value("what comes next")
        expect(stage(page).get_by_role("heading")).to_have_text("what goes on")
        stage(page).get_by_role("button", name="Cancel").click()
        expect(stage(page).get_by_role("status")).to_have_text("Cancelled.")
        # Requests that are cut off by the way to the login are complained of, too.
        assert any("401" in each for each in tab.complaints)
        tab.complaints.clear()


def _check_mask(mask: Image.Image) -> None:
    """A brush of 26 pixels went from (26, 26) down to (26, 102); the end was taken away again."""
    assert mask.size == (128, 128)
    clear = mask.getchannel("A").point(lambda alpha: 255 if alpha < 128 else 0)
    left, top, right, bottom = clear.getbbox() or (0, 0, 0, 0)
    assert [left, top, right] == pytest.approx([13, 13, 39], abs=2)
    assert 80 <= bottom <= 102
    assert [clear.getpixel(place) for place in ((26, 26), (26, 60), (60, 60), (115, 64))] == [255, 255, 0, 0]


def _no_models(route: Route) -> None:
    route.fulfill(content_type="application/json", body=json.dumps({"object": "list", "data": []}))


def _only_not_found(tab: Tab) -> None:
    assert tab.complaints and all("404" in each for each in tab.complaints)
    tab.complaints.clear()
