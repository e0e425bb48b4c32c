"""Small files that are put at the same time: one thread for all, each directory synced once, faults apart."""

import asyncio
import errno
import os
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from couchreg.blobstore.directory.store import DirectoryBlobStore
from couchreg.blobstore.spool import Spool
from couchreg.errors import Unavailable


@pytest.fixture
async def blobs(tmp_path: Path) -> AsyncIterator[DirectoryBlobStore]:
    store = DirectoryBlobStore(tmp_path / "datastore")
    yield store
    await store.close()


class Synced:
    """Counts the fsyncs of directories below a root; those whose bytes are `failing` fail."""

    def __init__(self, root: Path, failing: bytes | None = None) -> None:
        self.folders: Counter[str] = Counter()
        self.bytes: Counter[bytes] = Counter()
        self._root, self._failing, self._fsync = root, failing, os.fsync

    def __call__(self, descriptor: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        if path.is_file():
            data = path.read_bytes()
            self.bytes[data] += 1
            if data == self._failing:
                raise OSError(errno.EIO, "the disk")
        else:
            self.folders[os.path.relpath(path, self._root)] += 1
        self._fsync(descriptor)


needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="tells descriptors apart by /proc")


@needs_proc
async def test_each_directory_is_synced_once(
    blobs: DirectoryBlobStore, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = Synced(blobs.root)
    monkeypatch.setattr(os, "fsync", synced)
    puts = [
        blobs.put(f"a/{folder}/{name}", spool.hold(f"{folder}{name}".encode()))
        for folder in "xy"
        for name in "12"
    ]
    assert await asyncio.gather(*puts) == [True] * 4
    assert synced.folders == {".": 1, "a": 1, "a/x": 1, "a/y": 1}
    assert set(synced.bytes.values()) == {1}
    assert (blobs.root / "a/y/2").read_bytes() == b"y2"


@needs_proc
async def test_what_fails_is_one_puts_own_and_is_not_tried_again(
    blobs: DirectoryBlobStore, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second fsync might say that all is well."""
    synced = Synced(blobs.root, failing=b"bad")
    monkeypatch.setattr(os, "fsync", synced)
    puts = [blobs.put("a/bad", spool.hold(b"bad")), blobs.put("a/good", spool.hold(b"good"))]
    failed, stored = await asyncio.gather(*puts, return_exceptions=True)
    assert isinstance(failed, Unavailable)
    assert stored is True
    assert synced.bytes[b"bad"] == 1
    assert await blobs.info("a/bad") is None
    assert list(spool.directory.iterdir()) == []


async def test_one_key_for_several(blobs: DirectoryBlobStore, spool: Spool) -> None:
    """One of them wins, and whoever has the same bytes is stored as well."""
    held = [spool.hold(data) for data in (b"one", b"other", b"one")]
    first, second, third = await asyncio.gather(*[blobs.put("a/b", spooled) for spooled in held])
    assert (first, second, third) == (True, False, True)
    assert (blobs.root / "a/b").read_bytes() == b"one"


async def test_a_file_in_the_way_and_a_link(blobs: DirectoryBlobStore, spool: Spool) -> None:
    assert await blobs.put("a/b", spool.hold(b"one"))
    known = spool.hold(b"one")._replace(kept="a/b", data=None)
    below, linked = await asyncio.gather(blobs.put("a/b/c", spool.hold(b"x")), blobs.put("d/e", known))
    assert (below, linked) == (False, True)
    assert os.path.samefile(blobs.root / "a/b", blobs.root / "d/e")


async def test_more_than_one_batch_and_those_who_leave(blobs: DirectoryBlobStore, spool: Spool) -> None:
    puts = [
        asyncio.ensure_future(blobs.put(f"many/{number}", spool.hold(b"%d" % number)))
        for number in range(300)
    ]
    await asyncio.sleep(0)
    for put in puts[1::2]:
        put.cancel()
    outcomes = await asyncio.gather(*puts, return_exceptions=True)
    assert outcomes[::2] == [True] * 150
    assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes[1::2])
    assert await blobs.put("many/after", spool.hold(b"still at work"))


async def test_after_the_end(tmp_path: Path, spool: Spool) -> None:
    store = DirectoryBlobStore(tmp_path / "closed")
    await store.close()
    with pytest.raises(Unavailable):
        await store.put("a/b", spool.hold(b"x"))
