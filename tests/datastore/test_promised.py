"""Room for direct uploads: what was announced counts, from then on and whatever comes of it."""

import time
from typing import Any

import aiohttp
import pytest

from couchreg.auth.users.accounts import Login
from couchreg.registry.publishing import promised
from couchreg.registry.publishing.direct import LASTS
from tests.conftest import ServerFactory
from tests.datastore.conftest import Client, Connect
from tests.datastore.test_direct import DESCRIPTOR, FILES, asked, sent

KIB = 1 << 10


def large(size: int, version: str = "1") -> dict[str, Any]:
    found = asked({"datapackage.json": DESCRIPTOR, "data/t.csv": b"x" * size})
    found["metadata"]["version"] = version
    return found


async def waiting(client: Client) -> list[str]:
    keys = [blob.key async for blob in client.app.attachments.blobs.keys("_uploads/")]
    return [key for key in keys if not key.endswith(".json")]


async def authorize(client: Client, wanted: dict[str, Any]) -> tuple[int, Any]:
    status, answer = await client.registry("POST", "/datastore/authorize", wanted)
    return status, answer


async def test_what_is_promised_is_bounded_over_restarts(server: ServerFactory, connect: Connect) -> None:
    room: dict[str, Any] = {"blobstore": "directory", "publish_space": 1}  # half of it for one
    client = connect(await server(**room))
    assert (await authorize(client, large(400 * KIB)))[0] == 200
    for again in range(2):
        status, answer = await authorize(client, large(200 * KIB, "2"))
        assert (status, "publish-space" in answer["reason"]) == (429, True), answer
        if not again:
            await client.app.stop()
            client = connect(await server(**room))
    assert (await authorize(client, large(50 * KIB, "2")))[0] == 200


async def test_what_is_published_makes_room(server: ServerFactory, connect: Connect) -> None:
    client = connect(await server(blobstore="directory", publish_space=1))
    files = {**FILES, "data/t.csv": b"a,b\n" + b"1,2\n" * 100 * KIB}
    for version in ("1", "2"):
        wanted = asked(files)
        wanted["metadata"]["version"] = version
        status, allowed = await authorize(client, wanted)
        assert status == 200, allowed
        for path, data in files.items():
            assert await sent(allowed["filedata"][path], data) == 201
        status, _ = await client.registry("POST", "/datastore/finalize", {"upload": allowed["upload"]})
        assert status == 201
    # The addresses are still good, and nobody would count what came there.
    assert await sent(allowed["filedata"]["data/t.csv"], files["data/t.csv"]) == 404
    assert await waiting(client) == []


async def test_who_begins_anew_gets_the_room_of_before(
    server: ServerFactory, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once nobody can send to the addresses of before any more."""
    client = connect(await server(blobstore="directory", publish_space=1))
    wanted = large(400 * KIB)
    _, allowed = await authorize(client, wanted)
    assert await sent(allowed["filedata"]["data/t.csv"], b"x" * 400 * KIB) == 201
    assert (await authorize(client, wanted))[0] == 429
    monkeypatch.setattr(promised.time, "time", lambda now=time.time: now() + LASTS + 1)
    assert (await authorize(client, large(400 * KIB, "2")))[0] == 429
    assert (await authorize(client, wanted))[0] == 200
    assert await waiting(client) == []


async def test_the_sweep_makes_room(
    server: ServerFactory, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = connect(await server(blobstore="directory", publish_space=1))
    assert (await authorize(client, large(400 * KIB)))[0] == 200
    after = client.app.registry.sessions.limits.left_for + 1
    assert after > client.app.settings.sweep_grace
    monkeypatch.setattr(promised.time, "time", lambda now=time.time: now() + after)
    assert (await authorize(client, large(400 * KIB, "2")))[0] == 200


async def test_so_many_of_one(
    server: ServerFactory, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(promised, "OF_ONE", 2)
    client = connect(await server(blobstore="directory"))
    found = [(await authorize(client, large(1, version)))[0] for version in "123"]
    assert found == [200, 200, 429]
    for promise in client.app.registry.direct._promises._given.values():
        promise.is_taken = True  # as a check does that goes on
    assert (await authorize(client, large(1, "4")))[0] == 200


async def test_an_account_has_no_room_for_what_it_was_promised(
    server: ServerFactory,
) -> None:
    app = await server(blobstore="directory", account_space=1)
    await app.accounts.create("anna", Login("a long enough one"))
    auth = aiohttp.encode_basic_auth("anna", "a long enough one")
    url = app.registry_url + "/datastore/authorize"
    statuses = []
    async with aiohttp.ClientSession() as anna:
        for version in "12":
            async with anna.post(
                url, json=large(600 * KIB, version), headers={"Authorization": auth}
            ) as answer:
                statuses.append(answer.status)
    assert statuses == [200, 413]
