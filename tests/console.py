"""The console in chromium for its tests: workflows to show, signing in, pictures of it in all looks."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Locator, expect

from tests.browser import Tab, opened
from tests.service import RunningGesso

WIDTHS = (("1400", 1400, 900), ("390", 390, 844))


def painting(words: str, *, seconds: float = 0.0, seed: int = 0) -> dict[str, Any]:
    """A workflow that paints for so long; `words` stand in it as a prompt would."""
    steps = {"image": ["1", 0], "steps": 4, "seconds": seconds, "seed": seed}
    return {
        "1": {
            "class_type": "EmptyImage",
            "inputs": {"width": 640, "height": 400, "batch_size": 1, "color": 0x3D6A80 + seed * 4099},
        },
        "2": {"class_type": "SketchSteps", "inputs": steps},
        "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": "sea/boat"}},
        "4": {"class_type": "PrimitiveString", "inputs": {"value": words}},
        "5": {"class_type": "PreviewAny", "inputs": {"source": ["4", 0]}},
    }


def new_user(service: RunningGesso, name: str) -> str:
    """A user of that name; the key."""
    return service.new_key(name, "browser")


@contextmanager
def console(browser: Browser, service: RunningGesso, key: str, place: str = "") -> Iterator[Tab]:
    """The console, signed in; whatever the browser complains about fails the test."""
    with opened(browser, service.url) as tab:
        tab.page.goto(f"{service.url}/gesso/")
        tab.page.get_by_label("Your key").fill(key)
        tab.page.keyboard.press("Enter")
        tab.page.wait_for_url(f"{service.url}/gesso/")
        tab.page.goto(f"{service.url}/gesso/{place}")
        tab.page.get_by_role("heading", level=1).wait_for()
        yield tab
        assert tab.complaints == []


def pictures(tab: Tab, name: str) -> None:
    """Screenshots wide and narrow, light and dark; nothing may stick out to the side."""
    tab.page.evaluate("scrollTo(0, 0)")
    for label, width, height in WIDTHS:
        tab.page.set_viewport_size({"width": width, "height": height})
        for scheme in ("light", "dark"):
            tab.page.emulate_media(color_scheme=scheme)
            tab.picture(f"console-{name}-{scheme}-{label}")
        assert not tab.page.evaluate("document.documentElement.scrollWidth > innerWidth"), (name, width)
    tab.page.set_viewport_size({"width": 1400, "height": 900})
    tab.page.emulate_media(color_scheme="light")


def row(tab: Tab, words: str) -> Locator:
    return tab.page.get_by_role("listitem").filter(has_text=words)


def loaded(picture: Locator) -> None:
    picture.scroll_into_view_if_needed()
    expect(picture).to_have_js_property("complete", True)
    assert picture.evaluate("each => each.naturalWidth") > 0
