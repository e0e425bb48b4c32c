"""The write-ahead log of small files: what it saves, and what a crash or a failing disk leaves."""

import asyncio
import errno
import os
import shutil
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from couchreg.blobstore.directory import ahead, logged
from couchreg.blobstore.directory.ahead import NAMES, WriteAheadLog
from couchreg.blobstore.directory.ahead_records import LogRecord, decoded, encoded, head
from couchreg.blobstore.directory.store import DirectoryBlobStore
from couchreg.blobstore.spool import Spool
from couchreg.errors import Unavailable


@pytest.fixture(autouse=True)
def by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is settled by itself."""
    monkeypatch.setattr(ahead, "SOON", 3600.0)


@pytest.fixture
async def blobs(tmp_path: Path) -> AsyncIterator[DirectoryBlobStore]:
    store = DirectoryBlobStore(tmp_path / "datastore")
    yield store
    await store.close()


def the_log(blobs: DirectoryBlobStore) -> WriteAheadLog:
    return blobs._grounds.ahead


async def after_a_crash(blobs: DirectoryBlobStore, *lost: str) -> DirectoryBlobStore:
    """The store of a copy of the directory as it is now, in which some files are torn."""
    copy = blobs.root.with_name(f"{blobs.root.name}-copy")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(blobs.root, copy)
    for key in lost:
        (copy / key).write_bytes(b"")
    return DirectoryBlobStore(copy)


def content(blobs: DirectoryBlobStore, key: str) -> bytes | None:
    path = blobs.root / key
    return path.read_bytes() if path.exists() else None


async def test_those_who_wait_together_need_one_fsync(
    blobs: DirectoryBlobStore, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await blobs.put("first/x", spool.hold(b"x"))  # makes the log
    done: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda _: done.append("fsync"))
    monkeypatch.setattr(os, "fdatasync", lambda _: done.append("fdatasync"))
    puts = [blobs.put(f"a/{number}/f", spool.hold(b"%d" % number)) for number in range(20)]
    assert await asyncio.gather(*puts) == [True] * 20
    assert done == ["fdatasync"]
    assert content(blobs, "a/7/f") == b"7"


async def test_what_is_in_the_log_survives_without_an_fsync_of_its_own(
    blobs: DirectoryBlobStore, spool: Spool
) -> None:
    assert await blobs.put("a/b/torn", spool.hold(b"torn"))
    assert await blobs.put("a/b/whole", spool.hold(b"whole"))
    assert await blobs.adopt("a/b/torn", "c/link", spool.hold(b"torn")._replace(data=None))
    found = await after_a_crash(blobs, "a/b/torn", "c/link")
    assert [content(found, key) for key in ("a/b/torn", "a/b/whole", "c/link")] == [
        b"torn",
        b"whole",
        b"torn",
    ]
    listed = sorted([blob.key async for blob in found.keys("")])
    assert listed == ["a/b/torn", "a/b/whole", "c/link"]
    assert [(found.root / name).stat().st_size for name in NAMES] == [0, 0]
    await found.close()
    shutil.rmtree(found.root / "a")  # of what has been settled nothing is remembered
    again = DirectoryBlobStore(found.root)
    assert content(again, "a/b/torn") is None
    await again.close()


@pytest.mark.parametrize("settled", [False, True], ids=["at once", "when it has been synced"])
async def test_what_was_removed_stays_away(blobs: DirectoryBlobStore, spool: Spool, settled: bool) -> None:
    assert await blobs.put("a/b", spool.hold(b"old"))
    if settled:
        the_log(blobs).settle()
    await blobs.delete("a/b", durably=True)
    found = await after_a_crash(blobs)
    assert content(found, "a/b") is None
    await found.close()


async def test_the_newest_counts(blobs: DirectoryBlobStore, spool: Spool) -> None:
    """Removed and put again, through the log or past it."""
    large = b"x" * (ahead.LOGGED + 1)
    for key, data in (("a/small", b"new"), ("a/large", large)):
        assert await blobs.put(key, spool.hold(b"old"))
        await blobs.delete(key)
        assert await blobs.put(key, spool.hold(data))
    found = await after_a_crash(blobs)
    assert (content(found, "a/small"), content(found, "a/large")) == (b"new", large)
    await found.close()


async def test_a_full_log_takes_no_more_until_it_is_settled(
    blobs: DirectoryBlobStore, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ahead, "MOST", 100)
    synced: list[str] = []
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        fsync(descriptor)

    for number in range(2):  # each of the two files
        assert await blobs.put(f"a/{number}", spool.hold(bytes(200)))
    monkeypatch.setattr(os, "fsync", noted)
    assert await blobs.put("a/alone", spool.hold(b"alone"))
    assert synced != []
    the_log(blobs).settle()
    synced.clear()
    assert await blobs.put("a/logged", spool.hold(b"logged"))
    assert synced == []


async def test_a_log_that_fails_is_passed(
    blobs: DirectoryBlobStore, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is written behind a place that may be torn: it would not be found."""
    assert await blobs.put("a/before", spool.hold(b"before"))
    with monkeypatch.context() as failing:
        failing.setattr(os, "fdatasync", refused)
        assert await blobs.put("a/meanwhile", spool.hold(b"meanwhile"))
    assert await blobs.put("a/after", spool.hold(b"after"))
    found = await after_a_crash(blobs, "a/before", "a/after")
    assert content(found, "a/before") == b"before"
    assert content(found, "a/after") == b"after"
    await found.close()


async def test_a_deletion_that_the_log_cannot_hold_is_told(
    blobs: DirectoryBlobStore, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await blobs.put("a/b", spool.hold(b"x"))
    with monkeypatch.context() as failing:
        failing.setattr(os, "fdatasync", refused)
        with pytest.raises(Unavailable):
            await blobs.delete("a/b", durably=True)
    await blobs.delete("a/b", durably=True)
    found = await after_a_crash(blobs)
    assert content(found, "a/b") is None
    await found.close()


async def test_a_file_that_could_not_be_synced_is_made_anew(
    blobs: DirectoryBlobStore, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second fsync may say that all is well, and be wrong."""
    assert await blobs.put("a/bad", spool.hold(b"bad"))
    assert await blobs.put("a/gone", spool.hold(b"gone"))
    before = (blobs.root / "a/bad").stat().st_ino
    with monkeypatch.context() as failing:
        failing.setattr(os, "fsync", refused)
        with pytest.raises(OSError):
            the_log(blobs).settle()
    await blobs.delete("a/gone")
    assert await blobs.put("a/later", spool.hold(b"later"))
    the_log(blobs).settle()
    assert (blobs.root / "a/bad").stat().st_ino != before
    assert content(blobs, "a/bad") == b"bad"
    assert content(blobs, "a/gone") is None
    assert content(blobs, "a/later") == b"later"


def refused(_: int) -> None:
    raise OSError(errno.EIO, "the disk")


async def test_what_is_not_at_its_place_yet_stays_in_the_log(
    blobs: DirectoryBlobStore, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    create, arrived, go_on = logged._create, threading.Event(), threading.Event()

    def slow(path: str, data: bytes) -> None:
        arrived.set()
        go_on.wait(60)
        create(path, data)

    monkeypatch.setattr(logged, "_create", slow)
    putting = asyncio.create_task(blobs.put("a/b", spool.hold(b"x")))
    await asyncio.to_thread(arrived.wait, 60)
    settling = asyncio.create_task(asyncio.to_thread(the_log(blobs).settle))
    await asyncio.wait([settling], timeout=0.2)
    found = await after_a_crash(blobs)
    assert content(found, "a/b") == b"x"
    await found.close()
    go_on.set()
    assert await putting
    await settling
    assert [(blobs.root / name).stat().st_size for name in NAMES] == [0, 0]
    assert content(blobs, "a/b") == b"x"


async def test_a_second_store_leaves_the_log_alone(blobs: DirectoryBlobStore, spool: Spool) -> None:
    assert await blobs.put("a/b", spool.hold(b"x"))
    other = DirectoryBlobStore(blobs.root)
    assert await other.put("a/c", spool.hold(b"y"))
    await other.close()
    found = await after_a_crash(blobs, "a/b")
    assert content(found, "a/b") == b"x"
    await found.close()


async def test_nothing_is_left_after_an_orderly_end(tmp_path: Path, spool: Spool) -> None:
    store = DirectoryBlobStore(tmp_path / "one")
    await store.put("a", spool.hold(b"x"))
    await store.close()
    assert [path.name for path in store.root.iterdir()] == ["a"]


def test_records_are_read_up_to_the_first_that_is_torn() -> None:
    records = [LogRecord("a/é", b"x" * 700), LogRecord("b", None), LogRecord("c", b"")]
    parts = [head(7), *map(encoded, records)]
    whole = b"".join(parts)
    assert decoded(whole) == (7, records)
    assert decoded(b"") == (0, [])
    ends = [sum(map(len, parts[: count + 2])) for count in range(3)]
    for cut in range(len(whole)):
        assert decoded(whole[:cut])[1] == records[: sum(end <= cut for end in ends)]
    for place in range(len(parts[0]) + len(parts[1])):
        torn = bytearray(whole)
        torn[place] ^= 0xFF
        assert decoded(bytes(torn))[1] == []
