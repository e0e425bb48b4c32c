"""A folder of installed packages: each in a folder of its name, and `datapackage-lock.json` beside them.

What is asked for is resolved together with its `dataDependencies`, written package by package, and locked
when all of it is there; until then the old lock stays, so that a broken installation can be repeated.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from couchreg.client.cache import Cache
from couchreg.client.download import RemoteFile
from couchreg.client.errors import ClientError, Damaged, Missing, Unreachable, UsageError
from couchreg.client.install import Installation, Installed, InstallOptions, plan
from couchreg.client.lock import ANY, Lock, Locked, read_lock, write_lock
from couchreg.client.reading import Reader
from couchreg.client.resolving import Descriptor, Offer, Resolver, Versions
from couchreg.client.suggesting import absent_package
from couchreg.client.transport import Progress, Transport, no_progress
from couchreg.errors import BadRequest
from couchreg.model import json
from couchreg.package.dependencies import stated_dependencies
from couchreg.package.paths import DESCRIPTOR
from couchreg.package.standing import DEPRECATED, YANKED


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is installed now, and the messages of what is deprecated or yanked of it, by package."""

    installed: tuple[Installed, ...]
    deprecated: Mapping[str, str]
    yanked: Mapping[str, str]


class Online:
    """Versions and descriptors as a registry offers them; descriptors are kept for later."""

    def __init__(self, transport: Transport, reader: Reader, cache: Cache | None) -> None:
        self._transport, self._reader, self._cache = transport, reader, cache

    async def offered(self, name: str) -> Versions:
        try:
            found = await self._transport.json(self._transport.address("-", "versions", name))
        except Missing:
            raise Missing(await absent_package(self._transport, name)) from None
        try:
            return {str(row["version"]): _offer(row) for row in found["versions"]}
        except (KeyError, TypeError, AttributeError):
            raise ClientError(
                "The registry lists versions in a way that is not understood: is it a couchreg registry?"
            ) from None

    async def descriptor(self, name: str, version: str) -> Descriptor:
        found = await self._reader.descriptor(name, version)
        if self._cache is not None:
            self._cache.keep_descriptor(str(self._transport.url), found)
        return found


class Offline:
    """The same from the lock file and the cache."""

    def __init__(self, registry: str, cache: Cache | None, lock: Lock) -> None:
        self._registry, self._cache, self._lock = registry, cache, lock

    async def offered(self, name: str) -> Versions:
        found: Versions = dict.fromkeys(self._known(name), Offer())
        if not found:
            raise Unreachable(f"{name} was not installed before: install it once without --offline.")
        return found

    async def descriptor(self, name: str, version: str) -> Descriptor:
        return self._known(name)[version]

    def _known(self, name: str) -> dict[str, Descriptor]:
        kept = self._cache.descriptors(self._registry, name) if self._cache else []
        found = {str(descriptor["version"]): descriptor for descriptor in kept if "version" in descriptor}
        locked = self._lock.get(name)
        if locked is not None:
            found.setdefault(locked.version, _as_descriptor(locked))
        return found


def _as_descriptor(locked: Locked) -> Descriptor:
    """As much of a descriptor as an installation needs."""
    return {
        "name": locked.name,
        "version": locked.version,
        "dataDependencies": dict(locked.dependencies),
        "couchreg": {"files": [dict(file) for file in locked.files]},
    }


class Project:
    """One folder of packages."""

    def __init__(
        self, transport: Transport, folder: Path, reader: Reader, cache: Cache | None, *, offline: bool
    ) -> None:
        self._transport, self._folder, self._cache, self._offline = transport, folder, cache, offline
        self._lock = read_lock(folder)
        self._source = (
            Offline(str(transport.url), cache, self._lock) if offline else Online(transport, reader, cache)
        )

    async def install(
        self,
        packages: Iterable[tuple[str, str | None]],
        progress: Progress = no_progress,
        *,
        force: bool = False,
        on_size: Progress = no_progress,
    ) -> Outcome:
        """Install what is named, else what the folder's datapackage.json and lock file ask for.

        Raises ClientError; repeated, it goes on where it ended.
        """
        named = {name: wanted or ANY for name, wanted in packages}
        roots = self._roots() | named
        if not roots:
            raise UsageError(f"There is nothing to install: name packages, or list them in {DESCRIPTOR}.")
        kept = {name: item.version for name, item in self._lock.items() if name not in named}
        found = await Resolver(self._source, kept).resolve(roots)
        plans = {name: plan(self._transport, name, descriptor) for name, descriptor in found.items()}
        for name, (version, files) in plans.items():
            self._check_locked(name, version, files)
        for name in plans:
            self._check_folder(name)
        on_size(sum(file.length or 0 for _, files in plans.values() for file in files))
        installed = [await self._write(name, *plans[name], progress, force=force) for name in sorted(plans)]
        self._settle(roots, found, plans)
        return Outcome(tuple(installed), said_of(found, DEPRECATED), said_of(found, YANKED))

    def _roots(self) -> dict[str, str]:
        """What the folder asks for itself."""
        locked = {name: item.wanted for name, item in self._lock.items() if item.wanted is not None}
        return locked | stated_dependencies(_own_descriptor(self._folder))

    def _check_locked(self, name: str, version: str, files: list[RemoteFile]) -> None:
        locked = self._lock.get(name)
        if locked is None or locked.version != version:
            return
        if locked.hashes != {file.path: file.sha256 for file in files}:
            raise Damaged(
                f"{name}@{version} is not what the lock file says it is. If that is intended, "
                f"remove {name} from the lock file."
            )

    def _check_folder(self, name: str) -> None:
        """Raises UsageError where a link would lead the files out of the project."""
        folder = self._folder / name
        if folder.is_symlink():
            raise UsageError(f"{folder} is a link: remove it, or install into its target with --into.")

    async def _write(
        self, name: str, version: str, files: list[RemoteFile], progress: Progress, *, force: bool
    ) -> Installed:
        locked = self._lock.get(name)
        means = InstallOptions(force, self._cache, self._offline, locked.hashes if locked else {})
        folder = self._folder / name
        done = await Installation(self._transport, folder, progress, means).run(name, version, files)
        return replace(done, is_new=locked is None or locked.version != version)

    def _settle(
        self,
        roots: Mapping[str, str],
        found: Mapping[str, Descriptor],
        plans: Mapping[str, tuple[str, list[RemoteFile]]],
    ) -> None:
        """Write the lock. What nobody needs any more is no longer in it; its folder stays."""
        lock = {
            name: Locked(
                name,
                version,
                str(self._transport.url),
                roots.get(name),
                stated_dependencies(found[name]),
                tuple({"path": f.path, "bytes": f.length, "hash": f"sha256:{f.sha256}"} for f in files),
            )
            for name, (version, files) in plans.items()
        }
        if self._offline:  # where it came from is not asked anew
            lock = {
                name: replace(item, registry=self._lock[name].registry) if name in self._lock else item
                for name, item in lock.items()
            }
        write_lock(self._folder, lock)
        if self._cache is not None:
            self._cache.trim()


def _own_descriptor(folder: Path) -> dict[str, Any]:
    """The datapackage.json of a project, for its `dataDependencies`."""
    file = folder / DESCRIPTOR
    try:
        value = json.decode(file.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, BadRequest):
        raise UsageError(f"{file} cannot be read as JSON.") from None
    return value if isinstance(value, dict) else {}


def _offer(row: Mapping[str, Any]) -> Offer:
    yanked = row.get(YANKED)
    return Offer(tuple(row.get("tags", ())), yanked if isinstance(yanked, str) else None)


def said_of(found: Mapping[str, Descriptor], member: str) -> dict[str, str]:
    """What the registry says of packages, by `name@version`: why they are deprecated, or yanked."""
    messages = {}
    for name, descriptor in found.items():
        own = descriptor.get("couchreg")
        message = own.get(member) if isinstance(own, dict) else None
        if isinstance(message, str):
            messages[f"{name}@{descriptor.get('version')}"] = message
    return messages
