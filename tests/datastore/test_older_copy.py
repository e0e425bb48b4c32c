"""Databases that were put back from an older copy, beside the datastore as it is."""

import logging
import shutil
import time

import pytest

from couchreg.docstore.maintenance.sweeper import Sweeper
from tests.conftest import ServerFactory
from tests.datastore.conftest import Client, Connect


def first_sweep(client: Client) -> Sweeper:
    """What a start does, as if all that is there had been left by a life before."""
    store, attachments = client.app.store, client.app.attachments
    return Sweeper(store, attachments, grace=86_400, begun=time.time() + 60, recorded="registry")


async def test_what_the_copy_lacks_is_not_swept_at_the_start(
    server: ServerFactory, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    first = await server(blobstore="directory")
    assert (await connect(first).publish("gdp", "1", b"a\n1\n"))[0] == 201
    await first.stop()
    data = first.settings.data_dir
    shutil.copytree(data / "databases", data.parent / "copy")
    second = await server(blobstore="directory")
    assert (await connect(second).publish("gdp", "2", b"a\n2\n"))[0] == 201
    await second.stop()
    shutil.rmtree(data / "databases")
    shutil.move(data.parent / "copy", data / "databases")
    client = connect(await server(blobstore="directory"))
    with caplog.at_level(logging.WARNING):
        await first_sweep(client).sweep()
    assert "an older copy" in caplog.text
    assert [path.read_bytes() for path in (data / "datastore/gdp/2").rglob("*.csv")] == [b"a\n2\n"]


async def test_what_a_life_before_left_unfinished_is_swept_at_the_start(
    server: ServerFactory, connect: Connect
) -> None:
    client = connect(await server(blobstore="directory"))
    assert (await client.publish("gdp", "1", b"a\n1\n"))[0] == 201
    left = client.app.settings.data_dir / "datastore/gdp/2/t.csv"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"a\n")
    assert await first_sweep(client).sweep() == 1
    assert not left.exists()
    assert await client.bytes("/gdp/1/datapackage.json")
