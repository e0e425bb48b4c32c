"""Take pictures of the pages in a browser, and measure what each costs whoever opens it.

A registry with two packages of the tests is started on an empty directory, and every page is opened by a
browser that has seen none of them: in light on a wide screen, in dark on a narrow one. The pictures go to a
folder that git does not see. The table shows requests, bytes as they were sent, and milliseconds until the
first byte, until the first row or hit was there, and until the page could be read; the least of several
visits, since a browser has work of its own. A page that weighs more than is allowed is told at the end.

    scripts/screenshots                  pictures into ./screenshots, and the table
    scripts/screenshots --into /tmp/x --visits 10
"""

import argparse
import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import urlopen

from playwright.async_api import Browser, Response, async_playwright

from couchreg.client import Credentials, publish

ROOT = Path(__file__).parents[1]
PACKAGES = ("gdp", "population")
NAME, PASSWORD = "admin", "of these pictures"
PAGES = {
    "home": "/",
    "search": "/-/search?q=gdp",
    "package": "/gdp/2026",
    "table": "/-/table/gdp/2026/gdp",
    "sql": "/-/sql?q=select+*+from+gdp.gdp+limit+20",
    "login": "/-/login",
    "account": "/-/account",
    "publish": "/-/publish",
    "offline": "/-/offline",
    "admin": "/-/admin",
}
ALLOWED = 150_000  # bytes of a page, with all that it loads
FREE = ("offline",)  # which loads what keeps packages
SCREENS: dict[str, dict[str, Any]] = {
    "wide": {"viewport": {"width": 1200, "height": 900}, "color_scheme": "light"},
    "narrow": {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark"},
}
TIMES = """() => {
    const [one] = performance.getEntriesByType('navigation');
    const read = one.domContentLoadedEventEnd - one.startTime;
    return [one.responseStart - one.requestStart, window.firstRow || 0, read];
}"""
ROWS = """new MutationObserver((changes, watch) => {
    if (!document.querySelector('tbody tr, .hits li, .cards li')) return;
    window.firstRow = performance.now();
    watch.disconnect();
}).observe(document, { childList: true, subtree: true });"""


class Cost(NamedTuple):
    """What one visit took."""

    requests: int
    bytes: int
    first: float  # milliseconds
    row: float  # 0 for none
    read: float


def main() -> int:
    options = arguments().parse_args()
    with registry() as url:
        asyncio.run(take(url, Path(options.into), options.visits))
    return 0


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/screenshots", description=(__doc__ or "").split("\n\n")[1])
    parser.add_argument("--into", default=str(ROOT / "screenshots"), help="The folder of the pictures.")
    parser.add_argument("--visits", type=int, default=3, help="How often each page is opened.")
    return parser


async def take(url: str, folder: Path, visits: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium())
        cookies = await entered(browser, url)
        print(f"{'page':10}{'requests':>10}{'bytes':>10}{'first byte':>12}{'first row':>12}{'readable':>10}")
        heavy = []
        for name, path in PAGES.items():
            known = [] if name == "login" else cookies
            costs = [await look(browser, url + path, known) for _ in range(visits)]
            for screen, settings in SCREENS.items():
                await picture(browser, url + path, known, folder / f"{name}-{screen}.png", settings)
            least = [min(one[at] for one in costs) for at in range(5)]
            row = f"{least[3]:9.1f} ms" if least[3] else " " * 12
            times = f"{least[2]:9.1f} ms{row}{least[4]:7.1f} ms"
            if least[1] > ALLOWED and name not in FREE:
                heavy.append(name)
            print(f"{name:10}{least[0]:10}{least[1]:10}{times}", flush=True)
        print(f"heavier than {ALLOWED:,} bytes: {', '.join(heavy) or 'none'}")
        await browser.close()


async def entered(browser: Browser, url: str) -> list[Any]:
    """The cookies of somebody who has logged in."""
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(f"{url}/-/login")
    await page.get_by_label("Name").fill(NAME)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Log in").click()
    await page.wait_for_url(f"{url}/-/account")
    cookies = await context.cookies()
    await context.close()
    return list(cookies)


async def look(browser: Browser, address: str, cookies: list[Any]) -> Cost:
    """Open a page as somebody who has seen none."""
    context = await browser.new_context(**SCREENS["wide"])
    await context.add_cookies(cookies)
    await context.add_init_script(ROWS)
    page = await context.new_page()
    sizes: list[asyncio.Task[int]] = []
    page.on("response", lambda response: sizes.append(asyncio.ensure_future(size_of(response))))
    await page.goto(address, wait_until="networkidle")
    first, row, read = await page.evaluate(TIMES)
    sent = await asyncio.gather(*sizes)
    await context.close()
    return Cost(len(sent), sum(sent), first, row, read)


async def size_of(response: Response) -> int:
    """Bytes of an answer as they were sent."""
    await response.finished()
    sizes = await response.request.sizes()
    return sizes["responseBodySize"] + sizes["responseHeadersSize"]


async def picture(
    browser: Browser, address: str, cookies: list[Any], file: Path, settings: dict[str, Any]
) -> None:
    context = await browser.new_context(**settings)
    await context.add_cookies(cookies)
    page = await context.new_page()
    await page.goto(address)
    await page.screenshot(path=file, full_page=True)
    await context.close()


def chromium() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    sys.exit("scripts/screenshots: there is no Chromium: run scripts/setup.")


@contextmanager
def registry() -> Iterator[str]:
    """The address of a registry with some packages, whose tables can be asked."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "couchreg", "serve", "--port", "0", "--couch-port", "0"]
        command += ["--data-dir", f"{folder}/data", "--log-level", "error"]
        env = {name: text for name, text in os.environ.items() if not name.startswith("COUCHREG_")}
        env["COUCHREG_ADMIN"] = f"{NAME}:{PASSWORD}"
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=env
        ) as server:
            try:
                url = address_of(server)
                fill(url)
                yield url
            finally:
                server.terminate()


def address_of(server: "subprocess.Popen[str]") -> str:
    for line in server.stdout or ():
        label, _, rest = line.partition(" ")
        if label == "Registry":
            return rest.strip().rstrip("/")
    sys.exit("scripts/screenshots: the registry did not start.")


def fill(url: str) -> None:
    """Publish, and wait until the tables can be asked."""
    for name in PACKAGES:
        done = publish(
            url, ROOT / "tests" / "data" / "packages" / name, credentials=Credentials(NAME, PASSWORD)
        )
        while b'"pending"' in urlopen(f"{url}/-/parquet/{done.name}/{done.version}").read():
            time.sleep(0.5)


if __name__ == "__main__":
    sys.exit(main())
