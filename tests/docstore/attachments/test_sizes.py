"""Large attachments go in and out in bounded memory, and the loop stays free meanwhile.

`COUCHREG_TEST_LARGE_MB` makes the body as large as one likes; the bound stays the same.
"""

import asyncio
import hashlib
import os
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from couchreg.blobstore.directory.store import DirectoryBlobStore
from couchreg.blobstore.spool import Spool
from couchreg.docstore.attachments.attachments import Attachments
from couchreg.docstore.attachments.compression import Compression
from couchreg.package.layout import registry_layout

MEGABYTES = int(os.environ.get("COUCHREG_TEST_LARGE_MB", "64"))

SCRIPT = """
import asyncio, resource, sys
from pathlib import Path
from tests.docstore.attachments.test_sizes import round_trip

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)

folder, megabytes, content_type = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
asyncio.run(round_trip(folder / "warm", 2, content_type))
before = peak()
asyncio.run(round_trip(folder / "large", megabytes, content_type))
print((peak() - before) >> 20)
"""


async def body(megabytes: int) -> AsyncIterator[bytes]:
    """Lines that gzip well, each megabyte another."""
    for number in range(megabytes):
        line = b"%063d\n" % number
        for _ in range(16):
            yield line * 1024


async def round_trip(folder: Path, megabytes: int, content_type: str) -> None:
    blobs, spool = DirectoryBlobStore(folder / "datastore"), Spool(folder / "spool")
    attachments = Attachments(blobs, spool, registry_layout("registry"), lambda: Compression.of({}))
    async with attachments.upload("db") as upload:
        att = await upload.receive("a", "f", content_type, body(megabytes))
    assert att.length == megabytes << 20
    sent, got = hashlib.sha256(), hashlib.sha256()
    async for chunk in body(megabytes):
        sent.update(chunk)
    async for chunk in attachments.open(att):
        got.update(chunk)
    assert sent.digest() == got.digest()
    async for chunk in attachments.base64(att):
        assert len(chunk) <= 350 << 10
    await spool.close()
    await blobs.close()


@pytest.mark.parametrize("content_type", ["application/octet-stream", "text/plain"])
def test_memory_does_not_grow_with_the_attachment(tmp_path: Path, content_type: str) -> None:
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT), str(tmp_path), str(MEGABYTES), content_type]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 32


async def test_other_tasks_run_while_a_large_body_arrives(tmp_path: Path) -> None:
    """A producer that never waits by itself is made to wait for the disk, so that others get turns."""
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    await round_trip(tmp_path, 24, "application/octet-stream")
    counting.cancel()
    assert turns > 24
