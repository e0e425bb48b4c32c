"""The scripts that keep packages in a browser, each alone: what they do when things go wrong, and with tables
of unusual shapes."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Route

from couchreg.web.rendering import static
from tests.http.registry.pages.browsing import TIMEOUT, started

pytestmark = pytest.mark.asyncio(loop_scope="module")
ORIGIN = "http://127.0.0.1:18080"  # which nothing listens at: `Registry` answers
NAMES = "indexedDB.databases().then((found) => found.map((one) => one.name).sort())"
TABLE = """async ([resource, data]) => Pages.table("", {_id: "bees", version: "1.0.0"},
    {resources: [resource]}, "table", new URLSearchParams(resource.asked), async () => new Blob([data]))"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with started() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser) -> AsyncIterator[Page]:
    context = await browser.new_context()
    context.set_default_timeout(TIMEOUT)
    try:
        yield await context.new_page()
    finally:
        await context.close()


class Registry:
    """What answers a page: with `status` for the versions of bees; for documents it cuts connections, at once
    or, if it `hangs`, later."""

    def __init__(self) -> None:
        self.status, self.hangs = 200, False
        self.asked = asyncio.Event()
        self._waiting: list[Route] = []

    async def answer(self, route: Route) -> None:
        url = route.request.url
        if "/-/versions/" in url:
            row = {"version": "1.0.0", "bytes": 5}
            found = {"name": "bees", "latest": "1.0.0", "versions": [row], "reason": "No bees"}
            await route.fulfill(status=self.status, json=found)
        elif "/_couch/" not in url:
            await route.fulfill(body="<!doctype html><title>Nothing</title>", content_type="text/html")
        else:
            self._waiting.append(route)
            self.asked.set()
            if not self.hangs:
                await self.fail()

    async def fail(self) -> None:
        """Cut the connections of all that wait, and of what comes."""
        self.hangs = False
        while self._waiting:
            await self._waiting.pop().abort()


HIDDEN = "No bees (What only some may read is not taken along.)"


async def shelf(page: Page, root: str) -> None:
    await page.goto(f"{ORIGIN}{root}/")
    for name in ("pouchdb.min.js", "shelf.js"):
        await page.add_script_tag(content=static(name).decode())
    await page.evaluate("root => Shelf.at(root)", root)


async def said(page: Page, act: str) -> Any:
    """What something answers, or `kind: message` of what it throws."""
    return await page.evaluate(act + ".catch((error) => `${error.constructor.name}: ${error.message}`)")


async def kept(page: Page) -> list[tuple[str, str, list[str], str]]:
    found = await page.evaluate("Shelf.all()")
    return [(one["_id"], one["version"], one["held"], one["problem"]) for one in found]


async def test_what_did_not_come_whole_is_listed_and_leaves_nothing_else(page: Page) -> None:
    registry = Registry()
    await page.route("**/*", registry.answer)
    await shelf(page, "/a")
    assert await said(page, "Shelf.take('bees')") == "Unreachable: There is no network."
    partly = ("bees", "", [], "Not all of it is here yet.")
    assert await kept(page) == [partly]
    assert await page.evaluate(NAMES) == ["_pouch_couchreg-offline/a"]
    registry.status = 429  # which is no fault of the package
    assert await said(page, "Shelf.refresh()") == "The registry has been asked too often for now."
    assert await said(page, "Shelf.refresh(undefined, 1e7)") == ""  # not again, so soon
    registry.status = 502
    assert await said(page, "Shelf.refresh()") == "The registry answered 502."
    assert await kept(page) == [partly]
    await shelf(page, "/b")  # another registry of this host
    assert await kept(page) == []
    await shelf(page, "/a")
    registry.status = 404
    assert await said(page, "Shelf.take('bees')") == f"Unable: {HIDDEN}"
    assert await kept(page) == [partly]
    assert await said(page, "Shelf.refresh()") == ""
    assert await kept(page) == [("bees", "", [], HIDDEN)]


async def test_a_package_is_taken_and_removed_one_after_the_other(page: Page) -> None:
    registry = Registry()
    registry.hangs = True
    await page.route("**/*", registry.answer)
    await shelf(page, "")
    await page.evaluate("() => { globalThis.came = Shelf.take('bees').catch((error) => error.message); }")
    await registry.asked.wait()
    await page.evaluate("() => { globalThis.gone = Shelf.drop('bees'); }")
    assert [one[:3] for one in await kept(page)] == [("bees", "", ["1.0.0"])]
    await registry.fail()
    assert await page.evaluate("came") == "There is no network."
    await page.evaluate("gone")
    assert await kept(page) == []
    assert await page.evaluate(NAMES) == ["_pouch_couchreg-offline"]


async def test_what_a_closed_page_has_left_can_be_removed(page: Page) -> None:
    registry = Registry()
    registry.hangs = True
    await page.route("**/*", registry.answer)
    await shelf(page, "")
    await page.evaluate("() => { Shelf.take('bees').catch(() => {}); }")
    await registry.asked.wait()
    await shelf(page, "")
    assert await kept(page) == [("bees", "", ["1.0.0"], "Not all of it is here yet.")]
    await page.evaluate("Shelf.drop('bees')")
    assert await kept(page) == []
    assert await page.evaluate(NAMES) == ["_pouch_couchreg-offline"]


async def test_tables_of_unusual_shapes(page: Page) -> None:
    await page.add_script_tag(content=static("offline-pages.js").decode())
    wide = json.dumps([{f"k{n}": n for n in range(500)}])[:-1] + ", {}" * 300_000 + "]"
    for name, data, asked, shown in [
        ("empty.csv", "", {}, "0 rows"),
        ("empty.csv", "\n", {"query": "x", "order": "y"}, "0 rows"),
        ("wide.json", wide, {}, "300001 rows; these are 1 to 50"),
        ("wide.json", wide, {"query": "499"}, "1 row; these are 1 to 1"),
        ("few.json", '[{"a": 2}, {}, {"a": 10}]', {"order": "a"}, "3 rows"),
        ("few.json", '[{"constructor": 1}, {}]', {}, '<td dir="auto"></td>'),
        ("long.csv", "a\n" * 500_002, {}, "a file alone"),
        ("long.csv", "a\n" * 500_001, {}, "500000 rows"),
    ]:
        resource = {"name": "table", "path": name, "asked": asked}
        assert shown in await page.evaluate(TABLE, [resource, data]), (name, asked)
