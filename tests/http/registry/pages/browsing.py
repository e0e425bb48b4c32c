"""A real browser for tests of pages: the system's Chromium, and what it tells while it shows one.

A page has to load without an error in the console, which is where a browser says that it refused to run
something, too. Axe looks at what it has made of the page.
"""

import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, ConsoleMessage, Dialog, Page, Request, async_playwright, expect

from tests.served import PASSWORD

AXE = Path(__file__).parents[3] / "clients" / "node_modules" / "axe-core" / "axe.min.js"
NAMES = ("chromium", "chromium-browser", "google-chrome")
ITSELF = ("chrome://", "chrome-extension://")  # what the browser has at hand: its viewer of PDF
TIMEOUT = 120_000  # milliseconds, for machines that are busy
WIDE, NARROW = {"width": 1100, "height": 800}, {"width": 320, "height": 640}
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def chromium() -> str:
    """Where the browser is. Without one nothing of this can be tested: scripts/setup installs it."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    assert found is not None, f"None of {', '.join(NAMES)} is here: run scripts/setup."
    return found


@asynccontextmanager
async def started() -> AsyncIterator[Browser]:
    """A browser that is ended behind the tests."""
    expect.set_options(timeout=TIMEOUT)
    async with async_playwright() as playwright:
        # A process of its own would imitate a GPU, a tenth of all the work, and nothing here is drawn by one.
        flags = ["--disable-gpu"]
        browser = await playwright.chromium.launch(executable_path=chromium(), timeout=TIMEOUT, args=flags)
        yield browser
        await browser.close()


class Visit:
    """A page that is open, in a browser of nobody's before, and all that it has complained of."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url
        self.told: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.told.append(f"error: {error}"))
        page.on("dialog", self._dialog)
        page.on("request", self._request)

    async def _dialog(self, dialog: Dialog) -> None:
        self.told.append(f"a script ran: {dialog.message}")
        await dialog.dismiss()

    def _console(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        # That the page itself is one of an error is what its status says.
        if message.text.startswith("Failed to load resource") and message.location["url"] == self.page.url:
            return
        self.told.append(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self.url + "/", *ITSELF)):
            self.told.append(f"asked another host: {request.url}")

    async def open(self, path: str) -> int:
        """Go to a page; its status."""
        response = await self.page.goto(self.url + path)
        assert response is not None
        return response.status

    async def findings(self, *, axe: bool = True) -> list[str]:
        """What is wrong with the page as it is: what it told, what axe finds in light and in dark, and
        whether it is wider than a narrow screen."""
        found = list(self.told)
        if axe:
            found += [*await self._axe("light"), *await self._axe("dark", ["color-contrast"])]
        await self.page.set_viewport_size(NARROW)
        wider = await self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        await self.page.set_viewport_size(WIDE)
        if wider > 0:
            found.append(f"{wider} pixels wider than a narrow screen")
        self.told.clear()
        return found

    async def _axe(self, scheme: Any, rules: Sequence[str] = ()) -> list[str]:
        await self.page.emulate_media(color_scheme=scheme)
        only = {"type": "rule", "values": rules} if rules else {"type": "tag", "values": _RULES}
        options = {"runOnly": only, "resultTypes": ["violations"]}
        found = await self.page.evaluate("options => axe.run(document, options)", options)
        return [
            f"axe, {scheme}: {one['id']}: {node['html'][:200]}: {node['failureSummary'][:300]}"
            for one in found["violations"]
            for node in one["nodes"]
        ]


@asynccontextmanager
async def visiting(browser: Browser, url: str) -> AsyncIterator[Visit]:
    """A new visitor of the registry at `url`, without cookies. Axe lies ready in every page."""
    context = await browser.new_context(viewport=WIDE, reduced_motion="reduce")  # type: ignore[arg-type]
    context.set_default_timeout(TIMEOUT)
    await context.add_init_script(path=AXE)
    try:
        yield Visit(await context.new_page(), url)
    finally:
        await context.close()


async def enter(page: Page, url: str) -> None:
    """Log in, and on to the page to publish at."""
    await page.goto(f"{url}/-/publish")
    await page.get_by_label("Name").fill("anna")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Log in").click()
    await expect(page.locator("#zone")).to_be_visible()


async def drop(page: Page, *paths: Path) -> None:
    """What a file manager does when somebody drops these on the page."""
    session = await page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        at = {"type": kind, "x": 300, "y": 300, "data": data}
        await session.send("Input.dispatchDragEvent", at)
