"""Large objects go in and out of a bucket in parts: memory does not grow with them."""

import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from couchreg.blobstore.spool import Spool
from tests.blobstore.conftest import s3_on
from tests.s3_servers import S3Server

SIZE = int(os.environ.get("COUCHREG_TEST_OBJECT_MIB", "288"))  # 5120 for a whole 5 GiB
GROWTH = 143  # MiB (150 MB), whatever the size: parts on their way, and what the heap keeps of earlier ones
BLOCK = bytes(range(256)) * 1024


def peak() -> int:
    """The most memory this process has had since the last reset, in KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM")))


async def blocks(count: int) -> AsyncIterator[bytes]:
    for number in range(count):
        yield number.to_bytes(8) + BLOCK[8:]


@pytest.mark.parametrize("kind", ["own_s3_server", "rclone_server"])
async def test_a_large_object_needs_little_memory(
    request: pytest.FixtureRequest, spool: Spool, kind: str
) -> None:
    server: S3Server = request.getfixturevalue(kind)
    async with s3_on(server, timeout=60) as store:  # busy machines join the parts slowly
        first = await spool.receive(blocks(1))
        await store.put("first", first)  # what is imported once counts for nothing
        spooled = await spool.receive(blocks(SIZE * 4))
        Path("/proc/self/clear_refs").write_text("5")
        before = peak()
        assert await store.put("gdp/1/large.bin", spooled)
        hasher = hashlib.sha256()
        async for chunk in store.open("gdp/1/large.bin"):
            hasher.update(chunk)
        assert hasher.hexdigest() == spooled.sha256
        assert peak() - before < GROWTH << 10
        assert await store.adopt("gdp/1/large.bin", "gdp/2/large.bin", spooled)
        assert peak() - before < GROWTH << 10
        for key in ("gdp/1/large.bin", "gdp/2/large.bin"):
            await store.delete(key)
