"""The search, new versions and all versions, in the forms of npm, OpenSearch, Atom and sitemaps."""

import xml.etree.ElementTree as ET
from typing import Any
from urllib.parse import urlencode

import pytest

from couchreg.app import App
from tests.app.people import Client
from tests.app.test_dependents import publish, settled

ATOM = "{http://www.w3.org/2005/Atom}"
SITE = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
OPEN = "{http://a9.com/-/spec/opensearch/1.1/}"


@pytest.fixture
async def door(app: App, client: Client) -> Client:
    door = Client(client.session, app.registry_url)
    await publish(door, "hives", title="Hives <of> the valley & more\u0001", keywords=["bees"])
    await publish(door, "honey", description="Jars of bees.", keywords=["bees", "food"])
    await settled(app)
    return door


async def xml(door: Client, path: str) -> ET.Element:
    async with door.session.get(door.base + path) as response:
        assert response.status == 200, await response.text()
        return ET.fromstring(await response.text())


async def npm(door: Client, **parameters: Any) -> Any:
    status, answer = await door("GET", "/-/v1/search?" + urlencode(parameters), who=None)
    assert status == 200, answer
    return answer


async def test_as_npm_s_registry_answers(app: App, door: Client) -> None:
    weights = {"quality": "0.65", "popularity": "0.98", "maintenance": "0.5"}
    answer = await npm(door, text="bees keywords:food not:unstable boost-exact:false", size=20, **weights)
    assert answer["total"] == 1
    assert answer["time"].endswith("Z")
    [found] = answer["objects"]
    assert found["package"] == {
        "name": "honey",
        "version": "1.0.0",
        "description": "Jars of bees.",
        "keywords": ["bees", "food"],
        "date": found["package"]["date"],
        "links": {"npm": f"{app.registry_url}/honey/1.0.0"},
        "maintainers": [{"username": "admin"}],
        "publisher": {"username": "admin"},
    }
    assert found["package"]["date"].startswith("20")
    assert found["searchScore"] > 0
    assert 0 < found["score"]["final"] < 1
    assert set(found["score"]["detail"]) == {"quality", "popularity", "maintenance"}


async def test_people_and_pages_of_npm(door: Client) -> None:
    assert (await npm(door, text="author:admin"))["total"] == 2
    assert (await npm(door, text="maintainer:nobody"))["total"] == 0
    answer = await npm(door, text="bees", size=1, **{"from": 1})
    assert (answer["total"], len(answer["objects"])) == (2, 1)
    for query in ("size=251", "quality=high", "from=-1", "text=" + "x" * 1001):
        assert (await door("GET", f"/-/v1/search?{query}", who=None))[0] == 400


async def test_a_search_is_followed_as_a_feed(app: App, door: Client) -> None:
    feed = await xml(door, "/-/search.atom?q=bees&limit=1&skip=")
    assert feed.findtext(f"{OPEN}totalResults") == "2"
    [entry] = feed.findall(f"{ATOM}entry")
    assert entry.findtext(f"{ATOM}id") == f"{app.registry_url}/honey/1.0.0"
    assert feed.findtext(f"{ATOM}updated") == entry.findtext(f"{ATOM}updated")
    links = {link.get("rel"): link.get("href") or "" for link in feed.findall(f"{ATOM}link")}
    following = await xml(door, links["next"].removeprefix(door.base))
    [entry] = following.findall(f"{ATOM}entry")
    assert entry.findtext(f"{ATOM}title") == "hives 1.0.0: Hives <of> the valley & more\ufffd"
    assert [term.get("term") for term in entry.findall(f"{ATOM}category")] == ["bees"]


async def test_new_versions_are_a_feed(door: Client) -> None:
    await publish(door, "hives", "1.1.0")
    feed = await xml(door, "/-/versions.atom?limit=2")
    titles = [entry.findtext(f"{ATOM}title") or "" for entry in feed.findall(f"{ATOM}entry")]
    assert [title.partition(":")[0] for title in titles] == ["hives 1.1.0", "honey 1.0.0"]
    async with door.session.get(f"{door.base}/-/versions.atom") as response:
        tag = response.headers["ETag"]
    async with door.session.get(f"{door.base}/-/versions.atom", headers={"If-None-Match": tag}) as response:
        assert response.status == 304


async def test_browsers_learn_how_to_ask(app: App, door: Client) -> None:
    described = await xml(door, "/-/opensearch.xml")
    templates = {url.get("type"): url.get("template") or "" for url in described.findall(f"{OPEN}Url")}
    asked = templates["application/atom+xml"].replace("{searchTerms}", "honey")
    asked = asked.replace("{count?}", "").replace("{startIndex?}", "")
    assert len((await xml(door, asked.removeprefix(door.base))).findall(f"{ATOM}entry")) == 1


async def test_search_engines_get_every_version(
    app: App, door: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await publish(door, "hives", "1.1.0")
    whole = await xml(door, "/sitemap.xml")
    pages = [f"{app.registry_url}/{path}" for path in ("hives/1.0.0", "hives/1.1.0", "honey/1.0.0")]
    assert [one.text for one in whole.iter(f"{SITE}loc")] == pages
    monkeypatch.setattr(app.registry.pages, "_most", 2)
    monkeypatch.setattr(app.registry.pages, "_found", None)
    listed = await xml(door, "/sitemap.xml")
    assert listed.tag == f"{SITE}sitemapindex"
    parts = [one.text or "" for one in listed.iter(f"{SITE}loc")]
    found = [await xml(door, part.removeprefix(door.base)) for part in parts]
    assert [[one.text for one in part.iter(f"{SITE}loc")] for part in found] == [pages[:2], pages[2:]]
    async with door.session.get(f"{door.base}/robots.txt") as response:
        assert f"Sitemap: {app.registry_url}/sitemap.xml" in (await response.text()).splitlines()
