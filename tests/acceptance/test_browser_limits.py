"""Over a limit, ComfyUI's own frontend shows what is the matter where it shows errors."""

from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="needs the extra gesso[dev]")

from playwright.sync_api import expect

from tests.browser import chromium, opened
from tests.service import running_service

pytestmark = pytest.mark.package("chromium")

HARBOUR = Path(__file__).parents[2] / "examples" / "harbour.png"


def test_a_job_and_a_picture_over_the_limit_are_told_of_in_the_frontend(tmp_path: Path) -> None:
    with running_service(tmp_path / "data") as service, chromium() as browser:
        service.call("POST", "/gesso/api/users", {"name": "ada"})
        made = service.call("POST", "/gesso/api/keys", {"name": "browser", "account": "ada"})
        with opened(browser, service.url) as tab:
            tab.sign_in(made.json()["token"])
            tab.gallery().get_by_test_id("template-workflow-repaint").click()
            tab.has_node("LoadImage")
            tab.shown("LoadImage")
            assert not [answer for answer in tab.answers if answer.startswith("429")]
            assert len(tab.answers) > 100

            change = {"jobs_queued": 1, "storage": 1000}
            assert service.call("PATCH", "/gesso/api/users/ada/limits", change).status == 200
            with tab.page.expect_response(lambda response: response.url.endswith("/prompt")) as answered:
                tab.page.get_by_role("button", name="Run", exact=True).click()
            assert answered.value.status == 429 and int(answered.value.headers["retry-after"]) > 0
            dialog = tab.page.get_by_role("dialog")
            expect(dialog).to_contain_text("your limit is 1 KB")
            expect(dialog).to_contain_text("Delete files")
            tab.picture("comfyui-limit-1400")
            tab.page.keyboard.press("Escape")
            expect(dialog).to_be_hidden()

            # The frontend does not read the body, which says why; so there is none to be had here.
            assert tab.offer(HARBOUR).status == 429
            expect(tab.page.get_by_text("429 - Too Many Requests")).to_be_visible()
            tab.picture("comfyui-limit-upload-1400")
