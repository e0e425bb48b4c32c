"""`GET /-/search` of a whole server: questions, answers, pages, and questions that cannot be asked."""

from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest

from couchreg.app import App
from tests.app.people import Client
from tests.app.test_dependents import publish, settled
from tests.conftest import ServerFactory

MAP = {
    "@context": "https://schema.org/",
    "@type": "Map",
    "title": "Hives of the valley",
    "keywords": ["bees"],
    "licenses": [{"name": "CC0-1.0"}],
    "temporalCoverage": "2010/2012",
}


@pytest.fixture
async def door(app: App, client: Client) -> Client:
    """The registry door, with a few packages behind it."""
    door = Client(client.session, app.registry_url)
    await publish(door, "hives", **MAP)
    await publish(door, "honey", title="Honey of bees", description="Jars a year.", keywords=["bees", "food"])
    await publish(door, "wasps", title="Not about bees")
    await door("PUT", "/-/deprecated/wasps", {"message": "use honey"})
    await settled(app)
    return door


async def found(door: Client, **parameters: Any) -> Any:
    query = {("in" if name == "kind" else name): value for name, value in parameters.items()}
    status, answer = await door("GET", "/-/search?" + urlencode(query, doseq=True), who=None)
    assert status == 200, answer
    return answer


def names(answer: Any) -> list[str]:
    return [hit["name"] for hit in answer["hits"]]


async def test_words_filters_and_facets(app: App, door: Client) -> None:
    answer = await found(door, q="bees -food", facet="license,deprecated")
    assert set(names(answer)) == {"hives", "wasps"}
    assert answer["facets"]["license"] == [{"value": "CC0-1.0", "count": 1}]
    assert {one["value"]: one["count"] for one in answer["facets"]["deprecated"]} == {"false": 1, "true": 1}
    [hit] = (await found(door, type="CreativeWork"))["hits"]
    assert hit["url"] == f"{app.registry_url}/hives/1.0.0"
    assert hit["matched"] == [
        {"path": "@type", "value": "Map", "because": "Map is a kind of CreativeWork (schema.org)"}
    ]
    assert names(await found(door, temporal="2011-05/2030")) == ["hives"]
    assert names(await found(door, deprecated="true")) == ["wasps"]
    assert (await found(door, q="honye"))["suggestion"] == "honey"


async def test_a_text_is_found_by_its_meaning(server: ServerFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("couchreg.app.searching.has_meaning", lambda: True)
    app = await server()
    async with aiohttp.ClientSession() as session:
        door = Client(session, app.registry_url)
        await publish(door, "trade", title="Shares and their daily prices at the stock exchange")
        await publish(door, "flu", title="Weekly cases of influenza and other diseases")
        await settled(app)
        answer = await found(door, like="illness outbreak")
        assert names(answer) == ["flu"]
        assert answer["hits"][0]["matched"][0]["path"] == "like"
        assert names(await found(door, like="illness outbreak", q="shares")) == []
        assert names(await found(door, like="money and markets", kind="resources"))[0] == "trade"
        for query in ("like=", "like=" + "x" * 1001, "like=illness&sort=name"):
            assert (await door("GET", f"/-/search?{query}", who=None))[0] == 400


async def test_resources_are_hits_of_their_own(app: App, door: Client) -> None:
    answer = await found(door, kind="resources", q="honey")
    assert [hit["url"] for hit in answer["hits"]] == [f"{app.registry_url}/honey/1.0.0/table"]
    assert answer["hits"][0]["resource"] == "table"


async def test_pages_lead_to_one_another(door: Client) -> None:
    seen: list[str] = []
    address = "/-/search?q=bees&sort=name&limit=1"
    while address:
        _, answer = await door("GET", address, who=None)
        seen += names(answer)
        assert answer["total"] == 3
        address = (answer["next"] or "").removeprefix(door.base)
    assert seen == ["hives", "honey", "wasps"]


async def test_an_item_list_for_those_who_want_linked_data(app: App, door: Client) -> None:
    status, answer = await door("GET", "/-/search?q=valley", headers={"Accept": "application/ld+json"})
    assert (status, answer["@type"], answer["numberOfItems"]) == (200, "ItemList", 1)
    [element] = answer["itemListElement"]
    assert element["@id"] == f"{app.registry_url}/hives/1.0.0"
    assert element["@type"] == ["Dataset", "Map"]
    assert door.headers["Content-Type"].startswith("application/ld+json")
    assert (await door("GET", "/-/search", headers={"Accept": "text/turtle"}))[0] == 406


async def test_the_most_downloaded_first(app: App, door: Client) -> None:
    app.registry.downloads.count("wasps", "1.0.0")
    await app.registry.downloads.flush()
    assert names(await found(door, q="bees", sort="downloads"))[0] == "wasps"


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("temporal=yesterday", 400),
        ("temporal=2012/2010", 400),
        ("bbox=1,2,3", 400),
        ("bbox=1,2,nan,4", 400),
        ("facet=words", 400),
        ("in=everything", 400),
        ("sort=size", 400),
        ("limit=201", 400),
        ("skip=-1", 400),
        ("where=name", 400),
        ("like=cost+of+living", 501),
        ("q=" + "x" * 1001, 400),
        ("q=" + "+".join(f"w{n}" for n in range(33)), 400),
        ("&".join(f"type=T{n}" for n in range(21)), 400),
        ("type=" + "x" * 501, 400),
        ("q=%00%ff%22&type=%00&about=%ed%a0%80&where=a:%00", 200),
        ("", 200),
    ],
)
async def test_questions_that_cannot_be_asked(door: Client, query: str, status: int) -> None:
    answered, answer = await door("GET", f"/-/search?{query}", who=None)
    assert answered == status, answer
    assert status == 200 or len(answer["reason"]) > 20


async def page_of(app: App, path: str) -> str:
    """What a browser gets, with all that a page waits for."""
    path += "&rest=1" if "?" in path else "?rest=1"
    async with (
        aiohttp.ClientSession() as session,
        session.get(app.registry_url + path, headers={"Accept": "text/html"}) as answer,
    ):
        assert answer.status == 200
        return await answer.text()


async def test_the_pages_of_a_search(app: App, door: Client) -> None:
    here = f'href="{app.registry_url}/-/search'
    home = await page_of(app, "/")
    assert f'{here}"><strong>3</strong> packages' in home
    assert f'{here}?in=resources"><strong>3</strong> resources' in home
    text = await page_of(app, "/-/search?q=bees")
    assert ">3 packages</p>" in text
    assert f'{here}?q=bees&amp;sort=score" aria-current="true"' in text
    assert f'{here}?q=bees&amp;sort=downloads"' in text
    assert 'CC0-1.0</a> <span class="quiet">1</span>' in text
    assert "Honey of <mark>bees</mark></strong>" in text
    assert 'found in keywords: <span dir="auto"><mark>bees</mark></span></p>' in text
    assert "<mark>hives</mark></a>" in await page_of(app, "/-/search?q=hives")
    text = await page_of(app, "/-/search?license=CC0-1.0")
    assert 'Licence: <b dir="auto">CC0-1.0</b>' in text
    assert ">Licence</h2>" not in text  # there is nothing left to choose
    assert "these are 2 to 2" in await page_of(app, "/-/search?q=bees&limit=1&skip=1")
    for path, words in (
        ("q=nothing-that-is-here", "Try fewer, or others"),
        ("q=bees&keywords=none-such", "remove one of them"),
    ):
        text = await page_of(app, f"/-/search?{path}")
        assert ">0 packages found</p>" in text
        assert words in text
