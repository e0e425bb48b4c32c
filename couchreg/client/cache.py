"""Files that were installed once, kept by their SHA-256 in the user's cache directory.

`files/<sha256[:2]>/<sha256>` holds bytes, `packages/<registry>/<name>/<version>.json` descriptors as they
were served, for `--offline`. What comes out is hashed again, so a damaged cache costs a download and nothing
else. It is bounded: beyond its limit, what was not used for longest is removed. It may be deleted at any
time.
"""

import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from couchreg.client.environment import CACHE_LIMIT, cache_folder, value
from couchreg.client.errors import UsageError
from couchreg.errors import BadRequest
from couchreg.model import json
from couchreg.package.names import is_package_name, is_version

LIMIT = 4096  # MiB, unless COUCHREG_CACHE_LIMIT says otherwise
_CHUNK = 1 << 20
_ABANDONED = 86_400  # seconds after which an unfinished file is nobody's
_UNFINISHED = ".tmp"


class CacheUsage(NamedTuple):
    """What a cache holds."""

    files: int
    length: int  # bytes


class Cache:
    """A cache in a folder, which is made when something is kept. Several processes may share it."""

    def __init__(self, folder: Path | None = None, limit: int | None = None) -> None:
        self.folder = folder or cache_folder()
        self.limit = _limit() if limit is None else limit  # bytes

    # -- bytes

    def fetch(self, sha256: str, target: Path) -> bool:
        """Copy the bytes with this hash to `target`; False when they are not here."""
        source, hasher = self._place(sha256), hashlib.sha256()
        try:
            with source.open("rb") as reading, target.open("wb") as writing:
                while chunk := reading.read(_CHUNK):
                    hasher.update(chunk)
                    writing.write(chunk)
                writing.flush()
                os.fsync(writing.fileno())
        except FileNotFoundError:
            return False
        if hasher.hexdigest() == sha256:
            _touch(source)
            return True
        source.unlink(missing_ok=True)
        target.unlink(missing_ok=True)
        return False

    def keep(self, sha256: str, source: Path) -> None:
        """Remember the bytes of a verified file. A cache that cannot be written is none."""
        place = self._place(sha256)
        try:
            if place.exists() or source.stat().st_size > self.limit:
                return
            place.parent.mkdir(parents=True, exist_ok=True)
            with source.open("rb") as reading:
                _write(place, iter(lambda: reading.read(_CHUNK), b""))
        except OSError:
            return

    def _place(self, sha256: str) -> Path:
        return self.folder / "files" / sha256[:2] / sha256

    # -- descriptors

    def keep_descriptor(self, registry: str, descriptor: dict[str, Any]) -> None:
        name, version = str(descriptor.get("name")), str(descriptor.get("version"))
        if not (is_package_name(name) and is_version(version)):
            return
        place = self._package(registry, name) / f"{version}.json"
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            _write(place, iter([json.encode(descriptor)]))
        except OSError:
            return

    def descriptors(self, registry: str, name: str) -> list[dict[str, Any]]:
        """All versions of a package whose descriptors are here."""
        found = []
        for file in sorted(self._package(registry, name).glob("*.json")) if is_package_name(name) else []:
            try:
                stored = json.decode(file.read_bytes())
            except (OSError, BadRequest):
                continue
            if isinstance(stored, dict) and stored.get("name") == name:
                found.append(stored)
        return found

    def _package(self, registry: str, name: str) -> Path:
        return self.folder / "packages" / hashlib.sha256(registry.encode()).hexdigest()[:16] / name

    # -- bounds

    def use(self) -> CacheUsage:
        rows = list(self._files())
        return CacheUsage(len(rows), sum(length for _, length, _ in rows))

    def trim(self, limit: int | None = None) -> CacheUsage:
        """Remove what was not used for longest until the rest is within the limit; what was removed."""
        bound = self.limit if limit is None else limit
        rows = sorted(self._files())
        left, count, freed = sum(length for _, length, _ in rows), 0, 0
        for used, length, path in rows:
            abandoned = path.suffix == _UNFINISHED and used < time.time() - _ABANDONED
            if left - freed > bound or abandoned or bound == 0:
                path.unlink(missing_ok=True)
                count, freed = count + 1, freed + length
        return CacheUsage(count, freed)

    def _files(self) -> Iterator[tuple[float, int, Path]]:
        """When it was last used, its length, and where it is."""
        for path in self.folder.glob("*/**/*"):
            try:
                status = path.stat()
            except OSError:
                continue
            if path.is_file():
                yield status.st_mtime, status.st_size, path


def _limit() -> int:
    stated = value(CACHE_LIMIT) or str(LIMIT)
    if not (stated.isascii() and stated.isdigit() and len(stated) < 10):
        raise UsageError(f"{CACHE_LIMIT} must be a number of MiB, not {stated[:100]!r}.")
    return int(stated) << 20


def _touch(path: Path) -> None:
    try:
        os.utime(path)
    except OSError:
        return  # somebody else's cache, or it was removed meanwhile


def _write(place: Path, chunks: Iterator[bytes]) -> None:
    """A file that is there whole or not at all."""
    descriptor, name = tempfile.mkstemp(suffix=_UNFINISHED, dir=place.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(chunks)
        os.replace(name, place)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
