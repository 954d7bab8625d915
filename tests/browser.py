"""ComfyUI's frontend in Debian's chromium: opened through the gateway, every complaint of the page kept."""

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    Response,
    WebSocket,
    expect,
    sync_playwright,
)

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-sync",
    "--no-first-run",
]
PICTURES = Path(__file__).parent / "output"
# Generous: the machine may be busy with other things.
PATIENCE_MS = 60_000
WIDGET = """
    const node = app.graph.nodes.find(node => node.type === type)
    const widget = node.widgets.find(widget => widget.name === name)
"""
LOADED = "() => window.app?.graph && window.LiteGraph?.registered_node_types?.SaveImage"


@dataclass(kw_only=True)  # no slots: Playwright keeps what it needs on the object of a bound method
class Tab:
    """One page on one gesso: what it asked, what it heard, and what it complained about."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    heard: Counter[str] = field(default_factory=Counter)

    def watch(self) -> None:
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.complaints.append(error.stack or str(error)))
        self.page.on("response", self._on_response)
        self.page.on("requestfailed", self._on_failure)
        self.page.on("websocket", self._on_websocket)
        # The frontend would also like to reach the Internet: it must do without.
        self.page.route(lambda address: not address.startswith(self.url), lambda route: route.abort())

    def _on_console(self, message: ConsoleMessage) -> None:
        address = message.location.get("url", "")
        if message.type == "error" and (address.startswith(self.url) or not address):
            self.complaints.append(f"console: {message.text} {address}")

    def _on_response(self, response: Response) -> None:
        if response.url.startswith(self.url):
            asked = f"{response.status} {response.request.method} {response.url.removeprefix(self.url)}"
            self.answers.append(asked)
            if response.status >= 400:
                self.complaints.append(asked)

    def _on_failure(self, request: Request) -> None:
        # "Aborted" is also said of an answered request whose body nobody reads.
        if request.url.startswith(self.url) and request.failure != "net::ERR_ABORTED":
            self.complaints.append(f"{request.failure} {request.method} {request.url}")

    def _on_websocket(self, websocket: WebSocket) -> None:
        websocket.on("framereceived", lambda frame: self.heard.update([_kind(frame)]))

    def sign_in(self, key: str) -> None:
        """From the login page, where the browser has been sent, to ComfyUI."""
        self.page.get_by_label("Your key").fill(key)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url(f"{self.url}/")
        self.loaded()

    def loaded(self) -> None:
        """Wait until the frontend knows the nodes, and has drawn its canvas."""
        self.page.wait_for_function(LOADED)
        self.page.locator("#graph-canvas").wait_for()

    def gallery(self) -> Locator:
        """The workflows that the frontend offers at a user's first visit, once their pictures are there."""
        self.page.wait_for_function(
            """() => {
                const pictures = [...document.querySelectorAll('[data-testid^=template-workflow-] img')]
                return pictures.length && pictures.every(picture => picture.naturalWidth)
            }"""
        )
        return self.page.get_by_test_id("template-workflows-content")

    def has_node(self, node_type: str) -> None:
        """Wait until the open workflow has a node of this type."""
        self.page.wait_for_function("type => app.graph.nodes.some(node => node.type === type)", arg=node_type)

    def set_widget(self, node_type: str, name: str, value: float) -> None:
        self.page.evaluate(
            f"""([type, name, value]) => {{ {WIDGET}; widget.value = value }}""", [node_type, name, value]
        )

    def widget(self, node_type: str, name: str) -> object:
        return self.page.evaluate(
            f"""([type, name]) => {{ {WIDGET}; return widget.value }}""", [node_type, name]
        )

    def upload(self, path: Path) -> None:
        assert self.offer(path).status == 200

    def offer(self, path: Path) -> Response:
        """Press "choose file to upload" of the loader: the canvas draws it, so no element is clicked."""
        with self.page.expect_file_chooser() as chooser:
            self.page.evaluate(
                f"([type, name]) => {{ {WIDGET}; widget.callback() }}", ["LoadImage", "upload"]
            )
        with self.page.expect_response(lambda response: response.url.endswith("/upload/image")) as answered:
            chooser.value.set_files(path)
        return answered.value

    def save_as(self, name: str) -> None:
        """Ctrl+S, a name, Enter."""
        self.page.keyboard.press("Control+s")
        self.page.get_by_role("dialog").get_by_role("textbox").fill(name)
        with self.page.expect_response(lambda response: "/userdata/workflows%2F" in response.url) as answered:
            self.page.keyboard.press("Enter")
        assert answered.value.status == 200

    def painting(self, node_type: str = "SketchSteps") -> None:
        """Wait until the slow node shows a preview of what it does."""
        self.page.wait_for_function(
            """type => app.graph.nodes.some(
                node => node.type === type && node.imgs?.[0]?.src.startsWith('blob:')
            )""",
            arg=node_type,
        )

    def run(self) -> str:
        """Press Run; the id of the job."""
        with self.page.expect_response(lambda response: response.url.endswith("/prompt")) as answered:
            self.page.get_by_role("button", name="Run", exact=True).click()
        job_id: str = answered.value.json()["prompt_id"]
        return job_id

    def shown(self, node_type: str) -> str:
        """Wait until a node of this type shows a picture; the address it came from."""
        picture = self.page.wait_for_function(
            """type => {
                const node = app.graph.nodes.find(node => node.type === type)
                const picture = node?.imgs?.[0]
                return picture?.complete && picture.naturalWidth > 0 && picture.src.includes('/view?')
                    && picture.src
            }""",
            arg=node_type,
        )
        return str(picture.json_value())

    def picture(self, name: str, *, whole: bool = False) -> None:
        """A screenshot, kept for people; `whole`: of all that can be scrolled to."""
        PICTURES.mkdir(exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}.png", full_page=whole)


def _kind(frame: str | bytes) -> str:
    if isinstance(frame, bytes):
        return f"binary {int.from_bytes(frame[:4], 'big')}"
    return str(json.loads(frame)["type"])


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(browser: Browser, url: str, *, width: int = 1400, height: int = 900) -> Iterator[Tab]:
    """A tab of a browser that has never been there: no cookie, nothing stored."""
    context = browser.new_context(viewport={"width": width, "height": height})
    expect.set_options(timeout=PATIENCE_MS)
    context.set_default_timeout(PATIENCE_MS)
    tab = Tab(page=context.new_page(), url=url)
    tab.watch()
    try:
        tab.page.goto(url)
        yield tab
    finally:
        context.close()
