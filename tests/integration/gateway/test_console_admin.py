"""What the console shows administrators: limits, passwords, usage, audit; and keys for addresses."""

import asyncio
import re
from pathlib import Path

import pytest

from tests.integration.gateway.console_page import async_api, page_of, pictures, worked
from tests.integration.gateway.door import opened

pytestmark = pytest.mark.package("chromium")

LONG = "a-very-long-name-that-somebody-has-chosen-for-a-whole-department"


def test_limits_of_a_user_are_changed_taken_off_and_given_back_to_the_role(tmp_path: Path) -> None:
    async def main() -> None:
        expect = async_api.expect
        async with opened(tmp_path) as door, page_of(door, door.admin, "users") as page:
            open_limits = page.get_by_role("button", name="Limits of ada")
            await open_limits.press("Enter")
            dialog = page.get_by_role("dialog", name="Limits of ada")
            await expect(dialog.get_by_label("Queue", exact=True)).to_have_attribute(
                "placeholder", "1\u202f000"
            )
            await dialog.get_by_label("Engine time", exact=True).fill("8 h")
            await dialog.get_by_label("Storage", exact=True).fill("much")
            await dialog.get_by_label("No limit: Queue").check()
            await dialog.get_by_label("Share").fill("2")
            await page.keyboard.press("Enter")
            await expect(dialog.get_by_label("Storage", exact=True)).to_be_focused()
            await expect(page.locator("#field-storage-problem")).to_contain_text("is no size")
            await pictures(page, "limits")
            await dialog.get_by_label("Storage", exact=True).fill("10 GB")
            await page.keyboard.press("Enter")
            await expect(dialog).to_have_count(0)
            await expect(open_limits).to_be_focused()
            account = await door.access.account("ada")
            assert account.limits == {"gpu_seconds_per_day": 28800, "jobs_queued": "none", "storage": 10**10}
            assert account.weight == 2

            await open_limits.click()
            await expect(dialog.get_by_label("Engine time", exact=True)).to_have_value("8 h")
            await expect(dialog.get_by_label("Queue", exact=True)).to_be_disabled()
            await dialog.get_by_label("No limit: Queue").uncheck()
            await dialog.get_by_label("Storage", exact=True).fill("")
            await dialog.get_by_label("At the same time", exact=True).fill("2")
            await page.keyboard.press("Enter")
            await expect(dialog).to_have_count(0)
            account = await door.access.account("ada")
            assert account.limits == {"gpu_seconds_per_day": 28800, "jobs_running": 2} and account.weight == 2

    asyncio.run(main())


def test_an_administrator_gives_and_takes_a_password(tmp_path: Path) -> None:
    async def main() -> None:
        expect = async_api.expect
        async with opened(tmp_path) as door:
            await door.access.create_account(LONG)
            async with page_of(door, door.admin, "users") as page:
                ada = page.get_by_role("listitem").filter(has_text="ada")
                password = page.get_by_role("button", name="Password of ada")
                await password.press("Enter")
                await page.get_by_label("New password").fill("a long enough one")
                await page.get_by_label("The same again").fill("a long enough one")
                await page.keyboard.press("Enter")
                await expect(ada).to_contain_text("has a password")
                assert (await door.access.account("ada")).has_password
                await pictures(page, "users")
                await password.press("Enter")
                await page.get_by_role("button", name="Remove it").click()
                await page.get_by_role("dialog").get_by_role("button", name="Remove", exact=True).click()
                await expect(ada).not_to_contain_text("has a password")
                await expect(password).to_be_focused()
                await page.get_by_role("button", name="Disable ada").press("Enter")
                await page.get_by_role("dialog").get_by_role("button", name="Disable").press("Enter")
                await expect(page.get_by_role("button", name="Enable ada")).to_be_visible()
                await expect(page.get_by_role("button", name="Keys of ada")).to_be_focused()

    asyncio.run(main())


def test_usage_of_all_is_sorted_and_is_for_a_time(tmp_path: Path) -> None:
    async def main() -> None:
        expect = async_api.expect
        async with opened(tmp_path) as door:
            await door.access.create_account(LONG)
            await worked(door, "ada", {ago: 100.0 for ago in range(20)})
            await worked(door, LONG, {2: 90_000.0}, engine="two")
            async with page_of(door, door.admin, "usage") as page:
                names = page.get_by_role("rowheader")
                await expect(names).to_have_text([LONG, "ada"])
                await expect(page.get_by_text("In all 1 d 1 h of engine time, for 21 jobs.")).to_be_visible()
                await pictures(page, "usage")
                await page.get_by_role("button", name="User").press("Enter")
                await expect(names).to_have_text([LONG, "ada"])
                await page.keyboard.press("Enter")
                await expect(names).to_have_text(["ada", LONG])
                await expect(page.get_by_role("button", name="User")).to_be_focused()
                await page.get_by_label("Time").select_option("24h")
                await expect(names).to_have_text(["ada"])
                await page.get_by_label("Time").select_option("30d")
                await page.get_by_label("Rows").select_option("engine")
                await expect(names).to_have_text(["two", "one"])
                link = page.get_by_role("link", name="Download CSV")
                await expect(link).to_have_attribute("href", re.compile("by=engine.*since=30d.*format=csv"))

    asyncio.run(main())


def test_the_audit_is_leafed_through_and_narrowed(tmp_path: Path) -> None:
    async def main() -> None:
        expect = async_api.expect
        async with opened(tmp_path) as door, door.client(door.admin) as client:
            await client.post("/gesso/api/users", json={"name": LONG})
            for number in range(60):
                named = {"name": f"key {number}", "account": "ada"}
                assert (await client.post("/gesso/api/keys", json=named)).status_code == 201
            await client.patch("/gesso/api/users/ada/limits", json={"jobs_running": 2})
            async with page_of(door, door.admin, "audit") as page:
                lines = page.locator("tbody tr")
                await expect(lines).to_have_count(50)
                await expect(lines.first).to_contain_text("signed in with a key")
                await expect(lines.nth(1)).to_contain_text("changed limits")
                await pictures(page, "audit")
                await page.get_by_role("button", name="Show older ones").press("Enter")
                await expect(page.get_by_role("button", name="Show older ones")).to_have_count(0)
                await expect(page.locator("tbody")).to_contain_text("made a user")
                await client.patch("/gesso/api/users/ada/limits", json={"jobs_running": 3})
                await page.get_by_label("What", exact=True).select_option("user")
                await expect(lines.first).to_contain_text("changed limits")
                await page.get_by_label("To what").fill(LONG)
                await page.keyboard.press("Enter")
                await expect(lines).to_have_count(1)
                await page.get_by_label("Who").fill("nobody-of-this-name")
                await page.keyboard.press("Enter")
                await expect(page.get_by_text("Nothing of this kind is written down.")).to_be_visible()

    asyncio.run(main())


def test_a_key_for_addresses_is_made_with_a_warning_and_its_addresses_are_shown_once(tmp_path: Path) -> None:
    async def main() -> None:
        expect = async_api.expect
        async with opened(tmp_path) as door, page_of(door, place="keys") as page:
            await page.get_by_role("button", name="New key").press("Enter")
            await page.get_by_label("Name").fill("picture frame")
            warning = page.get_by_text("Addresses stay in histories")
            await expect(warning).to_be_hidden()
            box = page.get_by_role("checkbox", name="It may also stand in an address")
            await box.focus()
            await page.keyboard.press("Space")
            await expect(warning).to_be_visible()
            await pictures(page, "new-key-in-addresses")
            await page.get_by_role("button", name="Create key").click()
            token = await page.get_by_label("Key", exact=True).input_value()
            address = await page.get_by_role("textbox", name="ComfyUI's address").input_value()
            assert address == f"{door.url}/k/{token}/"
            await expect(page.get_by_role("textbox", name="Or at the end")).to_have_value(f"?token={token}")
            await pictures(page, "key-in-addresses")
            await page.get_by_role("button", name="Copy: ComfyUI's address").click()
            await expect(page.get_by_role("status")).to_contain_text(re.compile("Copied|Ctrl"))
            await page.keyboard.press("Escape")
            await expect(page.locator("dialog")).to_have_count(0)
            assert token not in await page.content()
            row = page.get_by_role("listitem").filter(has_text="picture frame")
            await expect(row).to_contain_text("also in addresses")
            async with door.client() as client:
                assert (await client.get(f"{address}who")).status_code == 200

    asyncio.run(main())
