"""How people write what they want: `NAME`, `NAME@WANTED`, `NAME@WANTED/RESOURCE`. Pure.

WANTED is a version, a dist-tag such as `latest`, or a range such as `^1.2`.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from couchreg.client.errors import ClientError, Missing, UsageError
from couchreg.package.paths import path_fault

SCHEME = "couchreg://"


class Address(NamedTuple):
    """A package, which version of it is wanted (None: the latest), and what of it ("": the whole)."""

    name: str
    wanted: str | None
    path: str

    def __str__(self) -> str:
        version = f"@{self.wanted}" if self.wanted else ""
        return f"{self.name}{version}{'/' + self.path if self.path else ''}"


def read_address(text: str) -> Address:
    """Raises UsageError with a sentence that says how to write it."""
    package, _, path = text.removeprefix(SCHEME).strip("/").partition("/")
    return Address(*read_package(package), path)


def read_package(text: str) -> tuple[str, str | None]:
    """Name and wanted version of `NAME[@WANTED]`. Raises UsageError."""
    bare = text.removeprefix(SCHEME).rstrip("/")
    name, at, wanted = bare.partition("@")
    if not name or "/" in bare or path_fault(name) or (at and not wanted):
        raise UsageError(f"{text!r} is not a package: write NAME or NAME@VERSION.")
    return name, wanted or None


def read_name(text: str) -> str:
    """The name of a package as a whole. Raises UsageError."""
    name, version = read_package(text)
    if version is not None:
        raise UsageError(f"This is said of packages and not of versions: name {name} without @{version}.")
    return name


def read_pinned(text: str) -> tuple[str, str]:
    """Name and version of `NAME@VERSION`. Raises UsageError."""
    name, version = read_package(text)
    if version is None:
        raise UsageError(f"Name one version: {name}@VERSION.")
    return name, version


class FileEntry(NamedTuple):
    """Something of a package that has bytes: a file, or a resource that is no single file."""

    path: str  # below the version: a file's path, or a resource's name
    length: int | None
    sha256: str | None
    mediatype: str | None


def file_entries(descriptor: Mapping[str, Any]) -> list[FileEntry]:
    """The files of a version, from its descriptor as it is served. Raises ClientError."""
    own = descriptor.get("couchreg")
    files = own.get("files") if isinstance(own, dict) else None
    if not isinstance(files, list):
        raise ClientError("The registry does not say which files the package has: is it a couchreg registry?")
    return [_entry(file, file.get("path")) for file in files if isinstance(file, dict)]


def _entry(members: Mapping[str, Any], path: Any) -> FileEntry:
    length, digest, kind = members.get("bytes"), members.get("hash"), members.get("mediatype")
    hashed = isinstance(digest, str) and digest.startswith("sha256:")
    return FileEntry(
        str(path),
        length if isinstance(length, int) else None,
        str(digest).removeprefix("sha256:") if hashed else None,
        kind if isinstance(kind, str) else None,
    )


def find_entry(descriptor: Mapping[str, Any], path: str) -> FileEntry:
    """A file by its path, else a resource by its name, or by its name with its suffix. Raises Missing."""
    for entry in file_entries(descriptor):
        if entry.path == path:
            return entry
    resource = find_resource(descriptor, path)
    if resource is not None:
        return _entry(resource, resource["name"])
    names = (str(item.get("name")) for item in _resources(descriptor))
    raise Missing(_absent(descriptor, path, names))


def find_resource(descriptor: Mapping[str, Any], path: str) -> dict[str, Any] | None:
    """A resource by its name, or by its name with its suffix."""
    return next((item for item in _resources(descriptor) if path in _spellings(item)), None)


def _resources(descriptor: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [item for item in descriptor.get("resources") or [] if isinstance(item, dict)]


def _spellings(resource: Mapping[str, Any]) -> set[str]:
    """`gdp`, `gdp.csv`, and with compression `gdp.csv.gz`."""
    name, form, compression = (resource.get(key) for key in ("name", "format", "compression"))
    if not isinstance(name, str):
        return set()
    plain = f"{name}.{form}" if form else name
    return {name, plain, f"{plain}.{compression}" if compression else plain}


def _absent(descriptor: Mapping[str, Any], path: str, names: Iterable[str]) -> str:
    package = f"{descriptor.get('name')}@{descriptor.get('version')}"
    return f"{package} has no resource or file {path[:200]!r}; its resources: {', '.join([*names][:10])}."
