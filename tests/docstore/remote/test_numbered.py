"""Documents that a bucket decides about: one edit of a revision, and no second one."""

import asyncio
from pathlib import Path

import pytest

from couchreg.blobstore.directory.store import DirectoryBlobStore
from couchreg.blobstore.spool import Spool
from couchreg.docstore.remote import Members, NumberedDocuments, numbered
from couchreg.docstore.remote.members import Rhythm
from couchreg.errors import Conflict, NotFound, Unavailable

HASTY = Rhythm(0.02, 3600, 0.05)


@pytest.fixture
def documents(blobs: DirectoryBlobStore, spool: Spool) -> NumberedDocuments:
    return NumberedDocuments(blobs, spool.hold)


async def test_of_two_edits_one_is_refused(documents: NumberedDocuments) -> None:
    assert await documents.write("lease:a", {"v": 1}, None) == "1"
    outcomes = await asyncio.gather(
        *[documents.write("lease:a", {"v": 2}, "1") for _ in range(5)], return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in outcomes) == ["Conflict"] * 4 + ["str"]
    assert await documents.read("lease:a") == {"_id": "lease:a", "_rev": "2", "v": 2}
    with pytest.raises(Conflict):
        await documents.write("lease:a", {}, None)


async def test_what_is_deleted_can_be_edited_no_more(documents: NumberedDocuments) -> None:
    await documents.write("process:a", {}, None)
    await documents.delete("process:a", "1")
    assert await documents.read("process:a") is None
    with pytest.raises(Conflict):
        await documents.write("process:a", {}, "1")
    with pytest.raises(NotFound):
        await documents.delete("process:a", "1")


async def test_a_range_and_what_is_old_is_removed(
    documents: NumberedDocuments, blobs: DirectoryBlobStore
) -> None:
    await documents.write("lease:a", {}, None)
    rev = None
    for _ in range(20):
        rev = await documents.write("process:a", {"v": 1}, rev)
    await documents.write("sweep:round", {}, None)
    for _ in range(2):
        found = await documents.between("lease:", "process:~")
        assert [(one["_id"], one["_rev"]) for one in found] == [("lease:a", "1"), ("process:a", "20")]
    keys = {blob.key async for blob in blobs.keys("_claims/documents/process/")}
    assert keys == {f"_claims/documents/process/a/{number}" for number in (19, 20)}
    with pytest.raises(Conflict):  # of a number that was removed
        await documents.write("process:a", {}, "3")
    found = await documents.between("process:", "process:~")
    assert [one["_rev"] for one in found] == ["20"]


async def test_deletions_are_forgotten_in_the_end(
    documents: NumberedDocuments, blobs: DirectoryBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await documents.write("process:a", {}, None)
    await documents.delete("process:a", "1")
    assert await documents.between("a", "z") == []
    assert [blob async for blob in blobs.keys("")] != []
    monkeypatch.setattr(numbered, "FORGET", 0.0)
    assert await documents.between("a", "z") == []
    assert [blob async for blob in blobs.keys("")] == []


async def test_who_may_not_write_writes_nothing(documents: NumberedDocuments) -> None:
    def gate() -> None:
        raise Unavailable("no")

    documents.gate = gate
    with pytest.raises(Unavailable):
        await documents.write("lease:a", {}, None)
    await documents.write("process:a", {}, None, gated=False)


async def test_a_process_that_is_dead_is_followed(
    documents: NumberedDocuments, blobs: DirectoryBlobStore, tmp_path: Path
) -> None:
    spool = Spool(tmp_path / "other")
    lost = asyncio.Event()
    first = Members(documents, "a", alone=False, rhythm=HASTY, lost=lost.set)
    second = Members(NumberedDocuments(blobs, spool.hold), "b", alone=False, rhythm=HASTY)
    await first.join()
    first.start()
    await first.task("sweep").ours()
    await second.join()
    second.start()
    task = second.task("sweep")
    assert not task.is_ours
    assert first._running is not None
    first._running.cancel()  # it stands still, and does not stop
    await task.ours()
    assert not await second.is_at_work(first.own)
    await first._write()
    assert lost.is_set()
    await first.stop()
    await second.stop()
    assert await documents.between("process:", "process:~") == []
    await spool.close()
