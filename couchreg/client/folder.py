"""A data package on disk, as it is about to be published: its descriptor and the files it speaks of.

Published are `datapackage.json` byte for byte, every file of a resource, schemas and dialects kept in
files of their own, and a README and licence beside the descriptor. Nothing outside the folder ever is,
whatever the descriptor or a symbolic link says. Whether the data is valid is the registry's to say.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from couchreg.client.errors import Invalid, UsageError
from couchreg.errors import BadRequest
from couchreg.model import json
from couchreg.package.descriptor import resources_of
from couchreg.package.formats import mediatype
from couchreg.package.paths import DESCRIPTOR, looks_remote, path_fault

_COMPANIONS = ("README", "README.md", "LICENSE", "LICENSE.md", "LICENSE.txt", "CHANGELOG.md")
_REFERENCES = ("schema", "dialect")


@dataclass(frozen=True, slots=True)
class File:
    """A file of the package: where it lies, and as what it is published."""

    path: str  # in the package
    source: Path
    length: int
    content_type: str


@dataclass(frozen=True, slots=True)
class Folder:
    """A package ready to be sent."""

    name: str
    version: str
    members: dict[str, Any]
    files: tuple[File, ...]

    @property
    def length(self) -> int:
        """Bytes of all files."""
        return sum(file.length for file in self.files)

    @classmethod
    def read(cls, folder: Path, version: str | None = None, *, unversioned: str | None = None) -> "Folder":
        """The package in `folder`; `version` is needed when its descriptor has none, unless there is
        another (`unversioned`) to take then.

        Raises UsageError and Invalid with a sentence that says what to change.
        """
        root = folder.parent if folder.name == DESCRIPTOR else folder
        members = _descriptor(root)
        files = tuple(_files(root, members))
        return cls(_name(members), _version(members, version, unversioned), members, files)


def _descriptor(root: Path) -> dict[str, Any]:
    file = root / DESCRIPTOR
    try:
        members = json.decode(file.read_bytes())
    except FileNotFoundError:
        raise UsageError(f"There is no {file}: name a folder with a data package.") from None
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.") from None
    except BadRequest:
        raise Invalid(f"{file} is not valid JSON in UTF-8.") from None
    if not isinstance(members, dict):
        raise Invalid(f"{file} must hold a JSON object.")
    return members


def _name(members: Mapping[str, Any]) -> str:
    name = members.get("name")
    if not isinstance(name, str) or not name:
        raise Invalid(f"The package has no name: add a “name” to {DESCRIPTOR}.")
    return name


def _version(members: Mapping[str, Any], wanted: str | None, unversioned: str | None) -> str:
    stated = members.get("version")
    if stated is not None and not isinstance(stated, str):
        raise Invalid(f"The “version” in {DESCRIPTOR} must be a string: write {str(stated)!r} in quotes.")
    if stated and wanted and stated != wanted:
        raise UsageError(f"{DESCRIPTOR} says version {stated}: leave --version out, or change the file.")
    version = wanted or stated or unversioned
    if not version:
        raise UsageError(f"{DESCRIPTOR} has no version: say which to publish with --version, as in 1.0.0.")
    return version


def _files(root: Path, members: Mapping[str, Any]) -> Iterator[File]:
    """The files to send, the descriptor first. Raises Invalid naming all that are missing."""
    wanted = dict.fromkeys([DESCRIPTOR, *_referred(members)])
    for companion in _COMPANIONS:
        if (root / companion).is_file():
            wanted.setdefault(companion)
    found = [(path, _inside(root, path)) for path in wanted]
    absent = [path for path, source in found if source is None]
    if absent:
        listed = ", ".join(absent[:10]) + ("…" if len(absent) > 10 else "")
        raise Invalid(f"{DESCRIPTOR} names files that are not in {root}: {listed}.")
    for path, source in found:
        if source is not None:
            yield File(path, source, source.stat().st_size, mediatype(path))


def _referred(members: Mapping[str, Any]) -> Iterator[str]:
    for resource in resources_of(members):
        yield from resource.paths
        for member in _REFERENCES:
            value = resource.members.get(member)
            if isinstance(value, str) and not looks_remote(value):
                yield value


def _inside(root: Path, path: str) -> Path | None:
    """The regular file at `path`, None if there is none. Raises Invalid when it lies elsewhere."""
    fault = path_fault(path)
    if fault:
        raise Invalid(f"The path {path!r} in {DESCRIPTOR} {fault}.")
    source = (root / path).resolve()
    if not source.is_file():
        return None
    if not source.is_relative_to(root.resolve()):
        raise Invalid(f"{path!r} is a link to a file outside of {root}: only what is inside is published.")
    return source
