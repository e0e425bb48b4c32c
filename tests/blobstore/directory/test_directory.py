"""What is particular to blobs in a directory: plain files, fsyncs, links, and the ways of file systems."""

import errno
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from couchreg.blobstore.directory.folders import Folders
from couchreg.blobstore.directory.links import REMEMBERED, KeyLinks
from couchreg.blobstore.directory.store import DirectoryBlobStore
from couchreg.blobstore.spool import Spool
from couchreg.errors import Unavailable
from tests.blobstore.conftest import spooled_bytes


@pytest.fixture
async def blobs(tmp_path: Path) -> AsyncIterator[DirectoryBlobStore]:
    store = DirectoryBlobStore(tmp_path / "datastore")
    yield store
    await store.close()


async def put(blobs: DirectoryBlobStore, spool: Spool, key: str, data: bytes) -> bool:
    spooled = await spooled_bytes(spool, data)
    try:
        return await blobs.put(key, spooled)
    finally:
        spool.remove(spooled)


async def test_a_blob_is_a_plain_file(blobs: DirectoryBlobStore, spool: Spool) -> None:
    await put(blobs, spool, "gdp/2026/data/gdp.csv", b"a,b\n")
    path = blobs.root / "gdp/2026/data/gdp.csv"
    assert path.read_bytes() == b"a,b\n"
    assert blobs.local_path("gdp/2026/data/gdp.csv") == path


async def test_empty_folders_go_with_their_last_file(blobs: DirectoryBlobStore, spool: Spool) -> None:
    await put(blobs, spool, "a/b/c/d", b"x")
    await put(blobs, spool, "a/e", b"x")
    await blobs.delete("a/b/c/d")
    assert sorted(path.name for path in blobs.root.rglob("*")) == ["a", "e"]
    await blobs.delete("a/e")
    assert list(blobs.root.iterdir()) == []


async def test_the_order_of_fsyncs(
    blobs: DirectoryBlobStore, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bytes before the name, the name before the answer; new folders into their parents before it too."""
    done: list[str] = []
    fsync, link = os.fsync, os.link

    def recorded_fsync(descriptor: int) -> None:
        name = os.readlink(f"/proc/self/fd/{descriptor}")
        done.append("bytes" if Path(name).is_file() else "/" + os.path.relpath(name, blobs.root))
        fsync(descriptor)

    def recorded_link(source: Any, target: Any) -> None:
        link(source, target)
        done.append("link")

    if not Path("/proc/self/fd").is_dir():
        pytest.skip("needs /proc to tell descriptors apart")
    monkeypatch.setattr(os, "fsync", recorded_fsync)
    monkeypatch.setattr(os, "link", recorded_link)
    await put(blobs, spool, "a/b/c", b"x")
    assert (done[:2], sorted(done[2:])) == (["bytes", "link"], ["/.", "/a", "/a/b"])
    done.clear()
    await put(blobs, spool, "a/b/d", b"y")
    assert done == ["bytes", "link", "/a/b"]
    done.clear()
    await put(blobs, spool, "a/b/d", b"y")
    assert done == []
    await blobs.delete("a/b/d")
    await put(blobs, spool, "a/b/d", b"y")
    assert (done[-3], sorted(done[-2:])) == ("link", ["/a", "/a/b"])
    done.clear()
    blobs._links.begin("a/b/d")
    await put(blobs, spool, "a/b/d", b"y")
    assert done == ["/a/b"], "somebody else's link may not be durable yet"


def test_what_was_synced_counts_only_for_its_own_linking() -> None:
    links = KeyLinks()
    first = links.begin("a")
    second = links.begin("a")
    links.stays("a", first)
    assert not links.is_durable("a")
    links.stays("a", second)
    assert links.is_durable("a")
    late = links.begin("a")
    links.forget("a")
    links.stays("a", late)
    assert not links.is_durable("a")
    for number in range(REMEMBERED + 1):
        links.stays(str(number), links.begin(str(number)))
    assert [key for key in ("0", str(REMEMBERED)) if links.is_durable(key)] == [str(REMEMBERED)]


async def test_a_spool_on_another_device_is_copied(
    blobs: DirectoryBlobStore, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link

    def picky(source: Path, target: Path) -> None:
        if source.is_relative_to(spool.directory):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        link(source, target)

    monkeypatch.setattr(os, "link", picky)
    assert await put(blobs, spool, "a/b", b"x")
    assert not await put(blobs, spool, "a/b", b"y")
    assert (blobs.root / "a/b").read_bytes() == b"x"
    assert [blob.key async for blob in blobs.keys("")] == ["a/b"]
    assert list((blobs.root / ".incoming").iterdir()) == []


async def test_half_copied_files_are_removed_at_the_next_start(tmp_path: Path) -> None:
    (tmp_path / ".incoming").mkdir()
    (tmp_path / ".incoming" / "half").write_bytes(b"x")
    await DirectoryBlobStore(tmp_path).close()
    assert list(tmp_path.iterdir()) == []


async def test_names_that_a_file_system_folds_together_are_refused(
    blobs: DirectoryBlobStore, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on macOS, where `A` opens `a`: the file of another spelling must not stand for this key."""
    blobs._folders.folds = True
    assert await put(blobs, spool, "a/b", b"x")
    assert await put(blobs, spool, "a/b", b"x")
    listdir = os.listdir
    monkeypatch.setattr(os, "listdir", lambda path: [name.upper() for name in listdir(path)])
    assert not await put(blobs, spool, "a/b", b"x"), "there, but as A/B"
    assert not await put(blobs, spool, "a/n", b"x"), "linked, but into A"
    assert listdir(blobs.root / "a") == ["b"]


async def test_a_file_system_that_folds_names_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "X").touch()
    assert Folders(tmp_path).folds == (tmp_path / "x").exists()
    exists = Path.exists
    monkeypatch.setattr(Path, "exists", lambda path: exists(path.with_name(path.name.replace("A", "a"))))
    assert Folders(tmp_path).folds


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EIO])
async def test_what_the_disk_refuses_is_told_without_paths(
    blobs: DirectoryBlobStore, spool: Spool, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(number, os.strerror(number), str(blobs.root))

    spooled = await spooled_bytes(spool, b"x")
    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(Unavailable, match=os.strerror(number)) as caught:
        await blobs.put("a/b", spooled)
    assert str(blobs.root) not in caught.value.reason
    assert await blobs.info("a/b") is None


async def test_a_spooled_file_that_has_gone_is_an_error_not_a_loop(
    blobs: DirectoryBlobStore, spool: Spool
) -> None:
    spooled = await spooled_bytes(spool, b"x")
    spool.remove(spooled)
    with pytest.raises(Unavailable):
        await blobs.put("a/b", spooled)


async def test_reading_without_a_page_cache_to_ask(
    blobs: DirectoryBlobStore, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(blobs, spool, "a/b", bytes(600_000))
    monkeypatch.setattr("couchreg.blobstore.directory.reading.NOWAIT", 0)
    assert [len(chunk) async for chunk in blobs.open("a/b")] == [262_144, 262_144, 75_712]


async def test_a_blob_that_shrinks_while_it_is_read_is_an_error(
    blobs: DirectoryBlobStore, spool: Spool
) -> None:
    await put(blobs, spool, "a/b", bytes(600_000))
    chunks = blobs.open("a/b")
    await anext(chunks)
    os.truncate(blobs.root / "a/b", 300_000)
    with pytest.raises(Unavailable, match="shorter"):
        async for _ in chunks:
            pass
