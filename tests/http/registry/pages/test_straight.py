"""Large files that a browser sends straight to the bucket, which is another origin than the registry's."""

import json
import random
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Response, Route, expect

from couchreg.registry.publishing import by_parts
from tests import blob_stores
from tests.http.registry.pages.browsing import Visit, drop, enter, started, visiting
from tests.s3_servers import S3Server
from tests.served import Served, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")
PART = 5 << 20  # bytes, the least that S3 takes
COMES_FROM_US = "Failed to load resource"  # the console, of connections that a test cuts


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def registry(tmp_path_factory: pytest.TempPathFactory, moto_server: S3Server) -> AsyncIterator[Served]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blob_stores, "server", moto_server)
        patch.setattr(by_parts, "PART", PART)
        async with serving(tmp_path_factory.mktemp("straight")) as serve:
            yield await serve()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with started() as browser:
        yield browser


def package(folder: Path, name: str) -> tuple[Path, Path]:
    """A file of three parts, with bytes that no other has, and what describes it."""
    large, descriptor = folder / f"{name}.bin", folder / "datapackage.json"
    large.write_bytes(random.Random(name).randbytes(2 * PART + 1000))
    resources = [{"name": "large", "path": large.name}]
    descriptor.write_text(json.dumps({"name": name, "version": "1.0.0", "resources": resources}))
    return large, descriptor


async def bucket_of(registry: Served) -> str:
    found = await registry.registry.by_parts.place()
    assert found is not None
    return found


def watched(page: Page, bucket: str) -> list[str]:
    """PUTs of the page as they begin: of parts their numbers, of the registry its name."""
    seen: list[str] = []

    def see(url: str, method: str) -> None:
        if method == "PUT" and url.startswith(bucket):
            seen.append(f"part {url.partition('partNumber=')[2].partition('&')[0]}")
        elif method == "PUT":
            seen.append("registry")

    page.on("request", lambda request: see(request.url, request.method))
    return seen


def complaints(visit: Visit, bucket: str) -> list[str]:
    """What is wrong with a visit, but that it asked the bucket, and what the console says of a cut."""
    allowed = (f"asked another host: {bucket}", f"console: {COMES_FROM_US}")
    return [one for one in visit.told if not one.startswith(allowed)]


async def go_on(page: Page, *files: Path) -> None:
    await drop(page, *files)
    await page.get_by_role("button", name="Go on").click()


async def publish(page: Page) -> None:
    await expect(page.get_by_role("heading", level=1)).to_have_text("Describe your data package")
    await page.get_by_role("button", name="Publish it").click()
    await expect(page.get_by_role("heading", level=1)).not_to_contain_text("Describe")


def policy_of(answer: Response | None) -> str:
    assert answer is not None
    return answer.headers["content-security-policy"]


async def test_parts_go_to_the_bucket_and_what_is_small_to_the_registry(
    registry: Served, browser: Browser, tmp_path: Path
) -> None:
    file, small = package(tmp_path, "whole")
    bucket = await bucket_of(registry)
    async with visiting(browser, registry.url) as visit:
        page = visit.page
        await enter(page, registry.url)
        assert f"connect-src 'self' {bucket}" in policy_of(await page.reload())
        seen = watched(page, bucket)
        await go_on(page, file, small)
        await publish(page)
        assert sorted(seen) == ["part 1", "part 2", "part 3", "registry"]
        assert complaints(visit, bucket) == []
        account = await page.goto(f"{registry.url}/-/account")
        assert urlsplit(bucket).netloc not in policy_of(account)
    status, _, data = await registry.fetch("/whole/1.0.0/whole.bin")
    assert (status, data) == (200, file.read_bytes())
    assert [blob.key async for blob in registry.registry.attachments.blobs.keys("_uploads/")] == []


async def test_a_lost_connection_and_a_page_loaded_again_cost_the_part_on_its_way(
    registry: Served, browser: Browser, tmp_path: Path
) -> None:
    (file, small), bucket = package(tmp_path, "again"), await bucket_of(registry)
    lost: list[str] = []

    async def lose(route: Route) -> None:
        """The second part, and with it the way to the registry."""
        if "partNumber=2" in route.request.url:
            lost.append(route.request.url)
            await route.abort("connectionfailed")
        else:
            await route.continue_()

    async with visiting(browser, registry.url) as visit:
        page = visit.page
        await enter(page, registry.url)
        await page.route(f"{bucket}**", lose)
        await page.route("**/-/publishing/*/*", lambda route: route.abort() if lost else route.continue_())
        await go_on(page, file, small)
        await expect(page.get_by_role("status")).to_contain_text("The connection is lost")
        await page.reload()
        await page.unroute_all()
        await expect(page.get_by_text("again 1.0.0: 1 file is missing")).to_be_visible()
        seen = watched(page, bucket)
        await go_on(page, file, small)
        await publish(page)
        assert seen == ["part 2", "part 3"]
        assert complaints(visit, bucket) == []
    _, _, data = await registry.fetch("/again/1.0.0/again.bin")
    assert data == file.read_bytes()


async def test_where_the_bucket_takes_nothing_from_a_page_files_go_through_the_registry(
    registry: Served, browser: Browser, tmp_path: Path
) -> None:
    (file, small), bucket = package(tmp_path, "through"), await bucket_of(registry)
    held: list[Route] = []
    async with visiting(browser, registry.url) as visit:
        page = visit.page
        await enter(page, registry.url)
        await page.route(f"{bucket}**", lambda route: route.abort("failed"))

        async def hold(route: Route) -> None:
            """The registry's own request, until what is said meanwhile has been read."""
            if route.request.method == "PUT" and route.request.url.endswith(".bin"):
                held.append(route)
                await expect(page.get_by_role("status")).to_contain_text("which its CORS rules may forbid")
            await route.continue_()

        await page.route("**/-/publishing/*/*", hold)
        seen = watched(page, bucket)
        await go_on(page, file, small)
        await publish(page)
        assert sorted(seen) == ["part 1", "part 1", "part 1", "registry", "registry"]
        assert len(held) == 1
    _, _, data = await registry.fetch("/through/1.0.0/through.bin")
    assert data == file.read_bytes()
