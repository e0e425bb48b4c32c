"""While the CouchDB behind a server is away strangers get answers that held lately, and are told so."""

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp

from tests.app.test_documents_elsewhere import AUTH, address, ask, behind, publish
from tests.conftest import ServerFactory

PATHS = ["/words", "/words/1.0.0", "/words/latest", "/words/1.0.0/words"]


async def read(url: str, **headers: str) -> tuple[int, bytes, Any]:
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as response:
        return response.status, await response.read(), response.headers


async def test_strangers_read_on_while_the_couchdb_is_away(server: ServerFactory, tmp_path: Path) -> None:
    couchdb = await behind(server, tmp_path)
    app = await server(docstore=address(couchdb))
    assert await publish(app, "words", "1.0.0") == 201
    before = {path: await read(app.registry_url + path) for path in PATHS}
    for path, (status, _, headers) in before.items():
        assert (status, "Warning" in headers) == (200, False), path
    port = int(couchdb.couch_url.rpartition(":")[2])
    await couchdb.stop()
    for path, (_, body, _) in before.items():
        status, found, headers = await read(app.registry_url + path)
        assert (status, found, headers["Warning"][:4]) == (200, body, "110 "), path
    for more in ({}, AUTH):  # what nobody has read, and who they are, nobody can say
        status, found, headers = await read(f"{app.registry_url}/{'words' if more else 'nothing'}", **more)
        assert (status, int(headers.get("Retry-After", 0)) > 0) == (503, True), found
    status, _, headers = await ask(f"{app.couch_url}/registry/a", "PUT", json={})
    assert (status, int(headers["Retry-After"]) > 0) == (503, True)
    assert await publish(app, "words", "2.0.0") == 503
    await behind(server, tmp_path, port=port)
    while await publish(app, "words", "2.0.0") == 503:
        await asyncio.sleep(0.2)
    status, found, headers = await read(f"{app.registry_url}/words/latest")
    assert (status, "Warning" in headers) == (200, False)
    assert json.loads(found)["version"] == "2.0.0"
    await app.stop()
