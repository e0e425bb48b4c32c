"""The write-ahead log of a directory store: small files are durable in it before they are at their places.

A file of its own costs an fsync, and so does each directory on the way to it. In the log the files of all who
wait cost one together; that of the files themselves follows soon, by a thread of its own, and then the log is
emptied. What a crash leaves in the log is put at its place when the store is opened again.

Blocking. Whoever adds a key, removes it or links to it has claimed it (see `KeyLinks`), so that of two who
want it the log and the directory know the same.
"""

import errno
import fcntl
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from couchreg.blobstore.directory.ahead_records import LogRecord, encoded, head, read
from couchreg.blobstore.directory.folders import Folders, parent
from couchreg.blobstore.directory.links import KeyLinks
from couchreg.blobstore.directory.replacing import replace_durably
from couchreg.blobstore.directory.syncing import Syncing
from couchreg.durable import sync, write_all

log = logging.getLogger(__name__)

LOGGED: Final = 64 << 10  # bytes of a file that goes through the log
MOST: Final = 16 << 20  # bytes of one of the two files of the log; what does not fit is put by itself
SOON: Final = 1.0  # seconds that a file waits for its own fsync
AGAIN: Final = 5.0  # seconds after one that failed
NAMES: Final = (".ahead-0", ".ahead-1")  # below the root

Prepared = Mapping[str, object]  # as `Folders.prepare` has it


@dataclass(slots=True)
class _Part:
    """One of the two files of the log. While one is written to, what is in the other gets its own fsyncs."""

    descriptor: int
    length: int = 0
    broken: bool = False  # a write has failed: what follows would not be found
    pending: dict[str, Prepared] = field(default_factory=dict)  # keys, and the new folders they lie in
    failed: set[str] = field(default_factory=set)  # keys whose own fsync has failed


class WriteAheadLog:
    """For threads; whoever makes it calls `close`. One process at a time has the log of a directory; in
    another, and where the system lets nobody lock a file, it takes nothing."""

    def __init__(self, folders: Folders, links: KeyLinks, syncing: Syncing) -> None:
        """Puts what a crash left in it at its place. Raises OSError."""
        self._folders, self._links, self._syncing = folders, links, syncing
        self._parts: list[_Part] = []  # none until it is needed
        self._is_elsewhere = False  # whether somebody else has it
        self._generation = 0
        self._changed = threading.Condition()
        self._closing = False
        self._thread: threading.Thread | None = None
        if any((folders.root / name).exists() for name in NAMES):
            self._open()
        if self._parts:
            self._generation = recover(folders, [part.descriptor for part in self._parts])

    def add(self, wanted: Mapping[str, bytes], prepared: Mapping[str, Prepared]) -> bool:
        """Make files durable that are about to be written to their keys, in folders that are `prepared`.
        False where the log takes none now, or fails."""
        with self._changed:
            part = self._current()
            if part is None or not self._append(part, [LogRecord(*one) for one in wanted.items()]):
                return False
            part.pending.update((key, prepared[key]) for key in wanted)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="ahead", daemon=True)
                self._thread.start()
            self._changed.notify_all()
            return True

    def gone(self, key: str, *, durably: bool = False) -> None:
        """The file under a key has been removed, or has not come to be. With `durably` no start brings it
        back, and another may be put past the log; that raises OSError."""
        with self._changed:
            if not any(key in part.pending for part in self._parts):
                return
            part = self._current()
            done = part is not None and self._append(part, [LogRecord(key, None)], flush=durably)
            if durably:
                if not done:
                    raise OSError(errno.EIO, "the log of small files takes nothing")
                for each in self._parts:
                    each.pending.pop(key, None)
                    each.failed.discard(key)

    def settle(self) -> None:
        """Give every file its own fsync, now. Raises OSError."""
        with self._changed:
            self._turned()
        self._settle_other()

    def close(self) -> None:
        """What cannot be settled is at the next start."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
        try:
            for _ in self._parts:
                self.settle()
        except OSError as error:
            log.warning("small files stay in the log until the next start: %s", error)
        for name, part in zip(NAMES, self._parts, strict=False):
            if not any(each.length for each in self._parts):
                (self._folders.root / name).unlink(missing_ok=True)
            os.close(part.descriptor)
        self._parts, self._is_elsewhere = [], True

    # -- the parts; the lock is held
    def _open(self) -> None:
        self._parts = _opened(self._folders.root)
        self._is_elsewhere = not self._parts

    def _current(self) -> _Part | None:
        """The part to write to; None where there is no room."""
        if not self._parts and not self._is_elsewhere:
            self._open()
        if not self._parts:
            return None
        if self._parts[0].length >= MOST or self._parts[0].broken:
            self._turned()
        part = self._parts[0]
        return None if part.length >= MOST or part.broken else part

    def _turned(self) -> bool:
        """Write to the other part from now on, if that is empty and this one is not."""
        if not self._parts or self._parts[1].length or not self._parts[0].length:
            return False
        self._parts.reverse()
        return True

    def _append(self, part: _Part, records: Iterable[LogRecord], *, flush: bool = True) -> bool:
        data = b"".join(map(encoded, records))
        if not part.length:
            self._generation += 1
            data = head(self._generation) + data
        part.length += len(data)
        try:
            write_all(part.descriptor, data)
            if flush:
                os.fdatasync(part.descriptor)
        except OSError as error:
            log.warning("small files are put one by one: the log of the blob store fails: %s", error)
            part.broken = True
        return not part.broken

    # -- the thread
    def _run(self) -> None:
        while self._waited(SOON):
            try:
                self.settle()
            except OSError as error:
                log.warning("small files stay in the log of the blob store: %s", error)
                self._waited(AGAIN)

    def _waited(self, seconds: float) -> bool:
        """Until there is something to settle, and some time after; False at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._closing or any(part.length for part in self._parts))
            self._changed.wait_for(lambda: self._closing, seconds)
            return not self._closing

    def _settle_other(self) -> None:
        """The part that is not written to: an fsync for each of its files and folders, and nothing is left in
        it. Its keys count as being in the log until that is durable."""
        with self._changed:
            if not self._parts or not self._parts[1].length:
                return
            part = self._parts[1]
            pending = dict(part.pending)
        self._links.await_free(pending)  # what is in the log may not be at its place yet
        if part.failed:
            self._write_again(part)
        self._each(part, pending, lambda key: {key}, self._sync_file)
        self._each(part, pending, lambda key: _folders_of(key, pending[key]), self._sync_folder)
        if part.failed:
            raise OSError(f"{len(part.failed)} files could not be synced")
        for prepared in pending.values():
            self._folders.stays(prepared)
        os.ftruncate(part.descriptor, 0)
        os.fsync(part.descriptor)
        with self._changed:
            part.pending.clear()
            part.length, part.broken = 0, False

    def _each(
        self,
        part: _Part,
        pending: Mapping[str, Prepared],
        of: Callable[[str], set[str]],
        sync_one: Callable[[str], None],
    ) -> None:
        """Sync what the keys need; those for which it fails are written again before the next attempt."""
        keys: dict[str, list[str]] = {}
        for key in pending:
            for name in of(key):
                keys.setdefault(name, []).append(key)
        names = list(keys)
        for name, error in zip(names, self._syncing.each(sync_one, names), strict=True):
            if error is not None:
                log.warning("%s of the blob store could not be synced: %s", name or "the root", error)
                with self._changed:
                    part.failed.update(key for key in keys[name] if key in part.pending)

    def _sync_file(self, key: str) -> None:
        _if_there(self._folders.root / key)

    def _sync_folder(self, folder: str) -> None:
        _if_there(self._folders.root / folder)

    def _write_again(self, part: _Part) -> None:
        """A second fsync of a file may say that all is well and be wrong: make a new one, from the log."""
        found = {record.key: record.data for record in read(part.descriptor)[1]}
        for key in sorted(part.failed):
            with self._links.holding(key):
                data, is_newest = found.get(key), key not in self._parts[0].pending
                is_there = key in part.failed and (self._folders.root / key).exists()
                if data is not None and is_newest and is_there:
                    replace_durably(self._folders.root, key, data)
            part.failed.discard(key)


def _folders_of(key: str, prepared: Prepared) -> set[str]:
    """The directories that name a key, and those that name new directories on the way to it."""
    return {parent(key), *map(parent, prepared)}


def _if_there(path: Path) -> None:
    try:
        sync(path)
    except (FileNotFoundError, NotADirectoryError):
        return  # removed in this moment, which the log knows


def _opened(root: Path) -> list[_Part]:
    """The parts; none where another process has them."""
    parts: list[_Part] = []
    try:
        for name in NAMES:
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            parts.append(_Part(os.open(root / name, flags, 0o600)))
            fcntl.flock(parts[-1].descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        sync(root)
    except OSError as error:
        for part in parts:
            os.close(part.descriptor)
        log.info("small files are put one by one: the log of the blob store cannot be had: %s", error)
        return []
    return parts


def recover(folders: Folders, descriptors: Sequence[int]) -> int:
    """Put at their places what is in the log, and empty it; its last generation. Raises OSError."""
    began = time.monotonic()
    found = sorted((read(descriptor) for descriptor in descriptors), key=lambda part: part[0])
    last = {record.key: record.data for _, records in found for record in records}
    synced: set[str] = set()
    for key, data in last.items():
        if data is None:
            continue
        path = folders.root / key
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_durably(folders.root, key, data, if_other=True)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            continue  # something else is there that was put after this had been removed
        synced.update(("", *_chain(parent(key))))
    for folder in sorted(synced):
        sync(folders.root / folder)
    for descriptor in descriptors:
        os.ftruncate(descriptor, 0)
        os.fsync(descriptor)
    if last:
        log.info("%d files were in the log of the blob store (%.1f s)", len(last), time.monotonic() - began)
    return max((generation for generation, _ in found), default=0)


def _chain(folder: str) -> Iterator[str]:
    while folder:
        yield folder
        folder = parent(folder)
