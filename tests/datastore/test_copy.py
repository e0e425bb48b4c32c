"""Moving a datastore from bucket to bucket, and the headers that a bucket's settings ask for."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from couchreg.blobstore.s3.options import S3Options
from couchreg.blobstore.s3.store import S3BlobStore
from couchreg.blobstore.spool import Spool
from tests.conftest import ServerFactory
from tests.datastore.conftest import Connect, settings_of
from tests.datastore.test_commands import flags, run
from tests.s3_servers import S3Server, new_bucket

CSV = b"a,b\n1,2\n"
LARGE = bytes(9 << 20)


@pytest.fixture
async def spool(tmp_path: Path) -> AsyncIterator[Spool]:
    spool = Spool(tmp_path / "a spool")
    yield spool
    await spool.close()


async def test_copy_from_one_server_to_another(
    server: ServerFactory, connect: Connect, bucket: S3Options, rclone_server: S3Server
) -> None:
    client = connect(await server(**settings_of(bucket)))
    await client.publish("gdp", "1", CSV)
    await client.app.stop()
    target = await new_bucket(rclone_server)
    there = [
        "--to-s3-endpoint",
        str(target.endpoint),
        "--to-s3-access-key-id",
        str(target.access_key),
        "--to-s3-secret-access-key",
        str(target.secret_key),
    ]
    words = ["copy", bucket.address, target.address, *flags(bucket)[2:], *there]
    done = await run(*words)
    assert done.exit_code == 0, done.output
    from_, to = [await S3BlobStore.connect(options) for options in (bucket, target)]
    keys = {blob.key: blob.length async for blob in from_.keys("")}
    assert {blob.key: blob.length async for blob in to.keys("")} == keys
    assert b"".join([chunk async for chunk in to.open("gdp/1/data/table.csv")]) == CSV
    again = await run(*words, "--verify")
    assert again.output == f"0 copied (0 bytes), {len(keys)} there already.\n"
    await from_.close()
    await to.close()


@pytest.mark.parametrize("data", [CSV, LARGE], ids=["in one request", "in parts"])
async def test_encryption_and_storage_class(bucket: S3Options, spool: Spool, data: bytes) -> None:
    store = await S3BlobStore.connect(replace(bucket, encryption="AES256", storage_class="STANDARD_IA"))
    async with spool.writer() as writer:
        await writer.write(data)
        spooled = await writer.finish()
    assert await store.put("gdp/1/a", spooled)
    assert await store.adopt("gdp/1/a", "gdp/1/b", spooled)
    for key in ("gdp/1/a", "gdp/1/b"):
        head = await store.head(key)
        assert head is not None
        assert (head["ServerSideEncryption"], head["StorageClass"]) == ("AES256", "STANDARD_IA")
    await store.close()


async def test_the_flags_reach_the_bucket(server: ServerFactory, connect: Connect, bucket: S3Options) -> None:
    settings = {**settings_of(bucket), "s3_encryption": "AES256", "s3_storage_class": "STANDARD_IA"}
    client = connect(await server(**settings))
    assert (await client.publish("gdp", "1", CSV))[0] == 201
    store = await S3BlobStore.connect(bucket)
    head = await store.head("gdp/1/data/table.csv")
    assert head is not None
    assert (head["ServerSideEncryption"], head["StorageClass"]) == ("AES256", "STANDARD_IA")
    await store.close()
