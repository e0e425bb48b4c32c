"""A whole server, a client of its couch door, and one user."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from couchreg.app import App
from couchreg.app.workers import Workers
from tests.app.people import BOB, ID, Client
from tests.app.readers import Reading, clients
from tests.conftest import ServerFactory


@pytest.fixture
async def client(app: App) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield Client(session, app.couch_url)


@pytest.fixture
async def bob(client: Client) -> tuple[str, str]:
    assert (await client("PUT", f"/_users/{ID}", BOB))[0] == 201
    return ("bob", "pw")


@pytest.fixture
async def reading(server: ServerFactory, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Reading]:
    """New connections go to the one reading process."""
    monkeypatch.setattr(Workers, "keeps", staticmethod(lambda own, others: False))
    async with clients(await server(workers=2)) as found:
        yield found
