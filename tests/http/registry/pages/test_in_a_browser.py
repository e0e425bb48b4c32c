"""The pages in a real browser: they load without an error, nothing of a publisher runs, and everybody can use
them: axe finds nothing in light and in dark, and a narrow screen is wide enough."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from unittest.mock import AsyncMock, Mock

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Route, expect

from couchreg.analytics.ledger import PENDING
from couchreg.http.registry.pages import waiting
from tests.http.registry.pages.browsing import drop, started, visiting
from tests.http.registry.pages.test_pages import PAGES, ROWS, hostile_package, plain_package
from tests.packages import Package, zipped
from tests.served import PASSWORD, Served, serving
from tests.web.test_papers import SCRIPT as ACTS
from tests.web.test_papers import pdf, stream

pytestmark = [pytest.mark.long, pytest.mark.asyncio(loop_scope="module")]
LIKE_OTHERS = {"/seen/1.0.0", "/-/table/seen/latest/main", "/-/sql", "/%3Cscript%3Ealert(1)%3C%2Fscript%3E"}
SCRIPT = "<script>alert(1)</script>"
README = f"{SCRIPT}\n\n[a](javascript:alert(1)) ![b](picture.svg) <img src=x onerror=alert(1)>"
SVG = f'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)">{SCRIPT}</svg>'


def hostile_files() -> Package:
    """The hostile package, with files that are pages and pictures full of script."""
    package = hostile_package()
    paths = ("page.html", "picture.svg", "still.pdf", "acting.pdf")
    resources = [{"name": path.partition(".")[0], "path": path} for path in paths]
    members = {**package.members, "resources": [*package.members["resources"], *resources]}
    files = {
        "page.html": f"<!doctype html>{SCRIPT}".encode(),
        "picture.svg": SVG.encode(),
        "still.pdf": pdf(b"<</Type/Catalog/Pages 2 0 R>>", *READ),
        "acting.pdf": pdf(b"<</Type/Catalog/Pages 2 0 R/OpenAction%s>>" % ACTS, *READ),
        "README.md": README.encode(),
    }
    return replace(package, members=members, files=files)


READ = (
    b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
    b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 200]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
    stream(b"", b"BT /F1 24 Tf 20 100 Td (A paper) Tj ET"),
    b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
)


EVIL = hostile_files()
BAD = f"""<!doctype html><title>bad</title><h1>bad</h1>{SCRIPT}<img src="/x.png">
<p style="color: #777; background: #888; inline-size: 500px">bad</p>
<style>@media (prefers-color-scheme: dark) {{ p {{ color: #fff !important }} }}</style>"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def registry(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    folder: Path = tmp_path_factory.mktemp("browser")
    async with serving(folder) as serve:
        served = await serve(with_tables=True, validation="warn")
        for package, version in ((plain_package(), "1.0.0"), (EVIL, "1.0.0"), (EVIL, "2.0.0")):
            path, kind = f"/{package.name}/{version}", {"Content-Type": "application/zip"}
            status, answer = await served.send(path, zipped(package), kind)
            assert status == 201, answer
            await served.made(package.name, version)
        yield served


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with started() as browser:
        yield browser


async def test_every_page_loads_runs_nothing_and_can_be_used(registry: Served, browser: Browser) -> None:
    wrong = {}
    async with visiting(browser, registry.url) as visit:
        resources = ("page", "picture", "still", "acting")
        for path in (*PAGES, *(f"/-/table/evil/1.0.0/{name}" for name in resources)):
            assert await visit.open(path) in (200, 404)
            if found := await visit.findings(axe=path not in LIKE_OTHERS):
                wrong[path] = found
    assert wrong == {}, "\n".join(f"{path}: {one}" for path, found in wrong.items() for one in found)


async def test_whatever_is_wrong_with_a_page_is_noticed(registry: Served, browser: Browser) -> None:
    async with visiting(browser, registry.url) as visit:
        await visit.page.route("**/bad", lambda route: route.fulfill(body=BAD, content_type="text/html"))
        await visit.page.route("**/x.png", lambda route: route.abort())
        await visit.open("/bad")
        found = "\n".join(await visit.findings())
    for words in (
        "a script ran: 1",
        "console: Failed",
        "axe, light: image-alt",
        "color-contrast",
        "wider than",
    ):
        assert words in found


async def test_what_is_not_there_at_once_comes_afterwards(
    registry: Served, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "_AT_ONCE", 0.0)
    async with visiting(browser, registry.url) as visit:
        await visit.open("/-/table/seen/1.0.0/main?where=year+%3C+1910")
        await expect(visit.page.get_by_text("10 rows; these are 1 to 10")).to_be_visible()
        assert await visit.page.locator("[data-rest]").count() == 0
        assert await visit.findings(axe=False) == []
        assert registry.tables is not None
        of, pending = registry.tables.of, [Mock(resource="main", state=PENDING)]
        monkeypatch.setattr(registry.tables, "of", AsyncMock(return_value=pending))

        async def ready(route: Route) -> None:
            monkeypatch.setattr(registry.tables, "of", of)
            await route.continue_()

        await visit.page.route("**/*rest=1*", ready)  # the table is there when the rest is asked for
        await visit.open("/-/table/seen/1.0.0/main?where=year+%3C+1909")
        await expect(visit.page.get_by_text("9 rows; these are 1 to 9")).to_be_visible()
        await expect(visit.page.get_by_role("link", name="ask it with SQL")).to_be_visible()
        assert await visit.page.locator("pre.seen").count() == 0
        await visit.open("/-/sql?q=select+40%2B2+as+answer")
        await expect(visit.page.get_by_role("cell", name="42")).to_be_visible()
        await visit.open("/seen/1.0.0")
        await expect(visit.page.get_by_text("How it was made")).to_be_visible()
        await expect(visit.page.get_by_text("Reading the rest")).to_have_count(0)
        await visit.open("/-/diff/evil/1.0.0/2.0.0")
        await expect(visit.page.get_by_text("Nothing is different but the version.")).to_be_visible()
        await visit.open("/-/search?q=seen")
        await expect(visit.page.get_by_text("Nothing has all of these words.")).to_be_visible()
        assert visit.told == []
        await visit.page.route("**/*rest=1*", lambda route: route.abort())
        await visit.open("/-/sql?q=select+40%2B3+as+answer")
        await expect(visit.page.get_by_role("alert")).to_contain_text("The rest of this page did not come")
    context = await browser.new_context(java_script_enabled=False)
    try:
        page = await context.new_page()
        await page.goto(f"{registry.url}/-/table/seen/1.0.0/main?where=year+%3C+1911")
        await page.get_by_role("link", name="Show the rest of this page").click()
        await expect(page.get_by_text("11 rows; these are 1 to 11")).to_be_visible()
    finally:
        await context.close()


async def test_a_person_finds_a_table_and_asks_it(registry: Served, browser: Browser) -> None:
    async with visiting(browser, registry.url) as visit:
        page = visit.page
        await visit.open("/")
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        await page.get_by_role("link", name="seen").click()
        await page.get_by_role("link", name="main", exact=True).click()
        await expect(page.get_by_role("status")).to_contain_text(f"{ROWS} rows")
        await page.get_by_label("Rows where").fill("year > 2015")
        await page.get_by_label("Order by").select_option("year")
        await page.get_by_label("downwards").check()
        await page.get_by_role("button", name="Show").press("Enter")
        await expect(page.get_by_role("status")).to_contain_text("4 rows")
        first = page.locator("table.rows tbody tr").first
        await expect(first).to_contain_text("2019")
        await page.get_by_role("link", name="ask it with SQL").click()
        await page.get_by_role("textbox", name="One SELECT").fill("select count(*) as n from seen.main")
        await page.get_by_role("button", name="Ask").click()
        await expect(page.get_by_role("region", name="Answer")).to_contain_text(str(ROWS))
        assert visit.told == []


READ = ("/seen/1.0.0", "/-/search?q=seen", "/-/table/seen/latest/main", "/-/sql?q=select+*+from+seen.main")
# Of what can be reached by keyboard: how much there is, and what shows nothing of it where it has the focus.
FOCUS = """() => {
    const seen = 'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]';
    const all = [...document.querySelectorAll(seen)].filter((one) => one.checkVisibility());
    return all.length;
}"""
SHOWN = """() => {
    const one = document.activeElement;
    const style = getComputedStyle(one);
    const shown = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
    return [one === document.body, shown, one.outerHTML.slice(0, 100)];
}"""


async def test_everything_is_reached_by_keyboard_and_shows_the_focus(
    registry: Served, browser: Browser
) -> None:
    async with visiting(browser, registry.url) as visit:
        for path in READ:
            await visit.open(path)
            wanted, reached, unseen = await visit.page.evaluate(FOCUS), 0, []
            while reached <= wanted:  # the browser's own parts come behind the last
                await visit.page.keyboard.press("Tab")
                is_over, shown, html = await visit.page.evaluate(SHOWN)
                if is_over:
                    break
                reached += 1
                unseen += [] if shown else [html]
            assert (path, reached, unseen) == (path, wanted, [])


async def test_pages_are_for_paper_and_for_those_who_read_from_right_to_left(
    registry: Served, browser: Browser
) -> None:
    async with visiting(browser, registry.url) as visit:
        for path in (*READ, "/-/report/evil/1.0.0"):
            await visit.open(path)
            await visit.page.evaluate("document.documentElement.dir = 'rtl'")
            assert await visit.findings() == []
            await visit.page.emulate_media(media="print", color_scheme="light")
            await expect(visit.page.get_by_role("navigation")).to_have_count(0)
            await expect(visit.page.get_by_role("button")).to_have_count(0)
        await visit.open(READ[0])
        snippets = visit.page.locator(".fold pre")
        for place in range(await snippets.count()):
            assert (await snippets.nth(place).bounding_box() or {}).get("height", 0) > 20


async def test_a_person_makes_an_account_and_a_token(registry: Served, browser: Browser) -> None:
    found: list[str] = []
    async with visiting(browser, registry.url) as visit:
        page = visit.page
        await visit.open("/-/account")  # leads to the login
        found += await visit.findings()
        await page.get_by_role("link", name="Make one").click()
        await page.get_by_label("Name, which others will see").fill("carla")
        for label in ("Password", "The password again"):
            await page.get_by_label(label, exact=True).fill("a long one")
        found += await visit.findings()
        await page.get_by_role("button", name="Make the account").press("Enter")
        await page.get_by_label("What it is for").fill(SCRIPT)
        await page.get_by_role("button", name="Make it").click()
        await expect(page.get_by_role("heading", name="Your new token")).to_be_visible()
        text = await page.get_by_label("The token").text_content()
        found += await visit.findings()
        status, who = await registry.ask("GET", "/-/whoami", auth=f"Bearer {text}")
        assert (status, who["name"], who["token"]["scope"]) == (200, "carla", "publish")
        await page.get_by_role("button", name="Revoke").click()
        await expect(page.get_by_role("status")).to_have_text("The token is revoked.")
        await page.get_by_role("button", name="Log out", exact=True).click()
        await page.get_by_role("link", name="Account").click()
        await expect(page).to_have_title("Log in · couchreg")
        await page.get_by_label("Name").fill("carla")
        await page.get_by_label("Password").fill("another")
        await page.get_by_label("Password").press("Enter")
        await expect(page.get_by_role("alert")).to_have_text("Name or password is incorrect.")
    assert found == []


async def test_a_page_of_another_site_cannot_act_for_who_has_logged_in(
    registry: Served, browser: Browser
) -> None:
    action = f"{registry.url}/-/account"
    fields = "".join(
        f'<input name="{name}" value="{value}">'
        for name, value in {"do": "token", "scope": "admin", "days": "9", "form": "0" * 64}.items()
    )
    form = (
        f'<title>x</title><form method="post" action="{action}">{fields}<button>Win a prize</button></form>'
    )
    async with visiting(browser, registry.url) as visit:
        page = visit.page
        await visit.open("/-/login")
        await page.get_by_label("Name").fill("anna")
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Log in").click()
        await expect(page).to_have_title("Your account · couchreg")
        await page.route("**/prize", lambda route: route.fulfill(body=form, content_type="text/html"))
        await page.goto("http://prizes.example/prize")
        await page.get_by_role("button", name="Win a prize").click()
        # The cookie has not come along with the form, and so led to the login; there it has, and leads on.
        await expect(page).to_have_title("Your account · couchreg")
        await expect(page.get_by_text("You have none.")).to_be_visible()
        assert await registry.people.tokens.list("anna") == []


async def test_a_person_publishes_a_folder_and_mends_it(
    registry: Served, browser: Browser, tmp_path: Path
) -> None:
    folder = tmp_path / "valley"
    folder.mkdir()
    (folder / "hives.csv").write_text(
        "day,hive,bees\n2024-01-31,<b>north</b>,40000\n2024-02-29,south,35000\n"
    )
    (folder / "README.md").write_text("# Bees of the valley\n")
    found: list[str] = []
    async with visiting(browser, registry.url) as visit:
        page = visit.page
        await visit.open("/")
        await page.get_by_role("link", name="Publish", exact=True).click()
        await page.get_by_label("Name").fill("bob")
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Log in").click()
        found += await visit.findings()  # where it was meant to lead: the form for files
        await page.get_by_label("Name of the package").fill("valley")
        await page.get_by_label("Or a whole folder").set_input_files(folder)
        await page.get_by_role("button", name="Go on").press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Describe your data package")
        await page.get_by_label("Title").fill("نحل الوادي")
        await page.get_by_label("Type of hive").select_option("integer")
        await page.get_by_label("What bees is").fill(SCRIPT)
        await page.get_by_role("button", name="Check it").click()
        await expect(page.get_by_role("region", name="Problems")).to_contain_text("row 2")
        found += await visit.findings()
        await page.get_by_label("Type of hive").select_option("string")
        await page.get_by_role("button", name="Publish it").click()
        await expect(page).to_have_title("valley 1.0.0 · couchreg")
        await expect(page.get_by_text("نحل الوادي", exact=True)).to_have_css("direction", "rtl")
        await expect(page.get_by_role("heading", name="Bees of the valley")).to_be_visible()
        await page.get_by_role("link", name="Account").click()
        found += await visit.findings()
        await page.get_by_role("link", name="Owners of valley").click()
        await page.get_by_label("Name of an account").fill("anna")
        await page.get_by_role("button", name="Add").click()
        await expect(page.get_by_role("status")).to_have_text("The owner is added.")
        found += await visit.findings()
        await page.get_by_role("button", name="Remove anna").click()
        await expect(page.get_by_role("status")).to_have_text("The owner is removed.")
    assert found == []


async def test_somebody_new_publishes_a_table_and_sees_a_chart_without_having_read_anything(
    registry: Served, browser: Browser, tmp_path: Path
) -> None:
    """By what stands on the pages alone, as `scripts/newcomer` does with a clock."""
    table, picture = tmp_path / "rain.csv", tmp_path / "gauge.png"
    table.write_text("day,rain_mm\n" + "".join(f"2025-{month:02}-15,{month}.5\n" for month in range(1, 13)))
    picture.write_bytes(b"no picture that anybody could see")
    async with visiting(browser, registry.url) as visit:
        page = visit.page
        await visit.open("/")
        await page.get_by_role("link", name="Publish", exact=True).click()
        await page.get_by_role("link", name="Make one").click()
        await page.get_by_label("Name, which others will see").fill("nina")
        await page.get_by_label("Password", exact=True).fill("rain-gauge-77")
        await page.get_by_label("The password again").fill("rain-gauge-77")
        await page.get_by_role("button", name="Make the account").click()
        async with page.expect_file_chooser():  # a click where files may be dropped
            await page.get_by_text("Drop a folder or files").click()
        await drop(page, table, picture)
        await expect(page.get_by_label("Name of the package")).to_have_value("rain")
        await page.get_by_role("button", name="Go on").click()
        await expect(page.get_by_label("Title")).to_have_value("Rain")
        await page.get_by_role("button", name="Publish it").click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("rain")
        await expect(page.get_by_role("link", name="gauge", exact=True)).to_be_visible()
        await registry.made("rain", "1.0.0")
        await page.get_by_role("link", name="Rows and charts of rain").click()
        await expect(page.get_by_role("img", name="A line from")).to_be_visible()
        assert await visit.findings() == []


async def test_the_page_of_administrators_can_be_used(registry: Served, browser: Browser) -> None:
    async with visiting(browser, registry.url) as visit:
        await visit.open("/-/admin")
        await visit.page.get_by_label("Name").fill("admin")
        await visit.page.get_by_label("Password").fill(PASSWORD)
        await visit.page.get_by_role("button", name="Log in").click()
        await expect(visit.page.get_by_role("heading", level=1)).to_have_text("Administration")
        assert await visit.findings() == []
