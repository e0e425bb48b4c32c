"""Syncing directories beside other work: many who wait for the same one share what has not begun yet."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

from couchreg.blobstore.directory.folders import Folders

WORKERS = 4  # none of which ever waits for another


class Syncing:
    """For threads; `close` is the owner's to call."""

    def __init__(self, folders: Folders) -> None:
        self._folders = folders
        self._threads = ThreadPoolExecutor(WORKERS, thread_name_prefix="folders")
        self._asked: dict[str, Future[None]] = {}  # not begun
        self._lock = threading.Lock()

    def ask(self, folder: str) -> "Future[None]":
        """Done when the names that are in `folder` now are durable, or it has been pruned."""
        with self._lock:
            found = self._asked.get(folder)
            if found is None:
                found = self._asked[folder] = self._threads.submit(self._sync, folder)
            return found

    def _sync(self, folder: str) -> None:
        with self._lock:
            del self._asked[folder]  # whoever comes from here on has names that this may not see
        with suppress(FileNotFoundError):
            self._folders.sync(folder)

    def close(self) -> None:
        self._threads.shutdown(wait=True)
