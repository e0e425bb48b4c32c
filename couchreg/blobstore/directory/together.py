"""The blocking half of `batches`: many small files put at once, by the order of a put (see DESIGN.md)."""

import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import NamedTuple

from couchreg.blobstore.base import Spooled
from couchreg.blobstore.directory import files
from couchreg.blobstore.directory.folders import Folders, parent
from couchreg.blobstore.directory.links import KeyLinks
from couchreg.blobstore.directory.syncing import Syncing
from couchreg.blobstore.failures import os_errors_as_unavailable
from couchreg.durable import write_all

KeyedFile = tuple[str, Spooled]
_PREFIX, _numbers = secrets.token_hex(6), count()


class PutOutcome(NamedTuple):
    """What `files.put` would return or raise."""

    stored: bool
    error: Exception | None = None


@dataclass(slots=True)
class _File:
    """One of a batch on its way."""

    key: str
    spooled: Spooled
    folder: str
    outcome: PutOutcome | None = None
    alone: bool = False  # it is left to `files.put`
    source: Path | None = None  # what is linked
    temporary: bool = False  # it is removed afterwards
    descriptor: int | None = None  # of what has to be synced
    linking: object = None


@dataclass(slots=True)
class _Folders:
    """The directories of a batch."""

    prepared: dict[str, Mapping[str, object]] = field(default_factory=dict)
    failed: dict[str, OSError] = field(default_factory=dict)  # to sync

    def of(self, file: _File) -> set[str]:
        """Those that have to be synced for a file: of its name, and of the names of new directories."""
        return {file.folder, *map(parent, self.prepared[file.folder])}


def put_all(
    folders: Folders, links: KeyLinks, syncing: Syncing, wanted: Sequence[KeyedFile]
) -> list[PutOutcome]:
    """Put each. Nothing is raised: what happens to one of them is its own."""
    batch = [_File(key, spooled, parent(key), alone=folders.folds) for key, spooled in wanted]
    places = _Folders()
    try:
        for file in batch:
            _open(folders, places, file)
        _sync_bytes(syncing, batch)
        for file in _going(batch):
            _link(folders, links, file)
    finally:
        for file in batch:
            _clean(file)
    _sync_names(folders, syncing, places, _going(batch))
    for file in _stored(batch):
        links.stays(file.key, file.linking)
    return [file.outcome or _put_alone(folders, links, syncing, file) for file in batch]


def _going(batch: Sequence[_File]) -> list[_File]:
    return [file for file in batch if file.outcome is None and not file.alone]


def _stored(batch: Sequence[_File]) -> list[_File]:
    return [file for file in batch if file.outcome is not None and file.outcome.stored]


def _open(folders: Folders, places: _Folders, file: _File) -> None:
    """Make its directory, and its bytes a file that can be synced."""
    if file.alone:
        return
    try:
        if file.folder not in places.prepared:
            places.prepared[file.folder] = folders.prepare(file.folder)
        if os.path.lexists(folders.root / file.key):
            file.alone = True
        elif file.spooled.data is not None:
            file.source = file.spooled.path.with_name(f"{_PREFIX}-{next(_numbers)}")
            file.temporary = True
            file.descriptor = os.open(file.source, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
            write_all(file.descriptor, file.spooled.data)
        else:
            file.source = file.spooled.path
            if file.spooled.kept is None:  # what lies under a key was synced before it got that
                file.descriptor = os.open(file.source, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        file.alone = True  # it meets the same again, and says so


def _sync_bytes(syncing: Syncing, batch: Sequence[_File]) -> None:
    opened = [(file, file.descriptor) for file in _going(batch) if file.descriptor is not None]
    errors = syncing.each(os.fsync, [descriptor for _, descriptor in opened])
    for (file, _), error in zip(opened, errors, strict=True):
        if error is not None:  # for good: the next fsync might say that all is well
            file.outcome = _failed(error)


def _link(folders: Folders, links: KeyLinks, file: _File) -> None:
    assert file.source is not None
    file.linking = links.begin(file.key)
    try:
        os.link(file.source, folders.root / file.key)
    except OSError:
        file.alone = True


def _clean(file: _File) -> None:
    if file.descriptor is not None:
        os.close(file.descriptor)
    if file.temporary and file.source is not None:
        file.source.unlink(missing_ok=True)


def _sync_names(folders: Folders, syncing: Syncing, places: _Folders, linked: Sequence[_File]) -> None:
    needed = {file.key: places.of(file) for file in linked}
    names = sorted(set().union(*needed.values()))
    failed = {
        name: error
        for name, error in zip(names, syncing.each(folders.sync, names), strict=True)
        if error is not None
    }
    for file in linked:
        errors = [failed[name] for name in needed[file.key] if name in failed]
        if not errors:
            folders.stays(places.prepared[file.folder])
            file.alone = not folders.is_durable(file.folder)  # pruned meanwhile: it is put again
            file.outcome = None if file.alone else PutOutcome(stored=True)
        elif all(isinstance(error, FileNotFoundError) for error in errors):
            file.alone = True
        else:
            file.outcome = _failed(errors[0])


def _put_alone(folders: Folders, links: KeyLinks, syncing: Syncing, file: _File) -> PutOutcome:
    try:
        with os_errors_as_unavailable():
            stored = files.put(folders, links, syncing, file.key, file.spooled)
            while stored and not folders.is_durable(file.folder):
                stored = files.make_durable(folders, syncing, file.folder)
            return PutOutcome(stored)
    except Exception as error:
        return PutOutcome(stored=False, error=error)


def _failed(error: OSError) -> PutOutcome:
    try:
        with os_errors_as_unavailable():
            raise error
    except Exception as told:
        return PutOutcome(stored=False, error=told)
