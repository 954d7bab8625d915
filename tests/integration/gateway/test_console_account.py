"""My account in the console: limits, what was used, the password."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from tests.integration.gateway.console_page import async_api, page_of, pictures, worked
from tests.integration.gateway.door import opened

pytestmark = pytest.mark.package("chromium")

LIMITS = {"jobs_queued": 1000, "gpu_seconds_per_day": 28_800, "storage": "10GB", "jobs_running": 2}
DAYS = {ago: 40.0 * ((ago * 37) % 23) + 12.0 for ago in range(1, 29) if ago % 6}


async def _change(page: Any, **fields: str) -> None:
    for name, value in fields.items():
        await page.locator(f"#field-{name}").fill(value)
    await page.keyboard.press("Enter")


def test_an_account_shows_what_it_has_of_its_limits_and_what_it_used(tmp_path: Path) -> None:
    async def main() -> None:
        expect = async_api.expect
        async with opened(tmp_path) as door:
            async with page_of(door, place="account") as page:
                await expect(page.get_by_text("0 of 1\u202f000 jobs waiting or running")).to_be_visible()
                await expect(page.get_by_text("No job of yours has ended in this time.")).to_be_visible()
                await expect(page.get_by_role("link", name="Download CSV")).to_be_hidden()
                await expect(page.locator(".facts")).to_contain_text("with the key “laptop”")
                assert (
                    await page.get_by_role("link", name="My account").get_attribute("aria-current") == "page"
                )
            await door.access.set_limits("ada", LIMITS)
            await worked(door, "ada", {**DAYS, 0: 4320.0})
            async with page_of(door, place="account") as page:
                text = "1 h 12 min of 8 h engine time in the last 24 hours"
                await expect(page.get_by_text(text)).to_be_visible()
                await expect(page.get_by_text("0 B of 10 GB of uploads")).to_be_visible()
                await expect(page.locator("meter")).to_have_count(5)
                chart = page.get_by_role("img", name=re.compile(r"^Engine time per day: \d+ h .* in 30 days"))
                assert await chart.locator("g").count() == 30
                await pictures(page, "account")
                await page.get_by_text("As a table").click()
                assert await page.get_by_role("row").count() == len(DAYS) + 2
                assert "1 h 12 min" in await page.get_by_role("row").nth(1).inner_text()
                async with page.expect_download() as download:
                    await page.get_by_role("link", name="Download CSV").click()
                lines = (await (await download.value).path()).read_text().splitlines()
                assert lines[0].startswith("day,jobs,") and len(lines) == len(DAYS) + 2
                await door.access.set_limits("ada", {"gpu_seconds_per_day": 4000})
                await page.reload()
                await expect(page.get_by_text("The limit is reached.")).to_be_visible()

    asyncio.run(main())


def test_a_password_is_set_and_changed_and_what_is_wrong_is_said_at_its_field(tmp_path: Path) -> None:
    async def main() -> None:
        expect = async_api.expect
        async with opened(tmp_path) as door, page_of(door, place="account") as page:
            begin = page.get_by_role("button", name="Set a password")
            await begin.press("Enter")
            await expect(page.get_by_label("New password")).to_be_focused()
            await _change(page, fresh="short", again="short")
            wrong = page.get_by_label("New password")
            await expect(wrong).to_be_focused()
            await expect(wrong).to_have_attribute("aria-invalid", "true")
            await expect(page.locator("#field-fresh-problem")).to_contain_text("at least 10 characters")
            await _change(page, fresh="a long enough one", again="another one, longer")
            await expect(page.get_by_label("The same again")).to_be_focused()
            await expect(page.locator("#field-fresh-problem")).to_be_hidden()
            await pictures(page, "password")
            await _change(page, again="a long enough one")
            await expect(page.get_by_role("status")).to_contain_text("Your password is set.")
            change = page.get_by_role("button", name="Change password")
            await expect(change).to_be_focused()
            await expect(page.get_by_role("button", name="Remove password")).to_be_hidden()

            await change.press("Enter")
            await _change(page, old="not this one", fresh="a new and long one", again="a new and long one")
            await expect(page.get_by_label("Present password")).to_be_focused()
            await expect(page.locator("#field-old-problem")).to_contain_text("is not right")
            await page.keyboard.press("Escape")
            await expect(change).to_be_focused()
            await page.get_by_role("button", name="Sign out").click()
            await page.get_by_label("Name").fill("ada")
            await page.get_by_label("Password").fill("a long enough one")
            await page.keyboard.press("Enter")
            await page.wait_for_url(f"{door.url}/")
            await page.goto(f"{door.url}/gesso/#/account")
            await expect(page.locator(".facts")).to_contain_text("with your password")

    asyncio.run(main())


def test_an_administrator_removes_his_own_password(tmp_path: Path) -> None:
    async def main() -> None:
        expect = async_api.expect
        async with opened(tmp_path) as door:
            await door.access.set_password("admin", "a long enough one")
            async with page_of(door, door.admin, "account") as page:
                await page.get_by_text("jobs waiting or running").wait_for()
                await page.get_by_role("button", name="Remove password").press("Enter")
                await page.get_by_role("dialog").get_by_role("button", name="Remove").click()
                await expect(page.get_by_role("button", name="Set a password")).to_be_focused()
                assert not await door.access.any_passwords()

    asyncio.run(main())
