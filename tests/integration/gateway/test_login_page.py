"""The login page in a real browser: by keyboard, with and without scripts, light, dark, large and small."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gesso.access import tokens
from tests.integration.gateway.door import opened

async_api = pytest.importorskip("playwright.async_api", reason="needs the extra gesso[dev]")

pytestmark = pytest.mark.package("chromium")

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
PICTURES = Path(__file__).parents[2] / "output"


@pytest.mark.parametrize(
    ("width", "scheme", "scripts"), [(1400, "light", True), (390, "dark", True), (390, "light", False)]
)
def test_a_person_signs_in_and_out_by_keyboard(
    tmp_path: Path, width: int, scheme: str, scripts: bool
) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door, async_api.async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
            context = await browser.new_context(
                viewport={"width": width, "height": 850}, color_scheme=scheme, java_script_enabled=scripts
            )
            page = await context.new_page()
            failures: list[str] = []
            page.on("pageerror", lambda error: failures.append(str(error)))
            page.on("console", lambda said: failures.extend(_breaches(said.text)))
            await page.goto(f"{door.url}/who")
            # The field has the focus already: type, press Enter, be told, try again.
            await page.keyboard.type(tokens.new_key())
            await page.keyboard.press("Enter")
            await page.get_by_role("alert").wait_for()
            PICTURES.mkdir(exist_ok=True)
            if scripts:
                await page.screenshot(path=PICTURES / f"login-{scheme}-{width}.png")
            assert await page.get_by_label("Your key").input_value() == ""
            assert await page.get_by_role("button", name="Show").count() == (1 if scripts else 0)
            await page.keyboard.type(door.ada)
            await page.keyboard.press("Enter")
            await page.wait_for_url("**/who")
            assert "ada" in await page.content()
            await page.goto(f"{door.url}/gesso/login")
            if scripts:
                assert not await page.evaluate("document.documentElement.scrollWidth > innerWidth")
                assert await page.evaluate("document.cookie") == ""
            for _ in ("Go on", "My jobs and keys", "Sign out"):
                await page.keyboard.press("Tab")
            await page.keyboard.press("Enter")
            await page.get_by_role("heading", name="Sign in").wait_for()
            answer = await page.goto(f"{door.url}/who")
            assert answer is not None and "/gesso/login" in answer.url
            assert failures == []
            await browser.close()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("width", "scheme", "scripts"), [(1400, "light", True), (390, "dark", True), (390, "light", False)]
)
def test_a_person_signs_in_with_name_and_password(
    tmp_path: Path, width: int, scheme: str, scripts: bool
) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door, _page(width, scheme, scripts) as page:
            await door.access.set_password("ada", "ten letters")
            await page.goto(f"{door.url}/who?a=1")
            # Somebody here has a password, so that way is offered first; the name has the focus.
            ways = page.get_by_role("navigation", name="Ways to sign in")
            assert await ways.locator("[aria-current]").inner_text() == "Name and password"
            name, password = page.get_by_label("Name", exact=True), page.get_by_label("Password", exact=True)
            assert await name.get_attribute("autocomplete") == "username"
            assert await password.get_attribute("autocomplete") == "current-password"
            await _picture(page, f"login-password-{scheme}-{width}", scripts)
            await page.locator("#name:focus").wait_for()
            await page.keyboard.type("ada")
            await page.keyboard.press("Tab")
            await page.keyboard.type("not this one")
            await page.keyboard.press("Enter")
            await page.get_by_role("alert").wait_for()
            assert (await name.input_value(), await password.input_value()) == ("ada", "")
            await _picture(page, f"login-password-wrong-{scheme}-{width}", scripts)
            # The name is still there, so the password has the focus.
            await page.locator("#password:focus").wait_for()
            await page.keyboard.type("ten letters")
            if scripts:
                await page.get_by_role("button", name="Show").click()
                assert await password.get_attribute("type") == "text"
            await page.keyboard.press("Enter")
            await page.wait_for_url("**/who?a=1")
            assert "ada" in await page.content()

    asyncio.run(main())


@pytest.mark.parametrize(("width", "scheme", "scripts"), [(1400, "light", True), (390, "dark", False)])
def test_the_other_way_is_a_step_back_by_keyboard_and_is_remembered(
    tmp_path: Path, width: int, scheme: str, scripts: bool
) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door, _page(width, scheme, scripts) as page:
            await door.access.set_password("ada", "ten letters")
            await page.goto(f"{door.url}/who?a=1")
            await page.locator("#name:focus").wait_for()
            await page.keyboard.press("Shift+Tab")
            await page.keyboard.press("Enter")
            await page.locator("#key:focus").wait_for()
            await page.keyboard.type(door.ada)
            await page.keyboard.press("Enter")
            await page.wait_for_url("**/who?a=1")
            await page.goto(f"{door.url}/gesso/login")
            await page.get_by_role("button", name="Sign out").click()
            await page.get_by_label("Your key").wait_for()
            await _picture(page, f"login-key-{scheme}-{width}", scripts)
            if scripts:
                assert await page.evaluate("document.cookie") == ""

    asyncio.run(main())


@asynccontextmanager
async def _page(width: int, scheme: str, scripts: bool) -> AsyncIterator[Any]:
    """A page of a browser that has never been there; what it complains about fails the test."""
    async with async_api.async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        context = await browser.new_context(
            viewport={"width": width, "height": 850}, color_scheme=scheme, java_script_enabled=scripts
        )
        page = await context.new_page()
        failures: list[str] = []
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.on("console", lambda said: failures.extend(_breaches(said.text)))
        yield page
        assert failures == []
        await browser.close()


async def _picture(page: Any, name: str, scripts: bool) -> None:
    """A screenshot, kept for people; nothing may stick out to the side."""
    if scripts:
        PICTURES.mkdir(exist_ok=True)
        await page.screenshot(path=PICTURES / f"{name}.png")
        assert not await page.evaluate("document.documentElement.scrollWidth > innerWidth")


def _breaches(said: str) -> list[str]:
    """What the browser says when it refuses something on the page."""
    return [said] if "Content Security Policy" in said or "MIME type" in said else []
