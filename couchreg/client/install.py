"""Writing a published package into a folder, whatever the registry says it consists of.

Nothing a registry sends can reach outside of the folder. Files arrive in `.couchreg-parts/` and are put
in their places when they are verified, `datapackage.json` last: a folder that has one is whole.
"""

import asyncio
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from couchreg.client.cache import Cache
from couchreg.client.download import RemoteFile, download, file_sha256, part_of
from couchreg.client.errors import ClientError, Damaged, Unreachable, UsageError
from couchreg.client.transport import Progress, Transport
from couchreg.client.working import PARTS, at_work, no_link
from couchreg.package.paths import DESCRIPTOR, path_fault

_AT_ONCE = 4
_SHA256 = re.compile(r"sha256:([0-9a-f]{64})")
_WINDOWS_FAULT = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?|.*[<>:\"|?*].*|.*[. ]")


@dataclass(frozen=True, slots=True)
class Installed:
    """What was written where; `kept` files were there already. `is_new`: of another version, or none, before,
    whatever its bytes are."""

    name: str
    version: str
    folder: Path
    written: tuple[str, ...]
    kept: tuple[str, ...]
    is_new: bool = True


def plan(transport: Transport, name: str, descriptor: Mapping[str, Any]) -> tuple[str, list[RemoteFile]]:
    """The version and the files of a descriptor as the registry serves it. Raises ClientError."""
    version, own = descriptor.get("version"), descriptor.get("couchreg")
    files = own.get("files") if isinstance(own, dict) else None
    if not isinstance(version, str) or not isinstance(files, list):
        raise ClientError("The registry does not say which files the package has: is it a couchreg registry?")
    wanted = [_wanted(transport, name, version, file) for file in files]
    _check_places([file.path for file in wanted])
    return version, wanted


def _wanted(transport: Transport, name: str, version: str, file: Any) -> RemoteFile:
    members = file if isinstance(file, dict) else {}
    path, digest, length = members.get("path"), members.get("hash"), members.get("bytes")
    hashed = _SHA256.fullmatch(digest) if isinstance(digest, str) else None
    if not isinstance(path, str) or hashed is None or not isinstance(length, int):
        raise ClientError(
            f"The registry describes a file in a way that is not understood: {str(file)[:200]}."
        )
    fault = _fault(path)
    if fault:
        raise Damaged(f"The registry offers a file {path[:200]!r} whose path {fault}: nothing was written.")
    return RemoteFile(path, transport.address(name, version, *path.split("/")), hashed[1], length)


def _fault(path: str) -> str | None:
    if path.split("/")[0] == PARTS:
        return "is where unfinished downloads are kept"
    if os.name == "nt" and any(_WINDOWS_FAULT.fullmatch(part) for part in path.split("/")):
        return "is not valid on Windows"
    return path_fault(path)


def _check_places(paths: list[str]) -> None:
    """No two files in one place, and none in the place of another's folder."""
    folders = {"/".join(path.split("/")[:depth]) for path in paths for depth in range(1, path.count("/") + 1)}
    twice = {path for path in paths if paths.count(path) > 1} if len(set(paths)) < len(paths) else set()
    if clash := sorted(twice | (folders & set(paths))):
        raise Damaged(f"The registry offers two files in the place {clash[0][:200]!r}: nothing was written.")


@dataclass(frozen=True, slots=True)
class InstallOptions:
    """How files are brought: what is not there may be in the cache; `previous` is what an earlier
    installation left (path -> SHA-256), which may be replaced as long as nobody changed it."""

    force: bool = False
    cache: Cache | None = None
    offline: bool = False
    previous: Mapping[str, str] = field(default_factory=dict)


class Installation:
    """Files on their way into one folder."""

    def __init__(
        self, transport: Transport, folder: Path, progress: Progress, options: InstallOptions
    ) -> None:
        self._transport, self._folder, self._progress, self._options = transport, folder, progress, options
        self._parts = folder / PARTS
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._ours: frozenset[str] = frozenset()

    async def run(self, name: str, version: str, files: list[RemoteFile]) -> Installed:
        """Fetch what is not there yet. Raises ClientError; a later run goes on where this one ended."""
        with at_work(self._folder, self._parts) as journal:
            self._ours = journal.add({*self._options.previous.values(), *(file.sha256 for file in files)})
            there = {file.path for file in files if await asyncio.to_thread(self._is_there, file)}
            stale = self._stale(files)
            if stale or len(there) < len(files):
                (self._folder / DESCRIPTOR).unlink(missing_ok=True)  # until the folder is whole again
                there.discard(DESCRIPTOR)
            self._progress(sum(file.length or 0 for file in files if file.path in there))
            missing = [file for file in files if file.path not in there]
            await self._fetch([file for file in missing if file.path != DESCRIPTOR])
            self._remove(stale)
            await self._fetch([file for file in missing if file.path == DESCRIPTOR])
        kept = tuple(file.path for file in files if file.path in there)
        return Installed(name, version, self._folder, tuple(file.path for file in missing), kept)

    def _is_there(self, file: RemoteFile) -> bool:
        """Whether the folder has this very file. Raises UsageError when it has another in its place."""
        target = self._target(file)
        if target.is_symlink() and not self._options.force:
            raise UsageError(f"{target} is a link, not a file of the package: remove it, or add --force.")
        there = file_sha256(target) if target.is_file() and not target.is_symlink() else None
        if there == file.sha256:
            return True
        if there not in self._ours and not self._options.force and (target.exists() or target.is_symlink()):
            raise UsageError(f"{target} exists with other content: choose another folder, or add --force.")
        return False

    def _stale(self, files: list[RemoteFile]) -> list[Path]:
        """Files of the previous version that this one has not, and that nobody changed."""
        wanted = {file.path for file in files}
        found = []
        for path, sha256 in self._options.previous.items():
            target = self._folder / path
            if path not in wanted and not _fault(path) and self._inside(target) and target.is_file():
                found += [target] if file_sha256(target) == sha256 else []
        return found

    def _remove(self, stale: list[Path]) -> None:
        for target in stale:
            target.unlink(missing_ok=True)
            for folder in target.parents:
                if folder == self._folder or any(folder.iterdir()):
                    break
                folder.rmdir()

    def _inside(self, target: Path) -> bool:
        return target.parent.resolve().is_relative_to(self._folder.resolve())

    def _target(self, file: RemoteFile) -> Path:
        """Where a file goes. Raises UsageError when a link in the folder leads elsewhere."""
        target = self._folder / file.path
        if not self._inside(target):
            raise UsageError(f"{target.parent} is a link that leaves {self._folder}: choose another folder.")
        return target

    async def _fetch(self, files: list[RemoteFile]) -> None:
        """Some files at once, each content once; the first error ends all."""
        try:
            async with asyncio.TaskGroup() as group:
                for batch in _by_content(files):
                    group.create_task(self._fetch_all(batch))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None

    async def _fetch_all(self, same: list[RemoteFile]) -> None:
        """Files with the same bytes share one `.part`, so they come one after the other."""
        async with self._turns:
            for file in same:
                try:
                    await self._bring(file)
                except OSError as error:
                    raise UsageError(f"{self._target(file)} cannot be written: {error.strerror}.") from error

    async def _bring(self, file: RemoteFile) -> None:
        target, cache = self._target(file), self._options.cache
        part = part_of(self._parts, file.sha256)
        no_link(part)
        cached = cache is not None and await asyncio.to_thread(cache.fetch, file.sha256, part)
        whole = cached or file.length == 0 or (part.is_file() and part.stat().st_size == file.length)
        if self._options.offline and not whole:
            raise Unreachable(f"{file.path} is not in the cache: install it once without --offline.")
        await download(self._transport, file, target, self._parts, self._progress)
        if cache is not None and not cached:
            await asyncio.to_thread(cache.keep, file.sha256, target)


def _by_content(files: list[RemoteFile]) -> Iterator[list[RemoteFile]]:
    groups: dict[str, list[RemoteFile]] = {}
    for file in files:
        groups.setdefault(file.sha256, []).append(file)
    yield from groups.values()
