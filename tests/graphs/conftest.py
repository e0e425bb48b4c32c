"""A registry whose packages can be asked as RDF, and a way to ask."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from couchreg.app import App
from tests.conftest import ADMIN, ServerFactory

SCHEMA = "PREFIX s: <http://schema.org/> "
PACKAGES: dict[str, dict[str, Any]] = {
    "gdp": {
        "title": "GDP of the world",
        "keywords": ["economics", "gdp"],
        "licenses": [{"name": "CC0-1.0", "path": "https://creativecommons.org/publicdomain/zero/1.0/"}],
        "contributors": [{"title": "World Bank", "roles": ["creator"]}],
        "temporal": {"start": "1960", "end": "2023"},
    },
    "ice": {
        "@context": {"@vocab": "http://schema.org/", "wd": "http://www.wikidata.org/entity/"},
        "@type": "Dataset",
        "title": "Sea ice “extent”",
        "creator": {"@type": "Person", "name": "J. Doe", "affiliation": {"@id": "wd:Q23548", "name": "NASA"}},
        "about": {"@id": "wd:Q1425008"},
    },
    "far": {
        "@context": ["https://example.org/never/fetched.jsonld", {"ex": "http://example.org/ns#"}],
        "@type": "ex:Lexicon",
        "title": "Words",
        "ex:size": 3,
    },
}


class Door:
    """Asks the registry door of a server."""

    def __init__(self, app: App, session: aiohttp.ClientSession) -> None:
        self.app, self.session, self.url = app, session, app.registry_url

    async def publish(self, name: str, version: str, **members: Any) -> None:
        body = {"name": name, "resources": [{"name": "t", "data": [{"n": 1}]}], **members}
        login = {"Authorization": aiohttp.encode_basic_auth(*ADMIN)}
        async with self.session.put(f"{self.url}/{name}/{version}", json=body, headers=login) as response:
            assert response.status == 201, await response.text()

    async def settled(self) -> None:
        """Until all that was published can be asked."""
        assert self.app.graphs is not None
        self.app.graphs.begin()
        loop = self.app.followers["graphs"]
        await loop.caught_up(await (await self.app.store.open("registry")).update_seq())

    async def ask(
        self, path: str, accept: str = "*/*", method: str = "GET", **more: Any
    ) -> tuple[int, str, str]:
        """Status, media type and text of an answer; asked again while it is not there yet."""
        for _ in range(200):
            async with self.session.request(
                method, f"{self.url}{path}", headers={"Accept": accept, **more.pop("headers", {})}, **more
            ) as response:
                if response.status != 503:
                    return response.status, response.content_type, await response.text()
            await asyncio.sleep(0.1)
        raise AssertionError("there was never an answer")

    async def rows(self, query: str, **more: str) -> list[dict[str, str]]:
        """The bindings of a SELECT, as texts."""
        async with self.session.get(
            f"{self.url}/-/sparql", params={"query": SCHEMA + query, **more}
        ) as found:
            answer = await found.json(content_type=None)
            assert found.status == 200, answer
        return [{name: term["value"] for name, term in row.items()} for row in answer["results"]["bindings"]]


@pytest.fixture
async def begun(server: ServerFactory) -> AsyncIterator[Callable[[], Awaitable[Door]]]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:

        async def begin(**given: Any) -> Door:
            app = await server(analytics="on", validation="off", **given)
            return Door(app, session)

        yield begin


@pytest.fixture
async def door(begun: Callable[[], Awaitable[Door]]) -> Door:
    found = await begun()
    for name, members in PACKAGES.items():
        await found.publish(name, "1.0.0", **members)
    await found.settled()
    return found
