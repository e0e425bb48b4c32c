"""Walk the way of a newcomer, and time it. Used by `scripts/newcomer`.

A registry is started as `scripts/run` starts it, on an empty directory, and somebody who has read nothing
opens its first page in a browser: chooses to publish, makes an account, picks a table of their own, publishes
what is proposed, and looks at the chart of it. Only what stands on the pages is used: links, labels and
buttons. Text is typed as people type; `--pause` adds seconds to look at each page. The seconds at which each
step was done are shown; three minutes are a failure. Nothing is installed meanwhile: `scripts/setup` was
before.
"""

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.async_api import Page, async_playwright, expect
from screenshots import ROOT, address_of, chromium

ALLOWED = 180.0  # seconds
TYPING = 120  # milliseconds between two keys
TABLE = "day,station,rain_mm\n" + "".join(
    f"2025-{month:02}-15,{station},{month * 7 % 50 + place * 4}.5\n"
    for month in range(1, 13)
    for place, station in enumerate(("north", "south"))
)


class Walk:
    """A way through pages, and when each step of it was done."""

    def __init__(self, page: Page, began: float, pause: float) -> None:
        self.page, self._began, self._pause = page, began, pause

    async def reached(self, what: str) -> None:
        print(f"{time.monotonic() - self._began:7.1f} s  {what}", flush=True)
        await asyncio.sleep(self._pause)

    async def link(self, name: str) -> None:
        await self.page.get_by_role("link", name=name, exact=True).click()

    async def button(self, name: str) -> None:
        await self.page.get_by_role("button", name=name).click()

    async def write(self, label: str, text: str) -> None:
        field = self.page.get_by_label(label, exact=True)
        await field.select_text()
        await field.press_sequentially(text, delay=TYPING)

    async def shows(self, heading: str) -> None:
        await expect(self.page.get_by_role("heading", level=1)).to_contain_text(heading)


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/newcomer", description=(__doc__ or "").split("\n\n")[1])
    parser.add_argument("--pause", type=float, default=5.0, help="seconds to look at each page (5)")
    options = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="couchreg-newcomer-") as folder:
        table = Path(folder) / "rain.csv"
        table.write_text(TABLE)
        with registry(Path(folder) / "data") as url:
            asyncio.run(walk(url, table, began, options.pause))
    took = time.monotonic() - began
    print(f"{took:7.1f} s in all, of {ALLOWED:.0f}")
    return 0 if took < ALLOWED else 1


@contextmanager
def registry(data: Path) -> Iterator[str]:
    """The address that a first start shows."""
    command = [sys.executable, str(ROOT / "scripts" / "start.py"), "--port", "0", "--couch-port", "0"]
    env = {name: text for name, text in os.environ.items() if not name.startswith("COUCHREG_")}
    with subprocess.Popen(
        [*command, "--data-dir", str(data)],
        stdout=subprocess.PIPE,
        text=True,
        env=env,
        start_new_session=True,
    ) as server:
        try:
            yield address_of(server)
        finally:
            os.killpg(server.pid, signal.SIGINT)
            server.wait()


async def walk(url: str, table: Path, began: float, pause: float) -> None:
    expect.set_options(timeout=60_000)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium())
        page = await browser.new_page()
        page.set_default_timeout(60_000)
        way = Walk(page, began, pause)
        await page.goto(url)
        await way.reached("the first page is there")
        await way.link("Publish")
        await way.shows("Log in")
        await way.reached("it asks for a login")
        await way.link("Make one")
        await way.write("Name, which others will see", "nina")
        await way.write("Password", "rain-gauge-77")
        await way.write("The password again", "rain-gauge-77")
        await way.button("Make the account")
        await way.shows("Publish a data package")
        await way.reached("there is an account, and the form for files")
        await page.get_by_label("Files: tables").set_input_files(table)
        await way.button("Go on")
        await way.shows("Describe your data package")
        await way.reached("the file is there, and a description of it is proposed")
        await way.write("Title", "Rain of the year")
        await way.button("Publish it")
        await way.shows("rain")
        await way.reached("it is published")
        await way.link("Rows and charts of rain")
        await expect(page.get_by_role("img", name="A line from")).to_be_visible()
        await way.reached("its rows and a chart of them are there")
        await browser.close()


if __name__ == "__main__":
    sys.exit(main())
