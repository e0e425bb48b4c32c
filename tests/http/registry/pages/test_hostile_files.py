"""Files of a hostile package in a real browser: none of them runs anything, at whichever address."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Error, Page, Route

from tests.http.registry.pages.browsing import started, visiting
from tests.http.registry.pages.test_in_a_browser import EVIL
from tests.packages import zipped
from tests.served import Served, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def registry(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    folder: Path = tmp_path_factory.mktemp("hostile")
    async with serving(folder) as serve:
        served = await serve(validation="off")
        kind = {"Content-Type": "application/zip"}
        assert (await served.send("/evil/1.0.0", zipped(EVIL), kind))[0] == 201
        yield served


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with started() as browser:
        yield browser


async def test_files_full_of_script_are_saved_and_not_shown(registry: Served, browser: Browser) -> None:
    async with visiting(browser, registry.url) as visit:
        for path in ("/evil/1.0.0/page.html", "/evil/1.0.0/page", "/evil/1.0.0/picture.svg"):
            async with visit.page.expect_download() as saved:
                with pytest.raises(Error, match="Download is starting"):
                    await visit.open(path)
            await (await saved.value).cancel()
        assert visit.told == []


async def in_the_viewer(page: Page, address: str) -> None:
    """Until the browser's viewer is in the frame, and the paper in that."""
    async with asyncio.timeout(120):
        while [frame.url for frame in page.frames].count(address) != 2:
            await asyncio.sleep(0.05)


async def test_a_paper_is_read_in_the_page_unless_it_may_act(registry: Served, browser: Browser) -> None:
    async with visiting(browser, registry.url) as visit:
        await visit.open("/-/table/evil/1.0.0/still")
        address = await visit.page.locator("iframe").get_attribute("src")
        await in_the_viewer(visit.page, str(address))
        assert visit.told == []
        await visit.open("/-/table/evil/1.0.0/acting")
        assert await visit.page.locator("iframe").count() == 0
        async with visit.page.expect_download() as saved:
            await visit.page.get_by_role("link", name="Save it as PDF").click()
        await (await saved.value).cancel()
        assert visit.told == []


async def test_a_paper_that_acts_is_never_in_a_viewer(registry: Served, browser: Browser) -> None:
    """By whichever address: what would happen there is seen where a header is missing."""
    async with visiting(browser, registry.url) as visit:
        for path in ("/evil/1.0.0/acting", "/evil/1.0.0/acting.pdf", "/evil/1.0.0/acting?read=1"):
            async with visit.page.expect_download() as saved:
                with pytest.raises(Error, match="Download is starting"):
                    await visit.open(path)
            await (await saved.value).cancel()
        assert visit.told == []

        async def inline(route: Route) -> None:
            answer = await route.fetch()
            headers = {name: text for name, text in answer.headers.items() if name != "content-disposition"}
            await route.fulfill(response=answer, headers=headers)

        await visit.page.route("**/acting.pdf", inline)
        await visit.open("/evil/1.0.0/acting.pdf")
        async with asyncio.timeout(120):
            while "a script ran: 1" not in visit.told:
                await asyncio.sleep(0.05)
