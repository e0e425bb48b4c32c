"""Bytes that arrive are on disk, hashed, and gone when nobody wants them."""

import asyncio
import errno
import hashlib
import os
import random
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from couchreg.blobstore import spool as spooling
from couchreg.blobstore.spool import Spool
from couchreg.errors import Unavailable

DATA = random.Random(2).randbytes(5_000_000)


async def chunked(data: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


class Doubled:
    """A transform that sends each byte twice."""

    def feed(self, data: bytes) -> bytes:
        return bytes(byte for byte in data for _ in (0, 1))

    def finish(self) -> bytes:
        return b"!"


@pytest.mark.parametrize(("length", "is_held"), [(0, True), (500, True), (501, False), (200_000, False)])
async def test_few_bytes_may_stay_in_memory(spool: Spool, length: int, is_held: bool) -> None:
    spooled = await spool.receive(chunked(DATA[:length], 100), in_memory=500)
    assert (spooled.data is not None, spooled.path.exists()) == (is_held, not is_held)
    assert spooled.content() == DATA[:length]
    assert spooled.sha256 == hashlib.sha256(DATA[:length]).hexdigest()
    assert spooled.on_disk().read_bytes() == DATA[:length]
    spool.remove(spooled)
    assert list(spool.directory.iterdir()) == []


@pytest.mark.parametrize(
    ("length", "is_held"), [(spooling.SMALL_TRANSFORMED, True), (spooling.SMALL_TRANSFORMED + 1, False)]
)
async def test_few_transformed_bytes_may_stay_in_memory(spool: Spool, length: int, is_held: bool) -> None:
    spooled = await spool.receive(chunked(DATA[:length], 100), Doubled(), in_memory=spooling.SMALL)
    twice = Doubled().feed(DATA[:length]) + b"!"
    assert (spooled.data is not None, spooled.content()) == (is_held, twice)
    assert (spooled.length, spooled.sha256) == (2 * length + 1, hashlib.sha256(twice).hexdigest())


@pytest.mark.parametrize("length", [0, 1, spooling.SMALL, spooling.SMALL + 1, spooling.BATCH, 5_000_000])
@pytest.mark.parametrize("size", [1000, 65_536, 3_000_000])
async def test_a_body_arrives_whole_and_hashed(spool: Spool, length: int, size: int) -> None:
    data = DATA[:length]
    spooled = await spool.receive(chunked(data, size))
    assert spooled.path.read_bytes() == data
    assert spooled.length == length
    assert spooled.md5 == hashlib.md5(data).digest()
    assert spooled.sha256 == hashlib.sha256(data).hexdigest()
    spool.remove(spooled)
    spool.remove(spooled)
    assert list(spool.directory.iterdir()) == []


async def test_a_large_file_is_gone_at_once_when_it_is_removed(spool: Spool) -> None:
    spooled = await spool.receive(chunked(bytes(20 << 20), 1 << 20))
    spool.remove(spooled)
    spool.remove(spooled)
    assert not spooled.path.exists()


@pytest.mark.parametrize("length", [0, 10, 100_000])
async def test_hashes_are_of_what_a_transform_makes(spool: Spool, length: int) -> None:
    spooled = await spool.receive(chunked(DATA[:length], 30_000), Doubled())
    data = spooled.path.read_bytes()
    assert data == Doubled().feed(DATA[:length]) + b"!"
    assert (spooled.length, spooled.md5) == (len(data), hashlib.md5(data).digest())
    assert spooled.sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("sent", [10, 3_000_000])
async def test_a_body_that_breaks_off_leaves_no_file(spool: Spool, sent: int) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield DATA[:sent]
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await spool.receive(broken())
    assert list(spool.directory.iterdir()) == []


async def test_a_reception_that_is_cancelled_leaves_no_file(spool: Spool) -> None:
    stuck = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield DATA
        stuck.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(spool.receive(endless()))
    await stuck.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list(spool.directory.iterdir()) == []


async def test_a_write_that_comes_after_the_file_has_gone_touches_nothing(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread may be late: its descriptor's number can belong to another file by then."""
    go, write = threading.Event(), os.write
    written: list[int] = []

    def slow(descriptor: int, data: bytes) -> int:
        go.wait(10)
        written.append(descriptor)
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", slow)
    writer = spool.writer()
    await writer.write(DATA)
    monkeypatch.setattr(os, "write", write)
    leaving = asyncio.create_task(writer.__aexit__(None, None, None))
    go.set()
    await leaving
    await writer._idle()
    assert list(spool.directory.iterdir()) == []
    writer._sink._write(b"late")
    assert list(spool.directory.iterdir()) == []


async def test_a_full_disk_is_told_and_leaves_no_file(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    for size in (10, 3_000_000):
        with pytest.raises(Unavailable, match="No space left"):
            await spool.receive(chunked(DATA[:size], 100_000))
        assert list(spool.directory.iterdir()) == []


async def test_a_start_empties_the_spool(tmp_path: Path) -> None:
    (tmp_path / "spool" / "folder").mkdir(parents=True)
    (tmp_path / "spool" / "folder" / "file").write_bytes(b"x")
    (tmp_path / "spool" / "left").write_bytes(b"x")
    await Spool(tmp_path / "spool").close()
    assert list((tmp_path / "spool").iterdir()) == []


async def test_a_reader_of_the_body_is_held_back_by_a_slow_disk(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more than the batch being written and the one being gathered are in memory."""
    go, write = threading.Event(), os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: (go.wait(10), write(descriptor, data))[1])
    sent = 0

    async def fast() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(100):
            yield bytes(1 << 18)
            sent += 1 << 18

    task = asyncio.create_task(spool.receive(fast()))
    for _ in range(1000):
        await asyncio.sleep(0)
    assert sent <= 3 * spooling.BATCH
    go.set()
    assert (await task).length == 100 << 18
