"""The contents follower: which versions have a file of some bytes, so that these need not be stored twice.

It is asked by hashes and answers with ids of documents. Whether one still has these bytes, and where they
lie, its attachments say: so nothing has to be taken out here when a version goes.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import apsw

from couchreg.docstore.base import Change
from couchreg.errors import StorageFailure
from couchreg.followers.base import BATCH, Checkpoint, RebuildNeeded
from couchreg.followers.contents_file import ContentsFile
from couchreg.followers.derived_file import BROKEN
from couchreg.model import json
from couchreg.package.names import split_version_id

T = TypeVar("T")


class ContentsFollower:
    """Remembers the files of published versions by their SHA-256."""

    name = "contents"
    bodies = True  # the attachments come with them
    batch = BATCH
    linger = 0.5

    def __init__(self, path: Path) -> None:
        self._file = ContentsFile(path)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="contents")

    async def checkpoint(self) -> Checkpoint | None:
        return await self._run(self._file.checkpoint)

    async def apply(self, changes: Sequence[Change], checkpoint: Checkpoint) -> None:
        rows = [
            (file.sha256, change.id)
            for change in changes
            if not change.deleted and split_version_id(change.id) is not None
            for file in change.attachments
            if file.encoding == "identity"
        ]
        await self._run(lambda: self._file.add(rows, checkpoint))

    async def holders(self, hashes: Collection[str]) -> Mapping[str, Sequence[str]]:
        """Of each of these SHA-256 (hex) a few ids of documents that have or had such a file.

        Raises StorageFailure.
        """
        wanted = json.encode([*hashes]).decode()
        found: dict[str, list[str]] = {}
        try:
            rows = await self._run(lambda: self._file.find(wanted))
        except RebuildNeeded as error:  # the loop comes to it with the next change
            raise StorageFailure("What is known of files is damaged, and is gathered anew.") from error
        for sha256, doc_id in rows:
            found.setdefault(sha256, []).append(doc_id)
        return found

    async def reset(self) -> None:
        await self._run(self._file.forget)

    async def close(self) -> None:
        await self._run(self._file.close)
        self._thread.shutdown()

    async def _run(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except BROKEN as error:
            raise RebuildNeeded(str(error)) from error
        except apsw.Error as error:
            raise StorageFailure(f"What is known of files cannot be read or written: {error}") from error
