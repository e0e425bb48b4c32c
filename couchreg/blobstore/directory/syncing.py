"""Syncing directories beside other work: many who wait for the same one share what has not begun yet."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from couchreg.blobstore.directory.folders import Folders

T = TypeVar("T")

WORKERS = 4  # none of which ever waits for another


class Syncing:
    """For threads; whoever makes it calls `close`."""

    def __init__(self, folders: Folders) -> None:
        self._folders = folders
        self._threads = ThreadPoolExecutor(WORKERS, thread_name_prefix="folders")
        self._asked: dict[str, Future[None]] = {}  # not begun
        self._making: dict[object, Future[None]] = {}  # by which making of a directory it is for
        self._lock = threading.Lock()

    def ask(self, folder: str, made: object) -> "Future[None]":
        """Done when the name of `folder`, as it was `made` (see `Folders.prepare`), is durable, or the folder
        has been pruned."""
        parent = folder.rpartition("/")[0]
        with self._lock:
            found = self._making.get(made) or self._asked.get(parent)
            if found is None:
                found = self._asked[parent] = self._threads.submit(self._sync, parent)
            self._making[made] = found
        found.add_done_callback(lambda _: self._making.pop(made, None))
        return found

    def _sync(self, folder: str) -> None:
        with self._lock:
            del self._asked[folder]  # whoever comes from here on has names that this may not see
        with suppress(FileNotFoundError):
            self._folders.sync(folder)

    def each(self, sync: Callable[[T], None], wanted: Sequence[T]) -> list[OSError | None]:
        """Sync each, several at a time, since those that wait at the same time share a commit of the file
        system; the error of each."""
        shares = [wanted[first::WORKERS] for first in range(min(WORKERS, len(wanted)))]
        others = [self._threads.submit(_share, sync, share) for share in shares[1:]]
        errors: list[OSError | None] = [None] * len(wanted)
        if shares:
            errors[::WORKERS] = _share(sync, shares[0])
        for first, other in enumerate(others, 1):
            errors[first::WORKERS] = other.result()
        return errors

    def close(self) -> None:
        self._threads.shutdown(wait=True)


def _share(sync: Callable[[T], None], wanted: Sequence[T]) -> list[OSError | None]:
    errors: list[OSError | None] = []
    for one in wanted:
        try:
            sync(one)
            errors.append(None)
        except OSError as error:
            errors.append(error)
    return errors
