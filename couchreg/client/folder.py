"""A data package on disk, as it is about to be published: its descriptor and the files it speaks of.

Published are `datapackage.json` byte for byte, every file that it names (data, schemas, dialects,
profiles, images, licences, sources), those that its schemas and profiles refer to, and a README, licence,
change log and citation beside it. Nothing outside the folder ever is, whatever the descriptor or a symbolic
link says. Whether the data is valid is the registry's to say.
"""

import os
import shutil
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from couchreg.client.errors import Invalid, UsageError
from couchreg.client.zipped import is_zip, unpacked
from couchreg.package.contents import choose_files, named_files
from couchreg.package.descriptor import resources_of
from couchreg.package.formats import mediatype
from couchreg.package.paths import DESCRIPTOR, file_fault, folded, folder_words, folders_of, twin_words
from couchreg.package.references import references
from couchreg.package.referring import LARGEST, Referred
from couchreg.package.text import BadText, read_json

_YAML = ("datapackage.yaml", "datapackage.yml")
MOST_LISTED = 10_000  # files of a folder that are looked at to say what is left out
_NOT_OURS = frozenset(
    ("__MACOSX", "Thumbs.db", "desktop.ini", "datapackage-lock.json", "node_modules", "__pycache__")
)


@dataclass(frozen=True, slots=True)
class FolderFile:
    """A file of the package: where it lies, and as what it is published."""

    path: str  # in the package
    source: Path
    length: int
    content_type: str


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Folder:
    """A package ready to be sent."""

    name: str
    version: str
    members: dict[str, Any]
    files: tuple[FolderFile, ...]
    left_out: tuple[str, ...] = ()  # paths of files in the folder that are none of the package's

    @property
    def length(self) -> int:
        """Bytes of all files."""
        return sum(file.length for file in self.files)

    @classmethod
    def read(cls, folder: Path, version: str | None = None, *, unversioned: str | None = None) -> "Folder":
        """The package in `folder`, or in a zip file; `version` is needed when its descriptor has none,
        unless there is another (`unversioned`) to take then.

        Raises UsageError and Invalid with a sentence that says what to change.
        """
        if is_zip(folder):
            root = unpacked(folder)
            try:
                package = cls.read(root, version, unversioned=unversioned)
            except BaseException:
                shutil.rmtree(root)
                raise
            weakref.finalize(package, shutil.rmtree, root)
            return package
        root = folder.parent if folder.name in (DESCRIPTOR, *_YAML) else folder
        members = _descriptor(root)
        files, left = _files(root, members)
        return cls(
            _name(members), _version(members, version, unversioned), members, tuple(files), tuple(left)
        )


def _descriptor(root: Path) -> dict[str, Any]:
    file = root / DESCRIPTOR
    try:
        members = read_json(file.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(_lead_on(root)) from None
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.") from None
    except BadText as error:
        raise Invalid(f"{file} {error.fault}.") from None
    if not isinstance(members, dict):
        raise Invalid(f"{file} must hold a JSON object.")
    return members


def _lead_on(root: Path) -> str:
    """What to do with a folder that has no descriptor."""
    file = root / DESCRIPTOR
    if not root.exists():
        return f"There is no {root}: name a folder with a data package, or a zip file of one."
    if not root.is_dir():
        if root.suffix.lower() == ".zip":
            return f"{root} is no zip file, or not all of one: make it again, or name the folder itself."
        return f"{root} is not a folder: name a folder with a data package, or a zip file of one."
    yaml = next((name for name in _YAML if (root / name).is_file()), None)
    if yaml:
        return (
            f"There is no {file}. {yaml} is YAML, which registries do not take: make JSON of it with "
            f"python -c \"from frictionless import Package; Package('{yaml}').to_json('{DESCRIPTOR}')\"."
        )
    inside = sorted(file.parent.name for file in root.glob(f"*/{DESCRIPTOR}"))[:5]
    if inside:
        return f"There is no {file}, but there is {root / inside[0] / DESCRIPTOR}: name that folder."
    if not any(root.iterdir()):
        return f"There is no {file}, the folder is empty: put data into it and run `couchreg init {root}`."
    return f"There is no {file}: write one with `couchreg init {root}`, or name another folder."


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


def _files(root: Path, members: Mapping[str, Any]) -> tuple[list[FolderFile], list[str]]:
    """The files to send, the descriptor first, and those beside them that are left out.

    Raises Invalid naming all that are missing.
    """
    there = _there(root)
    chosen = choose_files(members, there)
    lying = {called: path for path, called in chosen.called.items()}  # where one lies that is called so
    taken = [chosen.called.get(path, path) for path in chosen.taken]
    referred = _referred(root, members, [*taken, *chosen.left_out], lying)
    paths = list(dict.fromkeys([*named_files(members), *taken, *referred]))
    needed = {DESCRIPTOR, *(path for item in resources_of(members) for path in item.paths)}
    needed |= {item.path for item in references(members) if item.needed}
    found = [(path, _inside(root, lying.get(path, path))) for path in paths]
    absent = [path for path, source in found if source is None and path in needed]
    if absent:
        listed = ", ".join(absent[:10]) + ("…" if len(absent) > 10 else "")
        words = twin_words(absent[0], {folded(path): path for path in there})
        listed += words or folder_words(absent[0], folders_of(there))
        raise Invalid(f"{DESCRIPTOR} names files that are not in {root}: {listed}.")
    files = [
        FolderFile(path, source, source.stat().st_size, mediatype(path)) for path, source in found if source
    ]
    return files, [path for path in chosen.left_out if path not in referred]


def _referred(
    root: Path, members: Mapping[str, Any], there: Sequence[str], lying: Mapping[str, str]
) -> frozenset[str]:
    """The files that the schemas and profiles of the package refer to."""
    referred, found = Referred(members, frozenset(there)), set[str]()
    while (path := referred.wanted()) is not None:
        source = _inside(root, lying.get(path, path))
        if source is not None:
            found.add(path)
        if source is not None and source.stat().st_size <= LARGEST:
            referred.read(path, source.read_bytes())
    return frozenset(found)


def _there(root: Path) -> list[str]:
    """The files in a folder, MOST_LISTED at most: without hidden ones, those of other packages inside, and
    those that tools leave there."""
    found: list[str] = []
    waiting = [root]
    while waiting and len(found) < MOST_LISTED:
        folder = waiting.pop(0)
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            if entry.name.startswith((".", "~$")) or entry.name in _NOT_OURS:
                continue
            if entry.is_dir(follow_symlinks=False):
                if not os.path.exists(os.path.join(entry.path, DESCRIPTOR)):
                    waiting.append(Path(entry.path))
            elif entry.is_file():
                found.append(Path(entry.path).relative_to(root).as_posix())
    return found[:MOST_LISTED]


def _inside(root: Path, path: str) -> Path | None:
    """The regular file at `path`, None if there is none. Raises Invalid when it lies elsewhere."""
    fault = file_fault(path)
    if fault:
        raise Invalid(f"The path {path!r} in {DESCRIPTOR} {fault}.")
    source = (root / path).resolve()
    if not source.is_file():
        return None
    if not source.is_relative_to(root.resolve()):
        raise Invalid(f"{path!r} is a link to a file outside of {root}: only what is inside is published.")
    return source
