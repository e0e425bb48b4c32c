"""The blocking half of `batches` for files that go through the write-ahead log: one fsync for all."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from couchreg.blobstore.base import Spooled
from couchreg.blobstore.directory.ahead import LOGGED
from couchreg.blobstore.directory.folders import parent
from couchreg.blobstore.directory.grounds import Grounds
from couchreg.durable import write_all

LINKED = 16 << 10  # bytes of what is there already that are written to the log rather than synced by name

KeyedFile = tuple[str, Spooled]


def put_logged(grounds: Grounds, wanted: Sequence[KeyedFile]) -> list[bool]:
    """Put those that can be put so; which were. Of the others there is nothing at their keys."""
    taken: dict[str, int] = {}  # by key, all of them claimed
    try:
        files, prepared = dict[str, bytes](), dict[str, Mapping[str, object]]()
        for place, (key, spooled) in enumerate(wanted):
            if spooled.length > LOGGED or key in taken or not grounds.links.claim(key):
                continue
            taken[key] = place
            _prepare(grounds, key, spooled, files, prepared)
        stored = [False] * len(wanted)
        if files and grounds.ahead.add(files, prepared):
            for key, data in files.items():
                stored[taken[key]] = _write(grounds, key, data, wanted[taken[key]][1])
        return stored
    finally:
        for key in taken:
            grounds.links.free(key)


def _prepare(
    grounds: Grounds,
    key: str,
    spooled: Spooled,
    files: dict[str, bytes],
    prepared: dict[str, Mapping[str, object]],
) -> None:
    """Its bytes, and its directory; neither where something is out of the ordinary."""
    try:
        if os.path.lexists(grounds.root / key):
            return
        data = _bytes(spooled)
        if data is not None:
            prepared[key] = grounds.folders.prepare(parent(key))
            files[key] = data
    except OSError:
        return  # whoever puts it by itself meets the same, and says so


def _bytes(spooled: Spooled) -> bytes | None:
    """Those that are in memory, or a few under another key; None for what has a file in the spool already."""
    if spooled.data is not None:
        return spooled.data
    if spooled.kept is None or spooled.length > LINKED:
        return None
    data = spooled.path.read_bytes()
    return data if len(data) == spooled.length else None


def _write(grounds: Grounds, key: str, data: bytes, spooled: Spooled) -> bool:
    """At its place, as the log has it, so that its bytes need no name of their own before."""
    path, linking = grounds.root / key, grounds.links.begin(key)
    try:
        if spooled.data is not None or not _linked(spooled.path, path):
            _create(str(path), data)
    except OSError:
        grounds.ahead.gone(key)
        return False
    grounds.links.stays(key, linking)
    return True


def _linked(source: Path, target: Path) -> bool:
    """A file may have as many links as its file system lets it have."""
    with suppress(OSError):
        os.link(source, target)
        return True
    return False


def _create(path: str, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        write_all(descriptor, data)
    except OSError:
        os.unlink(path)
        raise
    finally:
        os.close(descriptor)
