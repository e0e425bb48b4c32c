"""Publishing in a real browser with its script: folders that are dropped, and connections that are lost."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Route, expect

from couchreg.web.rendering import static
from tests.http.registry.pages.browsing import drop, enter, started, visiting
from tests.served import Served, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")
GDP = Path(__file__).parents[3] / "data" / "packages" / "gdp"
PIECE = 64 << 10  # bytes of one request, here


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def registry(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    async with serving(tmp_path_factory.mktemp("dropping")) as serve:
        yield await serve()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with started() as browser:
        yield browser


async def test_a_real_package_is_dropped_checked_and_published(registry: Served, browser: Browser) -> None:
    async with visiting(browser, registry.url) as visit:
        page = visit.page
        await enter(page, registry.url)
        await drop(page, GDP)
        await expect(page.locator("#chosen")).to_contain_text("data/gdp.csv")
        await expect(page.get_by_label("Name of the package")).to_have_value("gdp")
        found = await visit.findings()
        await page.get_by_role("button", name="Go on").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Describe your data package")
        await page.get_by_role("button", name="Check it").click()
        await expect(page.get_by_role("status")).to_have_text(
            "Everything that was checked is as the descriptor says."
        )
        await page.get_by_role("button", name="Publish it").click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("gdp")
        found += await visit.findings(axe=False)
    assert found == []
    _, descriptor = await registry.get("/gdp")
    status, _, data = await registry.fetch(f"/gdp/{descriptor['version']}/data/gdp.csv")
    assert (status, data) == (200, (GDP / "data" / "gdp.csv").read_bytes())
    assert registry.registry.sessions.of("anna") == []


async def test_files_without_a_descriptor_get_one_and_what_is_wrong_is_said_row_by_row(
    registry: Served, browser: Browser, tmp_path: Path
) -> None:
    folder = tmp_path / "ملف <b>Hives of ~ 2024"
    (folder / "data").mkdir(parents=True)
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("secret")
    (folder / "data" / "<img src=x onerror=alert(1)>.csv").write_text("hive,bees\nnorth,4\n")
    (folder / "data" / "ثان.csv").write_text("hive,bees\nnorth,4\nsouth,many\n")
    (folder / "empty.txt").write_bytes(b"")
    async with visiting(browser, registry.url) as visit:
        page = visit.page
        await enter(page, registry.url)
        await drop(page, folder)
        await expect(page.locator("#chosen li")).to_have_count(3)
        await expect(page.get_by_label("Name of the package")).to_have_value("b-hives-of-2024")
        await page.get_by_label("Name of the package").fill("hives")
        await page.get_by_role("button", name="Go on").click()
        await expect(page.get_by_role("alert")).to_contain_text("not a name that every system")
        assert [one for one in visit.told if "400" not in one] == []  # which the console tells of
        visit.told.clear()
        (folder / "data" / "<img src=x onerror=alert(1)>.csv").rename(folder / "data" / "one.csv")
        await drop(page, folder)
        await page.get_by_role("button", name="Go on").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Describe your data package")
        bees = page.get_by_label("Type of bees")
        for place in range(await bees.count()):
            await bees.nth(place).select_option("integer")
        await page.get_by_role("button", name="Check it").click()
        await expect(page.get_by_role("region", name="Problems")).to_contain_text("row 3")
        assert await visit.findings(axe=False) == []
        assert "secret" not in await page.content()
        assert ".git" not in await page.content()


async def test_a_large_file_goes_on_where_a_lost_connection_has_left_it(
    registry: Served, browser: Browser, tmp_path: Path
) -> None:
    large = tmp_path / "large.bin"
    large.write_bytes(bytes(range(256)) * 400)
    script = static("publish.js").decode()
    written = "PIECE = 32 << 20"
    assert written in script
    script = script.replace(written, f"PIECE = {PIECE}")
    ranges: list[str] = []

    async def lose(route: Route) -> None:
        ranges.append(route.request.headers.get("content-range", ""))
        if len(ranges) in (2, 3):
            await route.abort("connectionfailed")
        else:
            await route.continue_()

    async with visiting(browser, registry.url) as visit:
        page = visit.page
        await page.route(
            "**/publish.js?*", lambda route: route.fulfill(body=script, content_type="text/javascript")
        )
        await enter(page, registry.url)
        await page.route("**/-/publishing/*/*", lose)
        await drop(page, large)
        await page.get_by_role("button", name="Go on").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Describe your data package")
    size = large.stat().st_size
    rest = f"bytes {PIECE}-{size - 1}/{size}"
    assert ranges == [f"bytes 0-{PIECE - 1}/{size}", rest, rest, rest]


async def test_what_was_stopped_is_told_and_goes_on(
    registry: Served, browser: Browser, tmp_path: Path
) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(f"text of {name}")
    async with visiting(browser, registry.url) as visit:
        page = visit.page
        await enter(page, registry.url)
        await page.route("**/-/publishing/*/b.txt", lambda route: route.abort("connectionfailed"))
        await drop(page, tmp_path / "a.txt", tmp_path / "b.txt")
        await page.get_by_label("Name of the package").fill("two")
        await page.get_by_role("button", name="Go on").click()
        await expect(page.get_by_role("status")).to_contain_text("The connection is lost")
        await page.get_by_role("button", name="Stop").click()
        await expect(page.get_by_role("status")).to_contain_text("go on from here")
        await page.reload()
        await expect(page.get_by_text("two 1.0.0: 1 file is missing")).to_be_visible()
        await page.unroute("**/-/publishing/*/b.txt")
        await drop(page, tmp_path / "b.txt", tmp_path / "a.txt")
        await page.get_by_label("Name of the package").fill("two")
        sent: list[str] = []
        page.on("request", lambda request: sent.append(f"{request.method} {request.url[-5:]}"))
        await page.get_by_role("button", name="Go on").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Describe your data package")
        assert [one for one in sent if one.startswith("PUT")] == ["PUT b.txt"]


@pytest.mark.parametrize("header", [None, "0" * 64])
async def test_a_cookie_alone_announces_nothing(
    registry: Served, browser: Browser, header: str | None
) -> None:
    async with visiting(browser, registry.url) as visit:
        await enter(visit.page, registry.url)
        headers = {"Content-Type": "application/json"}
        headers |= {"X-Couchreg-Form": header} if header else {}
        manifest = {"name": "stolen", "version": "1", "draft": True, "files": {}}
        answer = await visit.page.context.request.post(
            f"{registry.url}/-/publishing", headers=headers, data=json.dumps(manifest)
        )
        assert answer.status == 403
        assert registry.registry.sessions.of("anna") == [] or all(
            record.name != "stolen" for record in registry.registry.sessions.of("anna")
        )
