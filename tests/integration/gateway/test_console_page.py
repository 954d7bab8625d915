"""The console in a real browser with much to show, and with a gesso that goes away for a moment."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, insert

from gesso.database.schema import job
from gesso.jobs.job import Spec
from tests.integration.gateway.console_page import async_api, page_of
from tests.integration.gateway.door import opened

pytestmark = pytest.mark.package("chromium")

HOSTILE = '<img src=x onerror="document.title=1">'


def _many(conn: Connection, like: dict[str, Any], number: int) -> None:
    """As many ended jobs, one a second."""
    rows = [
        {
            **like,
            "id": f"old-{index}",
            "state": "succeeded",
            "payload": {"prompt": {"1": {"class_type": "X", "inputs": {"text": f"{HOSTILE} {index}"}}}},
            "started": like["created"] - index - 1,
            "finished": like["created"] - index,
            "outputs": {"1": {"images": [{"filename": f"{index}.png", "subfolder": "", "type": "output"}]}},
        }
        for index in range(number)
    ]
    conn.execute(insert(job), rows)


def _row(conn: Connection, job_id: str) -> dict[str, Any]:
    row = conn.execute(job.select().where(job.c.id == job_id)).one()._asdict()
    del row["seq"]
    return row


def test_a_thousand_jobs_are_leafed_through_and_their_words_stay_words(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door:
            owner = (await door.access.account("ada")).id
            prompt = {"prompt": {"1": {"class_type": "X", "inputs": {"text": "the newest"}}}}
            newest = await door.queue.submit(Spec(owner=owner, payload=prompt))
            await door.db.tx(_many, await door.db.tx(_row, newest.id), 1000)
            async with page_of(door) as page:
                cards = page.locator(".card")
                await page.get_by_role("listitem").filter(has_text="the newest").wait_for()
                await page.get_by_text(f"{HOSTILE} 0", exact=True).wait_for()
                more = page.get_by_role("button", name="Show older ones")
                await more.press("Enter")
                await async_api.expect(cards).to_have_count(48)
                await async_api.expect(more).to_be_focused()
                began = time.monotonic()
                while await more.count():
                    shown = await cards.count()
                    await more.click()
                    await page.wait_for_function(
                        "shown => document.querySelectorAll('.card').length > shown", arg=shown
                    )
                assert await cards.count() == 1000
                assert time.monotonic() - began < 60
                numbers = await page.locator(".card .title").all_text_contents()
                assert numbers == [f"{HOSTILE} {index}" for index in range(1000)]
                assert await page.title() == "My jobs · gesso"
                # What ends while he looks comes first, and nothing that was shown goes away.
                session = await door.queue.open_session()
                (claim,) = await door.queue.claim("away", session)
                await door.queue.finish(claim, newest.state.SUCCEEDED)
                await page.locator(".card", has_text="the newest").wait_for()
                assert await cards.count() == 1001
                assert "the newest" in (await cards.first.text_content() or "")

    asyncio.run(main())


def test_a_place_that_is_told_by_the_stream_counts_down_and_without_it_the_list_is_looked_at(
    tmp_path: Path,
) -> None:
    starts = {"low": 25.0, "likely": 41.0, "high": 70.0}

    async def without_places(route: Any) -> None:
        asked = {name: text for name, text in route.request.headers.items() if name != "if-none-match"}
        answer = await route.fetch(headers=asked)
        told = await answer.json()
        for each in told["jobs"]:
            each["position"] = None
        await route.fulfill(response=answer, json=told)

    async def main() -> None:
        async with opened(tmp_path) as door:
            owner = (await door.access.account("ada")).id
            waiting = await door.queue.submit(Spec(owner=owner, payload={"prompt": {}}))
            told = {"id": waiting.id, "place": 3, "ahead": 2, "starts_in_s": starts, "takes_s": None}
            stream = f"event: position\ndata: {json.dumps(told)}\n\n"
            async with page_of(door) as page:
                expect = async_api.expect
                row = page.get_by_role("listitem").filter(has_text="Waiting")
                await expect(row).to_contain_text("· next")
                await page.route("**/gesso/api/jobs?**", without_places)
                await page.route(
                    "**/gesso/api/events",
                    lambda route: route.fulfill(body=stream, content_type="text/event-stream"),
                )
                await page.get_by_role("link", name="My keys").click()
                await page.get_by_role("link", name="My jobs").click()
                await expect(row).to_contain_text("2 jobs ahead, starts in about 40 s (25–70 s)")
                await page.unroute_all(behavior="ignoreErrors")
                await page.route("**/gesso/api/events", lambda route: route.abort())
                await page.reload()
                await expect(row).to_contain_text("· next")
                await door.queue.cancel(owner, [waiting.id], [waiting.state])
                await page.get_by_role("heading", name="No jobs yet").wait_for()

    asyncio.run(main())


def test_what_waits_again_is_no_longer_so_far(tmp_path: Path) -> None:
    told = {"fraction": 0.4, "node": "1", "class_type": None, "step": 2, "steps": 5}
    stream = f"event: progress\ndata: {json.dumps(told)}\n\n"

    async def main() -> None:
        async with opened(tmp_path) as door:
            owner = (await door.access.account("ada")).id
            begun = await door.queue.submit(Spec(owner=owner, payload={"prompt": {}}))
            (claim,) = await door.queue.claim("away", await door.queue.open_session())
            async with page_of(door) as page:
                expect = async_api.expect
                await page.route(
                    f"**/gesso/api/jobs/{begun.id}/events**",
                    lambda route: route.fulfill(body=stream, content_type="text/event-stream"),
                    times=1,
                )
                await page.goto(f"{door.url}/gesso/#/jobs/{begun.id}")
                progress = page.get_by_role("progressbar")
                await expect(progress).to_be_visible()
                await door.queue.release(claim, refund=False)
                await expect(page.locator(".one-job")).to_contain_text("attempt 2 of")
                await expect(progress).to_be_hidden()

    asyncio.run(main())


def test_a_gesso_that_does_not_answer_is_told_of_until_it_does(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door:
            owner = (await door.access.account("ada")).id
            await door.queue.submit(Spec(owner=owner, payload={"prompt": {}}))
            async with page_of(door) as page:
                await page.get_by_text("Waiting").wait_for()
                await page.get_by_text("No engine is ready").wait_for()
                await page.route("**/gesso/api/jobs**", lambda route: route.abort())
                alert = page.get_by_role("alert")
                await alert.filter(has_text="gesso does not answer.").wait_for()
                await page.get_by_role("button", name="Cancel").click()
                assert await page.get_by_text("Waiting").count() == 1, "what was known stays"
                await page.unroute("**/gesso/api/jobs**")
                await page.get_by_role("button", name="Cancel").click()
                await page.get_by_role("heading", name="No jobs yet").wait_for()
                assert await alert.count() == 0

    asyncio.run(main())
