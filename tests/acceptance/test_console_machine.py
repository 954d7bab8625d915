"""The machine in a browser, on the real gesso: what is wrong, engines, cards, pictures over time, alarms."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="needs the extra gesso[dev]")

from playwright.sync_api import Browser, Locator, Route, expect

from tests.browser import Tab
from tests.console import console, new_user, painting, pictures, row
from tests.console_machine import LARGE, SMALL, eight_cards, sample_an_hour, two_cards, uuid_of
from tests.faulty_fleet import engine
from tests.receivers import webhook
from tests.running import free_port, wait_for
from tests.service import PLAIN, RunningGesso, running_service

pytestmark = pytest.mark.package("chromium")

PATIENCE_S = 60.0
FLEET = "[fleet]\nback_off_s = 0.05\nback_off_limit_s = 0.2\nstop_grace_s = 5\n"
ALERTS = '[alerts]\nrecover_s = 1\noff = ["vram"]\n'


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGesso]:
    """Two cards; "painter" is held to the large one, "broken" never comes up, "slow" takes its time."""
    directory = tmp_path_factory.mktemp("machine")
    machine = directory / "machine.toml"
    two_cards(machine)
    sample_an_hour(directory / "storage", (SMALL, LARGE))
    with webhook() as ops, webhook(500) as deaf:
        notify = ""
        for name, receiver in (("ops", ops), ("deaf", deaf)):
            (directory / name).write_text(f"json://127.0.0.1:{receiver.port}/\n")
            notify += f'[[alerts.notify]]\nname = "{name}"\nurl_file = "{directory / name}"\n'
        engines = engine(name="painter", more='gpu = "3090"\n') + engine("slow-start:4", name="slow")
        engines += engine("missing-module:torch", name="broken")
        cards = f'[gpus]\nsimulate = "{machine}"\n'
        with running_service(directory, FLEET + cards + ALERTS + notify + engines) as running:
            wait_for(lambda: running.engine("broken")["state"] == "stopped-after-failures", PATIENCE_S)
            two_cards(machine, engine_pid=running.engine("painter")["pid"])
            yield running


def part(tab: Tab, name: str) -> Locator:
    return tab.page.get_by_role("region", name=name, exact=True)


def gpu(tab: Tab, words: str) -> Locator:
    return tab.page.locator(".gpu").filter(has_text=words)


def test_what_is_wrong_stands_first_with_its_evidence_and_what_to_do(
    service: RunningGesso, browser: Browser
) -> None:
    with console(browser, service, service.key, "#/engines") as tab:
        wrong = part(tab, "What is wrong").get_by_role("listitem").first
        expect(wrong).to_contain_text("Engine 'broken' failed too often and stays stopped.")
        expect(wrong).to_contain_text("Critical")
        expect(wrong).to_contain_text("missing-module")
        expect(wrong).to_contain_text("What to do: Install it into the engine's own environment")
        expect(wrong.get_by_text("No module named 'torch'")).to_be_visible()
        # What somebody folds stays folded while the page goes on.
        wrong.get_by_text("Evidence").click()
        expect(wrong.get_by_text("No module named 'torch'")).to_be_hidden()
        with tab.page.expect_response(lambda answer: answer.url.endswith("/gesso/api/alerts")):
            pass
        expect(wrong.get_by_text("No module named 'torch'")).to_be_hidden()
        wrong.get_by_text("Evidence").click()

        painter = row(tab, "painter").first
        expect(painter).to_contain_text("NVIDIA GeForce RTX 3090, seen there")
        expect(painter).to_contain_text("made its test picture")
        expect(row(tab, "broken").filter(has_text="5 restarts")).to_contain_text("Stopped after failures")
        expect(part(tab, "Over time").locator(".line").first).to_have_attribute("d", re.compile("M"))
        tab.page.set_viewport_size({"width": 1400, "height": 1500})
        pictures(tab, "machine")
        whole(tab, "machine")


def test_a_card_tells_who_holds_its_memory_and_what_is_not_known(
    service: RunningGesso, browser: Browser
) -> None:
    with console(browser, service, service.key, "#/engines") as tab:
        large = gpu(tab, "RTX 3090")
        expect(large).to_contain_text("Memory 19.3 GiB of 24 GiB · 81\u202f%")
        bar = large.get_by_role("img", name=re.compile("Memory: 19.3 GiB of 24 GiB in use"))
        expect(bar).to_have_accessible_name(re.compile("painter 9 GiB, others 10 GiB"))
        for words in (
            "98\u202f%",
            "76\u202f°C",
            "348 / 350\u202fW",
            "1695\u202fMHz",
            "Held to it: painter",
        ):
            expect(large).to_contain_text(words)
        expect(large).to_contain_text("Clocks are lowered: it is at its power limit (sw_power_cap)")
        large.get_by_text("2 processes").click()
        expect(large.get_by_text("engine painter, PID")).to_be_visible()
        expect(gpu(tab, "RTX 3080 Ti")).to_contain_text("No engine is held to it.")
        large.get_by_role("button", name="Copy the UUID of NVIDIA GeForce RTX 3090").click()
        expect(tab.page.locator("#notice")).to_contain_text(re.compile(f"{LARGE}|select the text"))


def test_pictures_over_time_have_gaps_where_nothing_is_known(service: RunningGesso, browser: Browser) -> None:
    with console(browser, service, service.key, "#/engines") as tab:
        over = part(tab, "Over time")
        chart = over.get_by_role("img", name=re.compile(r"^Utilisation: .* on average")).nth(1)
        expect(chart).to_have_accessible_name(re.compile(r"not known for 1\d min .*of 1 h"))
        assert str(chart.locator(".line").get_attribute("d")).count("M") >= 2
        expect(over).to_contain_text("in all")
        box = chart.bounding_box()
        assert box is not None
        chart.hover(position={"x": box["width"] * 0.15, "y": 10})
        expect(over.locator(".told").filter(has_text=re.compile(r"\d:\d\d: \d+"))).to_have_count(1)
        # By keyboard: the next choice.
        over.get_by_role("radio", name="Hour").focus()
        with tab.page.expect_response(re.compile("samples.*every_s=900")) as answered:
            tab.page.keyboard.press("ArrowRight")
        assert {each["span_s"] for each in answered.value.json()["samples"]} == {900}
        expect(over.get_by_role("radio", name="Day")).to_be_checked()
        expect(over.get_by_role("link", name="Download CSV")).to_have_attribute(
            "href", re.compile("since=24h")
        )


def test_an_engine_is_tested_and_what_came_of_it_stands_there(
    service: RunningGesso, browser: Browser
) -> None:
    with console(browser, service, service.key, "#/engines") as tab:
        painter = row(tab, "painter").filter(has_text="Drain")
        painter.get_by_role("button", name="Test painter", exact=True).click()
        expect(painter).to_contain_text(re.compile("The test is passed, in .*: it made a small picture"))
        expect(painter).to_contain_text("fetched after")
        painter.get_by_role("button", name="Close what the test of painter said").click()
        expect(painter).not_to_contain_text("The test is passed")


def test_a_start_is_shown_against_what_starts_usually_take(service: RunningGesso, browser: Browser) -> None:
    with console(browser, service, service.key, "#/engines/slow") as tab:
        expect(tab.page.locator(".engine .badge").first).to_have_text("Ready")
        tab.page.get_by_role("button", name="Restart slow").click()
        tab.page.get_by_role("dialog").get_by_role("button", name="Restart").click()
        expect(tab.page.get_by_role("progressbar", name="How far its start is")).to_be_visible()
        expect(tab.page.locator(".engine .progress")).to_contain_text("usually")
        expect(tab.page.get_by_role("progressbar")).to_be_hidden()
        expect(tab.page.locator(".engine .badge").first).to_have_text("Ready")


def test_alarms_tell_who_was_not_told_and_a_test_says_why(service: RunningGesso, browser: Browser) -> None:
    with console(browser, service, service.key, "#/engines") as tab:
        page = tab.page
        page.get_by_role("link", name="All alarms, and who is told of them").click()
        expect(page.get_by_role("heading", name="Alarms", level=1)).to_be_focused()
        expect(part(tab, "Open")).to_contain_text("Engine 'broken' failed too often")
        expect(part(tab, "Open")).to_contain_text("Not delivered to deaf:")
        told = part(tab, "Who is told")
        expect(told.get_by_role("listitem").filter(has_text="ops")).to_contain_text("every alarm")
        told.get_by_role("button", name="Send a test").click()
        expect(told).to_contain_text("ops: taken, in")
        expect(told.locator(".results .problem")).to_contain_text("deaf:")
        expect(part(tab, "What is an alarm")).to_contain_text("budget-spent")
        whole(tab, "alarms")

        service.call("POST", "/gesso/api/engines/broken/stop")
        expect(part(tab, "Open").get_by_text("No alarm is open.")).to_be_visible()
        expect(part(tab, "Over").get_by_role("row").nth(1)).to_contain_text("budget-spent")
        page.get_by_role("link", name="← Machine").click()
        calm = part(tab, "What is wrong").get_by_text("Nothing is wrong: no alarm is open")
        expect(calm).to_be_visible()
        expect(calm).to_contain_text("2 of 3 engines are ready. Told by gesso just now.")
        pictures(tab, "machine-calm")


def test_a_user_sees_the_machine_without_levers_and_secrets(service: RunningGesso, browser: Browser) -> None:
    service.call("POST", "/gesso/api/engines/broken/start")
    wait_for(lambda: service.engine("broken")["state"] == "stopped-after-failures", PATIENCE_S)
    with console(browser, service, new_user(service, "onlooker"), "#/engines") as tab:
        expect(row(tab, "painter").first).to_contain_text("Ready")
        expect(gpu(tab, "RTX 3090")).to_contain_text("painter 9 GiB")
        gpu(tab, "RTX 3090").get_by_text("2 processes").click()
        expect(gpu(tab, "RTX 3090")).to_contain_text("somebody else's")
        for lever in ("Stop", "Restart", "Drain", "Test"):
            expect(tab.page.get_by_role("button", name=re.compile(f"^{lever} "))).to_have_count(0)
        expect(tab.page.get_by_role("link", name=re.compile("^Log of"))).to_have_count(0)
        expect(part(tab, "Over time")).to_have_count(0)
        tab.page.goto(f"{service.url}/gesso/#/engines/painter")
        expect(tab.page.get_by_role("heading", name="painter")).to_be_visible()
        expect(tab.page.get_by_text("Address")).to_be_visible()
        tab.page.goto(f"{service.url}/gesso/#/alarms")
        expect(part(tab, "Open")).to_contain_text("broken")
        expect(tab.page.get_by_role("button", name="Send a test")).to_have_count(0)
        asked = " ".join(tab.answers)
        for path in ("samples", "/logs", "alerts/rules", "alerts/ended"):
            assert path not in asked


def test_where_one_part_is_not_answered_the_others_go_on(service: RunningGesso, browser: Browser) -> None:
    def broken(route: Route) -> None:
        error = {"error": {"message": "The cards cannot be told.", "remedy": "Look at the log.", "code": "x"}}
        route.fulfill(status=500, body=json.dumps(error), content_type="application/json")

    def missing(route: Route) -> None:
        route.fulfill(status=404, body="{}", content_type="application/json")

    with console(browser, service, service.key) as tab:
        tab.page.route("**/gesso/api/gpus", broken)
        tab.page.route("**/gesso/api/alerts", missing)
        tab.page.goto(f"{service.url}/gesso/#/engines")
        expect(tab.page.get_by_role("alert")).to_have_text("The cards cannot be told.Look at the log.")
        expect(row(tab, "painter").first).to_contain_text("Ready")
        expect(part(tab, "Cards")).to_have_count(0)
        expect(tab.page.get_by_role("link", name="All alarms")).to_have_count(0)
        tab.page.unroute("**/gesso/api/gpus")
        expect(gpu(tab, "RTX 3090")).to_be_visible()
        expect(tab.page.get_by_role("alert")).to_have_count(0)
        assert [each for each in tab.complaints if "500" not in each and "404" not in each] == []
        tab.complaints.clear()


def test_a_waiting_job_says_why_no_engine_takes_it(service: RunningGesso, browser: Browser) -> None:
    for name in ("painter", "slow"):
        service.call("POST", f"/gesso/api/engines/{name}/drain")
    key = new_user(service, "patient")
    service.submit(painting("something else", seed=4), key=key)
    try:
        with console(browser, service, key) as tab:
            expect(row(tab, "something else")).to_contain_text(re.compile("next; .*(painter|engine)"))
    finally:
        for name in ("painter", "slow"):
            service.call("POST", f"/gesso/api/engines/{name}/resume")


def test_twelve_engines_and_eight_cards_can_be_overlooked(tmp_path: Path, browser: Browser) -> None:
    machine, port = tmp_path / "machine.json", free_port()
    eight_cards(machine, ())
    sample_an_hour(tmp_path / "storage", map(uuid_of, range(8)))
    # One runs, and the others are the same, as somebody else's.
    first = engine(name="first", more=f'port = {port}\ngpu = "{uuid_of(0)}"\n')
    others = "".join(
        f'[[engine]]\nname = "elsewhere-{number:02}"\nkind = "sketch"\nurl = "http://127.0.0.1:{port}"\n'
        for number in range(10)
    )
    lost = engine(name="last", more=f'gpu = "{uuid_of(6)}"\n')
    cards = f'[gpus]\nsimulate = "{machine}"\n'
    with running_service(tmp_path, FLEET + cards + first + others + lost) as service:
        eight_cards(machine, (service.engine("first")["pid"],))
        service.submit(PLAIN)
        with console(browser, service, service.key, "#/engines") as tab:
            expect(tab.page.locator(".row.engine")).to_have_count(12)
            expect(tab.page.locator(".gpu")).to_have_count(8)
            expect(gpu(tab, uuid_of(6))).to_contain_text("Lost")
            silent = gpu(tab, uuid_of(5))
            expect(silent).to_contain_text("Memory not known of 80 GiB")
            expect(silent.get_by_role("img")).to_have_count(0)
            assert "0\u202f%" not in silent.inner_text()
            expect(gpu(tab, uuid_of(0))).to_contain_text("first 5 GiB")
            expect(part(tab, "What is wrong")).to_contain_text("card-lost")
            expect(part(tab, "Over time").locator(".series")).to_have_count(9)
            whole(tab, "machine-many")


def whole(tab: Tab, name: str) -> None:
    """The whole page in all looks, however long."""
    for label, width in (("1400", 1400), ("390", 390)):
        for scheme in ("light", "dark"):
            tab.page.set_viewport_size({"width": width, "height": 900})
            tab.page.emulate_media(color_scheme=scheme)
            tab.picture(f"console-{name}-whole-{scheme}-{label}", whole=True)
            assert not tab.page.evaluate("document.documentElement.scrollWidth > innerWidth"), (name, width)
    tab.page.set_viewport_size({"width": 1400, "height": 900})
    tab.page.emulate_media(color_scheme="light")
