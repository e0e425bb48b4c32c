"""The blob store in a directory: one plain file for each key, readable without couchreg.

A blob appears under its key whole and durable, or not at all: its file is fsynced under its
temporary name, then linked to the key (which fails if the key is taken: nothing is ever
overwritten), then the directory is fsynced. These two fsyncs are the fewest that survive a power
cut at any moment: without the first a key could name missing bytes for good, without the second
an acknowledged key could vanish. Directories made on the way are fsynced into their parents once, all
the way up from the key, before the put returns.

One process owns a directory. Which keys mean what is not known here.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from couchreg.blobstore.base import BlobInfo, Spooled
from couchreg.blobstore.directory import files, listing
from couchreg.blobstore.directory.batches import SMALL, Batches
from couchreg.blobstore.directory.folders import Folders
from couchreg.blobstore.directory.links import KeyLinks
from couchreg.blobstore.directory.reading import FileReader
from couchreg.blobstore.directory.syncing import Syncing
from couchreg.blobstore.failures import os_errors_as_unavailable
from couchreg.blobstore.keys import is_valid
from couchreg.durable import make_directory
from couchreg.errors import DigestMismatch, NotFound

CHUNK = 256 << 10
WORKERS = 8  # puts waiting for the disk; concurrent fsyncs share the file system's commits
LISTED = 500  # keys a thread gathers before it comes back
_T = TypeVar("_T")


class DirectoryBlobStore:
    """Implements `BlobStore`. Raises Unavailable where the file system refuses."""

    is_local = True

    def __init__(self, root: Path) -> None:
        self.root = root
        self._root = str(root)  # a path is put together for each file that is read
        with os_errors_as_unavailable():
            make_directory(root)
            self._folders = Folders(root)
            self._links = KeyLinks()
            self._syncing = Syncing(self._folders)
            files.clear_incoming(root)
        self._threads = ThreadPoolExecutor(WORKERS, thread_name_prefix="blobs")
        self._batches = Batches(self._folders, self._links, self._syncing, self._threads)

    async def put(
        self, key: str, spooled: Spooled, *, content_type: str = "application/octet-stream"
    ) -> bool:
        """See `BlobStore.put`. A key that no file can have (see `keys.is_valid`), or that is a
        directory here, or lies below a file, is refused like a taken one: False."""
        if not is_valid(key):
            return False
        if spooled.kept is not None:
            return await self.adopt(spooled.kept, key, spooled, content_type=content_type)
        return await self._put(key, spooled)

    async def adopt(
        self, source: str, key: str, spooled: Spooled, *, content_type: str = "application/octet-stream"
    ) -> bool:
        """See `BlobStore.adopt`: one more link to the file, whose bytes no key ever changes."""
        path = self.local_path(source)
        if path is None:
            raise NotFound
        if path.stat().st_size != spooled.length:
            raise DigestMismatch
        return is_valid(key) and await self._put(key, spooled._replace(path=path, kept=source, data=None))

    async def open(self, key: str, start: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
        """See `BlobStore.open`. What the page cache holds is read on the loop, the rest by a thread."""
        if not is_valid(key):
            raise NotFound
        with FileReader(f"{self._root}/{key}", start, length) as reader:
            while reader.left > 0:
                yield reader.read_cached(CHUNK) or await self._run(partial(reader.read, CHUNK))

    async def info(self, key: str) -> BlobInfo | None:
        return files.info(self.root, key) if is_valid(key) else None

    def local_path(self, key: str) -> Path | None:
        path = self.root / key
        return path if is_valid(key) and path.is_file() else None

    async def delete(self, key: str, *, durably: bool = False) -> None:
        """See `BlobStore.delete`. Directories that become empty go too."""
        if is_valid(key):
            await self._run(partial(files.delete, self._folders, self._links, key, durably=durably))

    async def keys(self, prefix: str = "") -> AsyncIterator[BlobInfo]:
        """Every blob whose key begins with `prefix`; what comes or goes meanwhile may be missed."""
        walk = listing.walk(self.root, prefix)
        while found := await self._run(partial(listing.take, walk, LISTED)):
            for info in found:
                yield info

    async def close(self) -> None:
        self._threads.shutdown(wait=True)
        self._syncing.close()

    async def _put(self, key: str, spooled: Spooled) -> bool:
        """With others that wait, or in a thread of its own where that would keep those waiting."""
        if spooled.length <= SMALL or spooled.kept is not None:
            return await self._batches.put(key, spooled)
        folder, folders = key.rpartition("/")[0], self._folders
        stored = await self._run(partial(files.put, folders, self._links, self._syncing, key, spooled))
        while stored and not folders.is_durable(folder):  # pruned meanwhile, and made again
            stored = await self._run(partial(files.make_durable, folders, self._syncing, folder))
        return stored

    async def _run(self, function: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, _called, function)


def _called(function: Callable[[], _T]) -> _T:
    with os_errors_as_unavailable():
        return function()
