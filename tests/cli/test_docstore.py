"""`couchreg docstore copy`: a registry moves into a CouchDB, its files stay, and it is served from there."""

import asyncio
from pathlib import Path

import aiohttp
import pytest
from click.testing import CliRunner

from couchreg.cli.main import cli
from couchreg.config import CannotStart
from tests.conftest import ADMIN, ServerFactory
from tests.packages import related, small


async def test_a_registry_is_served_from_where_it_was_copied_to(
    server: ServerFactory, tmp_path: Path
) -> None:
    couchdb = await server(data_dir=tmp_path / "couchdb")
    place = couchdb.couch_url.replace("://", f"://{ADMIN[0]}:{ADMIN[1]}@")
    app = await server()
    auth = {"Authorization": aiohttp.encode_basic_auth(*ADMIN)}
    body, headers = related(small("words"))
    async with aiohttp.ClientSession(headers=auth) as client:
        async with client.put(f"{app.registry_url}/words/1.0.0", data=body, headers=headers) as response:
            assert response.status == 201
        async with client.get(f"{app.couch_url}/registry/words@1.0.0") as response:
            before = await response.json()
    await app.stop()
    done = await copied(str(tmp_path / "data"), place + "/team")
    assert "4 databases" in done
    app = await server(docstore=place + "/team")
    async with aiohttp.ClientSession(headers=auth) as client:
        async with client.get(f"{app.couch_url}/registry/words@1.0.0") as response:
            assert await response.json() == before
        async with client.get(f"{app.registry_url}/words/1.0.0/words") as response:
            assert (await response.text()).startswith("id,word")
    busy = await copied(str(tmp_path / "data"), place + "/team")
    assert "is in use by another couchreg server" in busy
    await app.stop()
    assert "another registry" in await copied(str(tmp_path / "data"), place + "/team")
    with pytest.raises(CannotStart, match="belongs to another registry"):
        await server()  # what was copied is not that registry any more


async def copied(source: str, target: str) -> str:
    result = await asyncio.to_thread(CliRunner().invoke, cli, ["docstore", "copy", source, target])
    assert ADMIN[1] + "@" not in result.output
    return result.output + str(result.exception or "")
