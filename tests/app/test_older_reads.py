"""While the CouchDB behind a server is away strangers are answered with what was read before, and told so."""

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp

from couchreg.docstore.older import WARNING
from tests.app.test_documents_elsewhere import AUTH, address, ask, behind, publish
from tests.conftest import ServerFactory

PATHS = [
    "/words",
    "/words/1.0.0",
    "/words/latest",
    "/words/1.0.0/words",
    "/words/1.0.0/words?meta=true",
    "/words/1.0.0/datapackage.json",
    "/owner/ls/words",
    "/-/packages",
    "/_couch/registry",
    "/_couch/registry/words",
    "/_couch/registry/words@1.0.0",
    "/_couch/registry/words@1.0.0?revs=true",
    "/_couch/registry/words@1.0.0/data/words.csv",
    "/_couch/registry/_all_docs",
    "/_couch/registry/_all_docs?include_docs=true",
]


async def read(url: str, **headers: str) -> tuple[int, bytes, Any]:
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as response:
        return response.status, await response.read(), response.headers


async def test_strangers_read_on_while_the_couchdb_is_away(server: ServerFactory, tmp_path: Path) -> None:
    couchdb = await behind(server, tmp_path)
    app = await server(docstore=address(couchdb))
    assert await publish(app, "words", "1.0.0") == 201
    for _ in range(2):
        before = {path: await read(app.registry_url + path) for path in PATHS}
        for path, (status, _, headers) in before.items():
            assert (status, "Warning" in headers) == (200, False), path
    port = int(couchdb.couch_url.rpartition(":")[2])
    await couchdb.stop()
    for path, (_, body, _) in before.items():
        status, found, headers = await read(app.registry_url + path)
        assert (status, headers.get("Warning")) == (200, WARNING), (path, found)
        assert found == body or path == "/_couch/registry", path  # it has the sizes of files
    for path in ("/nothing", "/_couch/registry/nothing"):
        status, found, headers = await read(app.registry_url + path)
        assert (status, int(headers.get("Retry-After", 0)) > 0) == (503, True), (path, status, found)
    for path in ("/words/1.0.0", "/_couch/registry/words"):  # nobody can say whether they still may
        status, found, headers = await read(app.registry_url + path, **AUTH)
        assert (status, "Warning" in headers) == (503, False), path
        assert json.loads(found)["error"] == "service_unavailable"
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
