"""A publish sent as a zip file: the package's folder, with `datapackage.json` at its root or in one folder.

The archive is spooled first, because its list of files stands at its end. That list is judged whole
(`archive.py`) before anything is unpacked, and unpacking goes file by file through the same counting
as any other publish, so what an archive claims about itself is never trusted. Nothing is ever
written at a path that an archive names.
"""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from pathlib import Path
from zipfile import ZipFile, ZipInfo

from couchreg.blobstore.base import Spooled
from couchreg.package.paths import DESCRIPTOR
from couchreg.registry.publishing.archive import broken_is_bad, entries, opened
from couchreg.registry.publishing.choosing import choose
from couchreg.registry.publishing.intake import Expansion, Intake

_STEP = 256 << 10  # bytes at a time
_SMALL = 64 << 10  # files up to here are unpacked on the loop, within a millisecond


async def read_zip(intake: Intake, chunks: AsyncIterable[bytes]) -> None:
    """Fill `intake` from a zip file. Raises BadRequest for one that is broken or tries things, TooLarge."""
    archive = await intake.receive_archive(chunks)
    try:
        await unpack(intake, archive)
    finally:
        intake.spool.remove(archive)


def is_zip(path: Path) -> bool:
    """Whether a file begins as zip files do."""
    with path.open("rb") as file:
        return file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")


async def unpack(intake: Intake, archive: Spooled) -> None:
    """The files of the archive's package, into the intake, which remembers those left out.

    Raises BadRequest, TooLarge.
    """
    opening = await asyncio.to_thread(lambda: opened(archive.on_disk(), intake.limits))
    with opening as found:
        expansion = Expansion(intake.limits, archive.length)
        there = dict(await asyncio.to_thread(entries, found, intake.limits))
        await intake.receive(DESCRIPTOR, None, _content(found, there.pop(DESCRIPTOR), expansion))
        intake.read_sent_descriptor()

        async def take(path: str, called: str) -> None:
            await intake.receive(called, None, _content(found, there[path], expansion))

        await choose(intake, there, take)
        intake.members = {}  # to be settled as of any other form


async def _content(found: ZipFile, entry: ZipInfo, expansion: Expansion) -> AsyncIterator[bytes]:
    with broken_is_bad(entry.filename), found.open(entry) as file:
        while chunk := file.read(_STEP) if _is_small(entry) else await asyncio.to_thread(file.read, _STEP):
            expansion.grow(len(chunk))
            yield chunk


def _is_small(entry: ZipInfo) -> bool:
    return entry.file_size <= _SMALL and entry.compress_size <= _SMALL
