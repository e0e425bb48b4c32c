"""Writing a published package into a folder, whatever the registry says it consists of.

Nothing a registry sends can reach outside of the folder. Files arrive in `.couchreg-parts/` and are put
in their places when they are verified, `datapackage.json` last: a folder that has one is whole.
"""

import asyncio
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from couchreg.client.download import Wanted, download, file_sha256
from couchreg.client.errors import ClientError, Damaged, UsageError
from couchreg.client.transport import Progress, Transport
from couchreg.registry.paths import DESCRIPTOR, path_fault

PARTS = ".couchreg-parts"
_AT_ONCE = 4
_SHA256 = re.compile(r"sha256:([0-9a-f]{64})")
_WINDOWS_FAULT = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?|.*[<>:\"|?*].*|.*[. ]")


@dataclass(frozen=True, slots=True)
class Installed:
    """What was written where; `kept` files were there already."""

    name: str
    version: str
    folder: Path
    written: tuple[str, ...]
    kept: tuple[str, ...]


def plan(transport: Transport, name: str, descriptor: Mapping[str, Any]) -> tuple[str, list[Wanted]]:
    """The version and the files of a descriptor as the registry serves it. Raises ClientError."""
    version, own = descriptor.get("version"), descriptor.get("couchreg")
    files = own.get("files") if isinstance(own, dict) else None
    if not isinstance(version, str) or not isinstance(files, list):
        raise ClientError("The registry does not say which files the package has: is it a couchreg?")
    wanted = [_wanted(transport, name, version, file) for file in files]
    _check_places([file.path for file in wanted])
    return version, wanted


def _wanted(transport: Transport, name: str, version: str, file: Any) -> Wanted:
    members = file if isinstance(file, dict) else {}
    path, digest, length = members.get("path"), members.get("hash"), members.get("bytes")
    hashed = _SHA256.fullmatch(digest) if isinstance(digest, str) else None
    if not isinstance(path, str) or hashed is None or not isinstance(length, int):
        raise ClientError(f"The registry describes a file as nobody understands: {str(file)[:200]}.")
    fault = _fault(path)
    if fault:
        raise Damaged(f"The registry offers a file {path[:200]!r} whose path {fault}: nothing was written.")
    return Wanted(path, transport.address(name, version, *path.split("/")), hashed[1], length)


def _fault(path: str) -> str | None:
    if path.split("/")[0] == PARTS:
        return "is where unfinished downloads are kept"
    if os.name == "nt" and any(_WINDOWS_FAULT.fullmatch(part) for part in path.split("/")):
        return "is none on Windows"
    return path_fault(path)


def _check_places(paths: list[str]) -> None:
    """No two files in one place, and none in the place of another's folder."""
    folders = {"/".join(path.split("/")[:depth]) for path in paths for depth in range(1, path.count("/") + 1)}
    twice = {path for path in paths if paths.count(path) > 1} if len(set(paths)) < len(paths) else set()
    if clash := sorted(twice | (folders & set(paths))):
        raise Damaged(f"The registry offers two files in the place {clash[0][:200]!r}: nothing was written.")


class Installation:
    """Files on their way into one folder."""

    def __init__(self, transport: Transport, folder: Path, progress: Progress, *, force: bool) -> None:
        self._transport, self._folder, self._progress, self._force = transport, folder, progress, force
        self._parts = folder / PARTS
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def run(self, name: str, version: str, files: list[Wanted]) -> Installed:
        """Fetch what is not there yet. Raises ClientError; a later run goes on where this one ended."""
        self._make_room()
        missing = [file for file in files if not await asyncio.to_thread(self._is_there, file)]
        for file in files:
            if file not in missing:
                self._progress(file.length or 0)
        await self._fetch([file for file in missing if file.path != DESCRIPTOR])
        await self._fetch([file for file in missing if file.path == DESCRIPTOR])
        shutil.rmtree(self._parts, ignore_errors=True)  # may hold parts of another version
        written = tuple(file.path for file in missing)
        kept = tuple(file.path for file in files if file not in missing)
        return Installed(name, version, self._folder, written, kept)

    def _make_room(self) -> None:
        try:
            self._parts.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{self._folder} cannot be written: {error.strerror}.") from None

    def _is_there(self, file: Wanted) -> bool:
        """Whether the folder has this very file. Raises UsageError when it has another in its place."""
        target = self._target(file)
        if target.is_file() and target.stat().st_size == file.length and file_sha256(target) == file.sha256:
            return True
        if not self._force and (target.exists() or target.is_symlink()):
            raise UsageError(f"{target} is there with other content: choose another folder, or say --force.")
        return False

    def _target(self, file: Wanted) -> Path:
        """Where a file goes. Raises UsageError when a link in the folder leads elsewhere."""
        target = self._folder / file.path
        if not target.parent.resolve().is_relative_to(self._folder.resolve()):
            raise UsageError(f"{target.parent} is a link that leaves {self._folder}: choose another folder.")
        return target

    async def _fetch(self, files: list[Wanted]) -> None:
        """Some files at once, each content once; the first error ends all."""
        try:
            async with asyncio.TaskGroup() as group:
                for batch in _by_content(files):
                    group.create_task(self._fetch_all(batch))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None

    async def _fetch_all(self, same: list[Wanted]) -> None:
        """Files with the same bytes share one `.part`, so they come one after the other."""
        async with self._turns:
            for file in same:
                try:
                    await download(self._transport, file, self._target(file), self._parts, self._progress)
                except OSError as error:
                    raise UsageError(f"{self._target(file)} cannot be written: {error.strerror}.") from error


def _by_content(files: list[Wanted]) -> Iterator[list[Wanted]]:
    groups: dict[str, list[Wanted]] = {}
    for file in files:
        groups.setdefault(file.sha256, []).append(file)
    yield from groups.values()
