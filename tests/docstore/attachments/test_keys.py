"""Where the bytes of attachments lie, and what is left of those that nobody wanted."""

import asyncio
from collections.abc import Collection
from contextlib import aclosing

import pytest

from couchreg.blobstore.directory.store import DirectoryBlobStore
from couchreg.blobstore.spool import Spool
from couchreg.docstore.attachments.attachments import Attachments
from couchreg.docstore.attachments.upload import BodyDetails
from couchreg.docstore.base import Attachment
from couchreg.errors import (
    Conflict,
    Failure,
    NotFound,
)
from tests.docstore.attachments.arriving import CLIENT_GZIP, chunked, everything, keys, received


# -- where bytes lie
async def test_files_of_published_packages_lie_in_their_folders(
    attachments: Attachments, blobs: DirectoryBlobStore
) -> None:
    async with attachments.upload("registry") as upload:
        att = await upload.receive("gdp@2026", "data/gdp.csv", "text/csv", chunked(b"a,b\n"))
        same = await upload.receive("gdp@2026", "data/gdp.csv", "text/csv", chunked(b"a,b\n"))
        other = await upload.receive("gdp@2026", "data/gdp.csv", "text/csv", chunked(b"c\n"))
        below = await upload.receive("gdp@2026", "data/gdp.csv/x", "text/csv", chunked(b"d\n"))
        packed = await upload.receive(
            "gdp@2026", "z.csv", "text/csv", chunked(CLIENT_GZIP), BodyDetails("gzip")
        )
        loose = await upload.receive("gdp", "data/gdp.csv", "text/csv", chunked(b"a,b\n"))
    assert att == same
    assert att.key == "gdp/2026/data/gdp.csv"
    assert (blobs.root / att.key).read_bytes() == b"a,b\n"
    for fallen in (other, below, packed, loose):
        assert fallen.key == f"_blobs/{fallen.sha256[:2]}/{fallen.sha256}"
    assert await everything(attachments.open(other)) == b"c\n"


async def test_a_spooled_file_can_be_stored_without_reading_it_again(
    attachments: Attachments, spool: Spool
) -> None:
    spooled = await spool.receive(chunked(b"a,b\n"))
    async with attachments.upload("registry") as upload:
        att = await upload.store("gdp@2026", "gdp.csv", "text/csv", spooled)
    spool.remove(spooled)
    assert att.key == "gdp/2026/gdp.csv"
    assert att.length == 4
    assert att.digest == spooled.md5
    assert await everything(attachments.open(att)) == b"a,b\n"


async def test_damaged_bytes_under_a_content_address_are_never_taken_for_the_right_ones(
    attachments: Attachments, blobs: DirectoryBlobStore
) -> None:
    att = await received(attachments, "image/png", b"right")
    (blobs.root / att.key).write_bytes(b"wrong")
    with pytest.raises(Failure, match="lie damaged ones"):
        await received(attachments, "image/png", b"right")


async def test_many_bodies_may_arrive_in_one_upload_at_once(attachments: Attachments) -> None:
    async with attachments.upload("db") as upload:
        received = [
            upload.receive("a", str(number), "text/plain", chunked(b"%d" % (number % 3) * 9000, 500))
            for number in range(20)
        ]
        records = await asyncio.gather(*received)
    for number, att in enumerate(records):
        assert att.name == str(number)
        assert await everything(attachments.open(att)) == b"%d" % (number % 3) * 9000


# -- what is left behind
async def test_a_refused_write_leaves_nothing(attachments: Attachments, blobs: DirectoryBlobStore) -> None:
    kept = await received(attachments, "image/png", b"kept")
    with pytest.raises(Conflict):  # noqa: PT012
        async with attachments.upload("db") as upload:
            await upload.receive("b", "f", "image/png", chunked(b"kept"))
            await upload.receive("b", "g", "image/png", chunked(b"new"))
            await upload.receive("b", "h", "image/png", chunked(b"new"))
            raise Conflict
    assert await keys(blobs) == [kept.key]


async def test_a_write_that_may_have_happened_keeps_its_bytes(
    attachments: Attachments, blobs: DirectoryBlobStore
) -> None:
    with pytest.raises(ConnectionResetError):  # noqa: PT012
        async with attachments.upload("db") as upload:
            att = await upload.receive("b", "f", "image/png", chunked(b"new"))
            raise ConnectionResetError
    assert await keys(blobs) == [att.key]


@pytest.mark.parametrize("first_fails", [True, False])
async def test_bytes_shared_by_two_writes_stay_if_one_succeeds(
    attachments: Attachments, blobs: DirectoryBlobStore, first_fails: bool
) -> None:
    one, two = attachments.upload("db"), attachments.upload("db")
    await one.__aenter__()
    await two.__aenter__()
    att = await one.receive("a", "f", "image/png", chunked(b"shared"))
    await two.receive("b", "f", "image/png", chunked(b"shared"))
    error = Conflict()
    await one.__aexit__(*((Conflict, error, None) if first_fails else (None, None, None)))
    assert await keys(blobs) == [att.key]
    await two.__aexit__(*((None, None, None) if first_fails else (Conflict, error, None)))
    assert await keys(blobs) == [att.key]


async def test_bytes_shared_by_two_failed_writes_go_with_the_last(
    attachments: Attachments, blobs: DirectoryBlobStore
) -> None:
    one, two = attachments.upload("db"), attachments.upload("db")
    await one.receive("a", "f", "image/png", chunked(b"shared"))
    await two.receive("b", "f", "image/png", chunked(b"shared"))
    await one.__aexit__(Conflict, Conflict(), None)
    assert len(await keys(blobs)) == 1
    await two.__aexit__(Conflict, Conflict(), None)
    assert await keys(blobs) == []


async def test_the_sweep_takes_what_nothing_refers_to(
    attachments: Attachments, blobs: DirectoryBlobStore, spool: Spool
) -> None:
    kept, gone = [await received(attachments, "image/png", data) for data in (b"kept", b"gone")]
    descriptor = await spool.receive(chunked(b"{}"))
    assert await blobs.put("gdp/2026/datapackage.json", descriptor)

    async def referred(keys: Collection[str]) -> set[str]:
        return {kept.key}.intersection(keys)

    assert await attachments.sweep(3600, referred) == 0
    async with attachments.upload("db") as upload:
        await upload.keep(gone)
        assert await attachments.sweep(0, referred) == 0
    assert await attachments.sweep(0, referred) == 1
    assert await keys(blobs) == sorted([kept.key, "gdp/2026/datapackage.json"])
    with pytest.raises(NotFound):
        async with attachments.upload("db") as upload:
            await upload.keep(gone)


async def test_bytes_that_come_back_while_they_are_swept_are_stored_again(
    attachments: Attachments, blobs: DirectoryBlobStore
) -> None:
    """The upload begins after the sweep has decided, and waits for it."""
    att = await received(attachments, "image/png", b"again")
    uploads: list[asyncio.Task[Attachment]] = []

    async def referred(keys: Collection[str]) -> set[str]:
        if not attachments.pins.removes(att.key):  # the look at all of them that comes first
            return set()
        uploads.append(asyncio.create_task(received(attachments, "image/png", b"again")))
        while not attachments.pins.waiting(att.key):
            await asyncio.sleep(0)
        return set()

    assert await attachments.sweep(0, referred) == 1
    assert await uploads[0] == att
    assert await everything(attachments.open(att)) == b"again"


async def test_a_reader_can_leave_early(attachments: Attachments) -> None:
    for content_type in ("image/png", "text/plain"):
        att = await received(attachments, content_type, bytes(1 << 20))
        async with aclosing(attachments.open(att)) as chunks:
            assert await anext(chunks)
