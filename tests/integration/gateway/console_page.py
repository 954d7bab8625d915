"""The console of a `Door` in chromium, signed in: whatever the page throws or is refused fails the test."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, insert

from gesso.database.schema import job
from gesso.jobs.job import Spec
from tests.browser import ARGUMENTS, PATIENCE_MS, PICTURES
from tests.integration.gateway.door import Door

async_api = pytest.importorskip("playwright.async_api", reason="needs the extra gesso[dev]")

WIDTHS = ((1400, 900), (390, 844))
DAY_S = 86_400.0


@asynccontextmanager
async def page_of(door: Door, key: str = "", place: str = "") -> AsyncIterator[Any]:
    """The console of ada, or of whom `key` belongs to."""
    async with async_api.async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        context = await browser.new_context(viewport={"width": 1400, "height": 900})
        async_api.expect.set_options(timeout=PATIENCE_MS)
        context.set_default_timeout(PATIENCE_MS)
        page = await context.new_page()
        failures: list[str] = []
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.on("console", lambda said: failures.append(said.text) if "Policy" in said.text else None)
        await page.goto(f"{door.url}/gesso/login?with=key&next=/gesso/%23/{place}")
        await page.keyboard.type(key or door.ada)
        await page.keyboard.press("Enter")
        await page.get_by_role("heading", level=1).wait_for()
        await page.locator("#places a").first.wait_for()
        yield page
        assert failures == []
        await browser.close()


async def pictures(page: Any, name: str) -> None:
    """Screenshots of the whole page, wide and narrow, light and dark; nothing may stick out to the side."""
    PICTURES.mkdir(exist_ok=True)
    for width, height in WIDTHS:
        await page.set_viewport_size({"width": width, "height": height})
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)
            # A dialog covers what is seen, not the whole page.
            whole = not await page.locator("dialog").count()
            await page.screenshot(path=PICTURES / f"console-{name}-{scheme}-{width}.png", full_page=whole)
        assert not await page.evaluate("document.documentElement.scrollWidth > innerWidth"), (name, width)
    await page.set_viewport_size({"width": 1400, "height": 900})
    await page.emulate_media(color_scheme="light")


async def worked(door: Door, name: str, days: dict[int, float], engine: str = "one") -> None:
    """Jobs of this account that ended so many days ago, and took an engine so many seconds."""
    owner = (await door.access.account(name)).id
    like = await door.queue.submit(Spec(owner=owner, payload={"prompt": {}}))

    def add(conn: Connection) -> None:
        row = conn.execute(job.select().where(job.c.id == like.id)).one()._asdict()
        del row["seq"]
        now = time.time()
        ended = [
            {
                **row,
                "id": f"{name}-{engine}-{ago}",
                "state": "failed" if ago % 7 == 3 else "succeeded",
                "engine": engine,
                "started": now - ago * DAY_S - seconds,
                "finished": now - ago * DAY_S,
                "seconds": seconds,
            }
            for ago, seconds in days.items()
        ]
        conn.execute(insert(job), ended)

    await door.db.tx(add)
    await door.queue.cancel(owner, [like.id], [like.state])
    await door.db.tx(lambda conn: conn.execute(job.delete().where(job.c.id == like.id)))
