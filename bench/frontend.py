"""ComfyUI's frontend in a browser that was never there: until it is ready, directly and through gesso."""

import time
from contextlib import ExitStack
from statistics import median
from typing import TYPE_CHECKING

from bench.figures import Bound, Figure, Section, shown
from bench.place import Place, over
from tests import packages
from tests.running import running_sketch
from tests.service import running_service

if TYPE_CHECKING:
    from playwright.sync_api import Browser

GOAL_RATIO = 1.3
ASKED = """() => {
    const all = performance.getEntriesByType('resource').concat(performance.getEntriesByType('navigation'))
    return [all.length, all.reduce((sum, each) => sum + each.encodedBodySize, 0)]
}"""
HOW = """
From opening the address until the frontend has drawn its canvas and knows the nodes, in chromium with nothing
stored; through gesso signed in already. Directly and through gesso in turns; shown are medians, of the ratio
the median of neighbouring turns. `requests` and `MB`: what the browser asked for and got.
"""


def measure(place: Place) -> Section:
    section = Section(
        name="frontend",
        title="The frontend's first load",
        how=HOW.strip(),
        columns=("through", "ready s", "requests", "MB"),
    )
    if missing := packages.ensure("chromium"):
        section.skipped.append(f"all: {missing}")
        return section
    # Needs playwright, which is for development only.
    from tests.browser import chromium

    directory = place.folder("frontend")
    took: dict[str, list[float]] = {"direct": [], "gesso": []}
    asked: dict[str, tuple[int, int]] = {}
    with ExitStack() as stack:
        sketch = stack.enter_context(running_sketch(directory / "sketch"))
        gesso = stack.enter_context(running_service(directory / "gesso", over([sketch.url])))
        browser = stack.enter_context(chromium())
        for turn in range(-1, 2 if place.quick else 7):
            for name, url, key in (("direct", sketch.url, ""), ("gesso", gesso.url, gesso.key)):
                place.say(f"loading, {name}")
                seconds, asked[name] = _load(browser, url, key)
                if turn >= 0:  # the one before has warmed up
                    took[name].append(seconds)
    ratio = median(through / direct for direct, through in zip(took["direct"], took["gesso"], strict=True))
    for name, seconds_of in took.items():
        requests, size = asked[name]
        section.rows.append((name, shown(median(seconds_of)), str(requests), shown(size / 1e6)))
    section.figures.append(
        Figure(
            what="the frontend's first load, of direct",
            value=ratio,
            unit="",
            bound=Bound.AT_MOST,
            goal=GOAL_RATIO,
        )
    )
    return section


def _load(browser: "Browser", url: str, key: str) -> tuple[float, tuple[int, int]]:
    """Seconds until it is ready; how many requests that took, and their bytes."""
    from tests.browser import LOADED

    context = browser.new_context(viewport={"width": 1400, "height": 900})
    try:
        page = context.new_page()
        if key:
            # In the browser's name, but without loading a page.
            form: dict[str, str | float | bool] = {"key": key, "next": "/gesso/login"}
            answer = context.request.post(f"{url}/gesso/login", form=form, headers={"origin": url})
            assert answer.ok and context.cookies(), "the sign-in failed"
        page.add_init_script("performance.setResourceTimingBufferSize(5000)")
        begun = time.perf_counter()
        page.goto(f"{url}/", wait_until="commit")
        page.wait_for_function(LOADED)
        page.locator("#graph-canvas").wait_for()
        seconds = time.perf_counter() - begun
        page.wait_for_load_state("networkidle")
        requests, size = page.evaluate(ASKED)
        return seconds, (int(requests), int(size))
    finally:
        context.close()
