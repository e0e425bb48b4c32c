"""Packages that a browser takes along: they are there when the server is not, and what has changed comes when
it is back."""

import asyncio
import io
import json
import re
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import unquote_plus, urlsplit

import aiohttp
import duckdb
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Route, expect

from tests.http.registry.pages.browsing import Visit, started, visiting
from tests.http.registry.pages.test_in_a_browser import EVIL
from tests.packages import Package, zipped
from tests.processes import ADMIN, running

pytestmark = [pytest.mark.long, pytest.mark.asyncio(loop_scope="module")]
GDP = Path(__file__).parents[3] / "data" / "packages" / "gdp"
OTHER = (
    "navigator.serviceWorker.register('/-/static/offline-worker.js', {scope: '/-/other/'}).then(() => null)"
)
SCOPES = """navigator.serviceWorker.getRegistrations().then(
    (found) => found.map((one) => new URL(one.scope).pathname).sort())"""
CACHED = """async (text) => {
    const cache = await caches.open("couchreg-offline pages");
    if (text) await cache.put("/-/static/offline.js", new Response(text));
    return (await cache.match("/-/static/offline.js")).text();
}"""
UNABLE = """() => { navigator.serviceWorker.register = async () => ({
    active: null, installing: Object.assign(new EventTarget(), {state: "redundant"}) }); }"""
SETTINGS = ("--validation", "off", "--analytics", "on")
WORDS = {"title": "نحل الوادي", "keywords": ["عسل"]}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with started() as browser:
        yield browser


def gdp() -> Package:
    members = json.loads((GDP / "datapackage.json").read_text()) | {"version": "1.0.0"}
    return Package(members, {f"data/{path.name}": path.read_bytes() for path in (GDP / "data").iterdir()})


def bees(rows: str) -> Package:
    field = [
        {"name": "hive", "type": "string"},
        {"name": "bees", "type": "integer", "description": "How many"},
    ]
    resource = {"name": "hives", "path": "data/hives.csv", "schema": {"fields": field}}
    wasps = {"name": 'wasps "x"', "path": "wasps.parquet"}
    members = {"name": "bees", **WORDS, "resources": [resource, wasps]}
    files = {"data/hives.csv": rows.encode(), "README.md": "# خلايا".encode(), "wasps.parquet": parquet()}
    return Package(members, files)


def parquet() -> bytes:
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as made:
        place = Path(folder) / "wasps.parquet"
        rows = "SELECT 'nest ' || i || ', \"x\"' AS nest, i AS wasps FROM range(120) t(i)"
        made.execute(f"COPY ({rows}) TO '{place}'")
        return place.read_bytes()


async def publish(url: str, package: Package, version: str) -> None:
    headers = {"Content-Type": "application/zip", "Authorization": aiohttp.encode_basic_auth(*ADMIN)}
    async with (
        aiohttp.ClientSession() as client,
        client.put(
            f"{url}/{package.name}/{version}", data=io.BytesIO(zipped(package)), headers=headers
        ) as answer,
    ):
        assert answer.status == 201, await answer.text()
        place = f"{url}/-/parquet/{package.name}/{version}"
        async with asyncio.timeout(120):
            while '"pending"' in await (await client.get(place)).text():
                await asyncio.sleep(0.1)


async def take(page: Page, url: str, name: str) -> None:
    await page.goto(f"{url}/-/offline?package={name}")
    await page.get_by_role("button", name="Take it along").click()
    await expect(page.get_by_role("status")).to_contain_text(f"{name} ")
    await expect(page.get_by_role("status")).to_contain_text("is here, with all its files.")


async def test_what_was_taken_along_is_there_without_a_network(browser: Browser, tmp_path: Path) -> None:
    more = "".join(f'"{n}, ""x""",{n}\n' for n in range(200))
    with running(tmp_path / "data", *SETTINGS) as server:
        url = server.registry_url
        for package in (gdp(), EVIL, bees("hive,bees\n" + more)):
            await publish(url, package, "1.0.0")
        async with visiting(browser, url) as visit:
            await _taken(visit, url)
            server.process.terminate()
            server.process.wait(60)
            await _alone(visit, url)
            port = str(urlsplit(url).port)
            with running(tmp_path / "data", *SETTINGS, "--port", port) as again:
                assert again.registry_url == url
                await publish(url, bees("hive,bees\nwest,7\n"), "2.0.0")
                await visit.page.goto(f"{url}/")  # brings what has changed, by and by
                await visit.page.goto(f"{url}/-/offline")
                await expect(visit.page.get_by_role("link", name="bees 2.0.0")).to_be_visible()
                await expect(visit.page.get_by_role("status")).to_have_text(
                    "All of it is as it is in the registry."
                )
                again.process.terminate()
                again.process.wait(60)
                visit.told.clear()
                await visit.page.goto(f"{url}/-/table/bees/2.0.0/hives")
                await expect(visit.page.get_by_role("region", name="Rows")).to_contain_text("west")
                await _removed(visit.page, url)


async def _without_rows(visit: Visit, url: str) -> None:
    """A table that cannot be asked just now keeps its package from nothing, and its rows come later."""
    asked = []

    async def busy(route: Route) -> None:
        asked.append(unquote_plus(route.request.url))
        await route.fulfill(status=503)

    page, lacking = visit.page, visit.page.get_by_text("Rows of some of its tables could not be had yet")
    await page.evaluate("Shelf.drop('bees')")
    await page.route(re.compile(r"/-/sql\?"), busy)
    await take(page, url, "bees")
    await expect(lacking).to_be_visible()
    assert [one.endswith(" LIMIT 500001&format=csv") for one in asked] == [True]  # one more than is shown
    visit.told.clear()
    await page.unroute_all()
    await page.goto(f"{url}/-/offline")
    await expect(page.get_by_role("status")).to_have_text("All of it is as it is in the registry.")
    await expect(lacking).to_have_count(0)


async def _taken(visit: Visit, url: str) -> None:
    page = visit.page
    await page.goto(f"{url}/bees")
    assert await page.evaluate("navigator.serviceWorker.getRegistrations().then(found => found.length)") == 0
    await page.get_by_role("link", name="take it with you").click()
    await expect(page.get_by_label("Name of a package")).to_have_value("bees")
    await expect(page.get_by_text("Nothing yet.")).to_be_visible()
    found = await visit.findings()
    await page.evaluate(UNABLE)
    await page.get_by_role("button", name="Take it along").click()
    await expect(page.get_by_role("alert")).to_contain_text("Is there room left?")
    await _without_rows(visit, url)
    for name in ("bees", "gdp", "evil"):
        await take(page, url, name)
    await _nothing_comes_twice(page, url)
    await page.evaluate(OTHER)
    await page.get_by_label("Name of a package").fill("nothing")
    await page.get_by_role("button", name="Take it along").click()
    await expect(page.get_by_role("alert")).to_contain_text("nothing")
    found += [one for one in await visit.findings() if "404" not in one]  # which the console tells of
    assert found == []


async def _nothing_comes_twice(page: Page, url: str) -> None:
    """What has not changed is asked for by its list of versions alone, past the worker. Opening the page
    renews what is kept of the page itself."""
    asked: list[tuple[str, bool]] = []
    page.on("response", lambda one: asked.append((urlsplit(one.url).path, one.from_service_worker)))
    await page.evaluate(CACHED, "old")
    await page.goto(f"{url}/-/offline")
    await expect(page.get_by_role("status")).to_have_text("All of it is as it is in the registry.")
    assert [path for path, _ in asked if path.startswith("/_couch/")] == []
    assert ("/-/offline", True) in asked
    assert [one for one in asked if one[0].startswith("/-/versions/")] == [
        (f"/-/versions/{name}", False) for name in ("bees", "evil", "gdp")
    ]
    while await page.evaluate(CACHED, None) == "old":
        await asyncio.sleep(0.1)


async def _alone(visit: Visit, url: str) -> None:
    page, wrong = visit.page, {}
    pages = ["/", "/-/search?q=evil", "/evil/1.0.0", "/evil", "/-/table/evil/1.0.0/main", "/-/offline"]
    pages += ["/-/table/evil/1.0.0/page", "/-/table/evil/1.0.0/map", "/%3Cscript%3E/1", "/-/sql?q=1"]
    for path in pages:
        status = await visit.open(path)
        assert status in (200, 503)
        if path == "/-/offline":
            await expect(page.get_by_role("status")).to_contain_text("There is no network")
            visit.told[:] = [one for one in visit.told if "net::ERR_" not in one]
        if found := await visit.findings(axe=path != "/evil"):
            wrong[path] = found
    assert wrong == {}
    await page.goto(f"{url}/")
    await page.get_by_label("Search data packages").fill("عسل bees")
    await page.get_by_label("Search data packages").press("Enter")
    await expect(page.get_by_role("status")).to_contain_text("1 hit")
    await page.get_by_role("link", name="bees").click()
    await expect(page.get_by_text("نحل الوادي")).to_have_css("direction", "rtl")
    await expect(page.get_by_text("# خلايا")).to_be_visible()
    await page.get_by_role("link", name="hives", exact=True).click()
    await expect(page.get_by_role("status")).to_contain_text("200 rows; these are 1 to 50")
    await page.get_by_label("Order by").select_option("bees")
    await page.get_by_label("downwards").check()
    await page.get_by_role("button", name="Show").click()
    await expect(page.locator("table.rows tbody tr").first).to_contain_text('199, "x"')
    await page.get_by_role("link", name="Rows after").click()
    await expect(page.locator("table.rows tbody tr").first).to_contain_text('149, "x"')
    await page.get_by_label("Rows that have the words").fill("77")
    await page.get_by_role("button", name="Show").click()
    await expect(page.get_by_role("status")).to_contain_text("2 rows")
    await page.goto(f"{url}/-/table/bees/1.0.0/wasps%20%22x%22")
    await expect(page.get_by_role("status")).to_contain_text("120 rows; these are 1 to 50")
    await expect(page.locator("table.rows tbody tr").nth(7)).to_contain_text('nest 7, "x"')
    await page.goto(f"{url}/-/table/gdp/1.0.0/gdp")
    rows = len((GDP / "data" / "gdp.csv").read_text().splitlines()) - 1
    await expect(page.get_by_role("status")).to_contain_text(f"{rows} rows")
    assert visit.told == []
    for path, saved in (("/gdp/1.0.0/data/gdp.csv", "inline"), ("/evil/1.0.0/page.html", "attachment")):
        found = await _fetched(page, url + path)
        assert found[1].startswith(saved)
        assert found[2] == "sandbox; default-src 'none'"
        if saved == "inline":
            assert found[0].encode() == (GDP / "data" / "gdp.csv").read_bytes()


async def _fetched(page: Page, url: str) -> list[str]:
    """A file as the page to publish at may fetch it, whose policy lets it: text, and two headers."""
    await page.goto(urlsplit(url)._replace(path="/-/offline").geturl())
    found: list[str] = await page.evaluate(
        """async (url) => { const answer = await fetch(url); return [await answer.text(),
        answer.headers.get('Content-Disposition'), answer.headers.get('Content-Security-Policy')]; }""",
        url,
    )
    return found


async def _removed(page: Page, url: str) -> None:
    """With the last package the worker goes, and no other of this host."""
    await page.goto(f"{url}/-/offline")
    for name in ("bees", "evil", "gdp"):
        await expect(page.get_by_role("status")).to_contain_text("There is no network")
        await page.get_by_role("button", name=f"Remove {name}").click()
        await expect(page.get_by_role("button", name=f"Remove {name}")).to_have_count(0)
        await expect(page.get_by_role("status")).to_contain_text(f"{name} is removed.")
        await page.evaluate("document.getElementById('said').textContent = 'There is no network'")
    while await page.evaluate(SCOPES) != ["/-/other/"]:
        await asyncio.sleep(0.1)
