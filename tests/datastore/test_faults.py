"""Publishing while S3 fails in every way: what is acknowledged stays, what is visible is whole."""

import asyncio
import os
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

import couchreg.app.stores
from couchreg.app import build
from couchreg.blobstore.s3 import gc as s3_gc
from couchreg.blobstore.s3.options import S3Options
from couchreg.blobstore.s3.store import S3BlobStore
from couchreg.cli.rebuild import run as rebuild
from couchreg.config import load
from couchreg.docstore.maintenance.audit import Audit
from couchreg.errors import Unavailable
from tests.conftest import ServerFactory
from tests.datastore.conftest import Client, Connect, package, settings_of
from tests.fault_proxy import FaultProxy, fault_proxy
from tests.s3_servers import S3Server

PUBLISHES = int(os.environ.get("COUCHREG_TEST_PUBLISHES", "60"))
AT_ONCE = 6


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time-outs of a second, so that a server that hangs does not hold up the tests."""
    original = couchreg.app.stores.s3_options
    monkeypatch.setattr(
        couchreg.app.stores,
        "s3_options",
        lambda *given: replace(original(*given), timeout=1.0, connect_timeout=1.0, attempts=3),
    )
    monkeypatch.setattr("couchreg.registry.changing.settling.SECONDS", 10.0)


def content(number: int) -> bytes:
    chance = random.Random(number)
    rows = chance.choice([1, 20, 5000])
    return b"a,b\n" + b"".join(b"%d,%d\n" % (number, chance.randrange(10**6)) for _ in range(rows))


async def publish(client: Client, number: int) -> int:
    name, version = f"p{number % 7}", str(number)
    status, answer = await client.publish(name, version, content(number))
    assert status in (200, 201, 503), answer
    assert status != 503 or answer["error"] == "service_unavailable"
    return status


async def readable(client: Client, number: int) -> bool | None:
    """Whether a version is there, whole; None when the server says that it cannot tell now."""
    url = f"{client.app.registry_url}/p{number % 7}/{number}/data/table.csv"
    try:
        async with client.session.get(url) as response:
            data = await response.read()
    except aiohttp.ClientError:
        return None  # broken off: nobody takes that for the whole
    assert response.status in (200, 404, 503), data
    assert response.status != 200 or data == content(number)
    return {200: True, 404: False}.get(response.status)


@pytest.mark.usefixtures("impatient")
async def test_publishes_while_s3_fails(
    server: ServerFactory, connect: Connect, bucket: S3Options, moto_server: S3Server, tmp_path: Path
) -> None:
    seed = int(os.environ.get("COUCHREG_TEST_SEED", random.randrange(10**6)))
    print("COUCHREG_TEST_SEED", seed)
    async with fault_proxy(moto_server.endpoint, random.Random(seed)) as proxy:
        settings = {**settings_of(replace(bucket, endpoint=proxy.url)), "validation": "off"}
        client = connect(await server(**settings))
        outcomes = await under_fire(client, proxy)
        print(proxy.done, {status: list(outcomes.values()).count(status) for status in (200, 201, 503)})
        assert sum(proxy.done.values()) > proxy.done[""]
        for number, status in outcomes.items():
            there = await readable(client, number)
            assert there is not None
            assert there or status == 503, f"{number} was acknowledged and is lost"
        for number, status in outcomes.items():
            if status == 503:
                assert await publish(client, number) in (200, 201)  # what failed can be done again
        before = await client.everything()
        await client.app.stop()
    await leaves_nothing(bucket, tmp_path)
    again = load({"data_dir": tmp_path / "other", **settings_of(bucket)}, environ={})
    done = await rebuild(again)
    assert (done.problems, done.written) == ([], len(before))


async def under_fire(client: Client, proxy: FaultProxy) -> dict[int, int]:
    """Publish and read with faults; the status of each publish."""
    outcomes: dict[int, int] = {}
    numbers = iter(range(PUBLISHES))

    async def work() -> None:
        for number in numbers:
            outcomes[number] = await publish(client, number)
            await readable(client, number)

    proxy.rate = 0.12
    await asyncio.gather(*[work() for _ in range(AT_ONCE)])
    proxy.rate = 0.0
    await until_s3_answers(client)
    return outcomes


async def until_s3_answers(client: Client) -> None:
    """The breaker lets a call through from time to time; nothing tells when."""
    while True:
        try:
            await client.app.attachments.blobs.info("x")
            return
        except Unavailable:
            await asyncio.sleep(0.1)


async def leaves_nothing(bucket: S3Options, tmp_path: Path) -> None:
    """After `gc` every object is needed, and every needed object is there and whole."""
    settings: Any = load({"data_dir": tmp_path / "data", **settings_of(bucket)}, environ={})
    store = await S3BlobStore.connect(bucket)
    async with build(settings).offline() as app:
        audit = Audit(app.store, app.attachments, "registry")
        await audit.gc(0)
        await s3_gc.collect(store.calls, 0)
        found = await audit.check(deep=True)
    assert (found.missing, found.different, found.orphans) == ([], [], [])
    assert "Uploads" not in await store.calls("list_multipart_uploads")
    await store.close()


@pytest.mark.usefixtures("impatient")
async def test_without_s3_documents_are_read_and_uploads_refused(
    server: ServerFactory, connect: Connect, bucket: S3Options, moto_server: S3Server
) -> None:
    async with fault_proxy(moto_server.endpoint, random.Random(1)) as proxy:
        client = connect(await server(**settings_of(replace(bucket, endpoint=proxy.url))))
        assert (await client.publish("gdp", "1", b"a\n1\n"))[0] == 201
        proxy.rate, proxy.faults = 1.0, ("unavailable",)
        for _ in range(3):
            url = f"{client.app.registry_url}/gdp/2"
            async with client.session.put(url, json=package("gdp", b"a\n2\n")) as response:
                assert response.status == 503
                assert int(response.headers["Retry-After"]) > 0
        assert (await client.registry("GET", "/gdp/1"))[0] == 200
        assert (await client.couch("GET", "/registry/gdp@1"))[0] == 200
        assert (await client.registry("GET", "/gdp/2"))[0] == 404
        before = proxy.done["unavailable"]
        assert await readable_now(client) == 503
        assert proxy.done["unavailable"] == before  # the breaker is open: S3 is left alone
        await client.app.stop()


async def readable_now(client: Client) -> int:
    async with client.session.get(f"{client.app.registry_url}/gdp/1/data/table.csv") as response:
        return response.status
