"""Design documents as folders of files, as CouchApp has them: a file is a member, a folder an object.

`map.js` is the member `map`: the last suffix is no part of the name, and one line feed at the end none of the
text. `rewrites.json` is the member `rewrites` with the value that stands in it. Files below `_attachments`
are attachments, `_id` and `_rev` are the document's own, and names that begin with a dot are not read.
Symbolic links are refused. Blocking: callers use threads.
"""

import base64
import mimetypes
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from couchreg.errors import BadRequest, CouchregError
from couchreg.model import json

ATTACHMENTS: Final = "_attachments"
OWN: Final = frozenset({"_id", "_rev", ATTACHMENTS})
MOST_FILES, MOST_BYTES, DEEPEST = 2000, 64 << 20, 16
MOST_TEXT = 8_000_000  # bytes of all that is no attachment: a document has no more
LONGEST_NAME = 200  # bytes
OCTETS = "application/octet-stream"
Body = Mapping[str, Any]


class FolderError(CouchregError):
    """A folder that is no design document, or a design document that can be no folder."""

    error = "bad_folder"


@dataclass(frozen=True, slots=True)
class Folded:
    """A design document: its members without those that begin with an underscore, and its attachments."""

    id: str
    members: dict[str, Any]
    attachments: dict[str, bytes] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """The document as it is sent, attachments inline."""
        inline = {
            name: {"content_type": type_of(name), "data": base64.b64encode(data).decode()}
            for name, data in self.attachments.items()
        }
        return {**self.members, **({ATTACHMENTS: inline} if inline else {})}

    def is_as(self, stored: Body) -> bool:
        """Whether a stored document, with the data of its attachments, says the same."""
        members = {name: value for name, value in stored.items() if not name.startswith("_")}
        found = stored.get(ATTACHMENTS, {})
        inline = {name: base64.b64encode(data).decode() for name, data in self.attachments.items()}
        return members == self.members and {name: item.get("data") for name, item in found.items()} == inline


def type_of(name: str) -> str:
    """The media type by the suffix of a name."""
    return mimetypes.guess_type(name)[0] or OCTETS


# -- reading


def read(folder: Path) -> Folded:
    """The design document in a folder; its id is in the file `_id`, else the folder's name says it.
    Raises FolderError."""
    count = [0, 0]
    members = _object(folder, count, 0)
    stated = folder / "_id"
    doc_id = _text(stated, count) if stated.is_file() else f"_design/{folder.resolve().name}"
    if not doc_id.startswith("_design/") or doc_id == "_design/":
        raise FolderError(f"{stated} does not hold the id of a design document")
    size = len(json.encode(members))
    if size > MOST_TEXT:
        raise FolderError(f"{folder} makes a document of {size} bytes, {MOST_TEXT} are allowed")
    return Folded(doc_id, members, dict(_files(folder / ATTACHMENTS, "", count, 0)))


def read_all(folder: Path) -> list[Folded]:
    """The design documents of a folder that holds one folder for each. Raises FolderError."""
    found = [read(path) for path in _listed(folder) if path.is_dir()]
    ids = [item.id for item in found]
    for doc_id in ids:
        if ids.count(doc_id) > 1:
            raise FolderError(f"two folders in {folder} are {doc_id}")
    return found


def _listed(folder: Path) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if not entry.name.startswith("."))
    except OSError as error:
        raise FolderError(f"{folder} cannot be read: {error.strerror}") from None
    for name in names:
        path = folder / name
        if path.is_symlink():
            raise FolderError(f"{path} is a symbolic link, which is not followed")
        yield path


def _object(folder: Path, count: list[int], depth: int) -> dict[str, Any]:
    if depth > DEEPEST:
        raise FolderError(f"{folder} lies more than {DEEPEST} folders deep")
    found: dict[str, Any] = {}
    for path in _listed(folder):
        if depth == 0 and path.name in OWN:
            continue
        name, value = _member(path, count, depth)
        if name in found:
            raise FolderError(f"{path} is the member {name!r} a second time")
        if depth == 0 and name.startswith("_"):
            raise FolderError(f"{path}: names of members do not begin with an underscore")
        found[name] = value
    return found


def _member(path: Path, count: list[int], depth: int) -> tuple[str, Any]:
    if path.is_dir():
        return path.name, _object(path, count, depth + 1)
    text = _text(path, count)
    if path.suffix != ".json":
        return path.stem, text
    try:
        return path.stem, json.decode(text.encode())
    except BadRequest:
        raise FolderError(f"{path} is not JSON") from None


def _text(path: Path, count: list[int]) -> str:
    try:
        return _bytes(path, count).decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise FolderError(f"{path} is not UTF-8 text: files that are not belong in {ATTACHMENTS}") from None


def _bytes(path: Path, count: list[int]) -> bytes:
    """A file's bytes, counted against what a folder may have."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES - count[1] + 1)
    except OSError as error:
        raise FolderError(f"{path} cannot be read: {error.strerror}") from None
    count[0] += 1
    count[1] += len(data)
    if count[0] > MOST_FILES or count[1] > MOST_BYTES:
        raise FolderError(f"{path}: more than {MOST_FILES} files or {MOST_BYTES} bytes")
    return data


def _files(folder: Path, before: str, count: list[int], depth: int) -> Iterator[tuple[str, bytes]]:
    if depth > DEEPEST:
        raise FolderError(f"{folder} lies more than {DEEPEST} folders deep")
    if depth == 0 and not folder.is_dir():
        return
    for path in _listed(folder):
        if path.is_dir():
            yield from _files(path, f"{before}{path.name}/", count, depth + 1)
        else:
            yield before + path.name, _bytes(path, count)


def state(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """What tells whether anything in a folder has changed: paths, times and sizes. Empty without one."""
    found = []
    for base, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            path = os.path.join(base, name)
            try:
                about = os.lstat(path)
            except OSError:
                continue  # it has just gone: the next look sees it
            found.append((path, about.st_mtime_ns, about.st_size))
            if len(found) > MOST_FILES * DEEPEST:
                return tuple(found)
    return tuple(sorted(found))


# -- writing


def files_of(folded: Folded, folder_name: str) -> dict[str, bytes]:
    """The files of a design document by their paths, `_id` where a folder of this name does not say it.
    Raises FolderError for attachments and members that can be no files."""
    found: dict[str, bytes] = {}
    if folded.id != f"_design/{folder_name}":
        found["_id"] = folded.id.encode() + b"\n"
    for name, value in folded.members.items():
        if name.startswith("_") or not _is_name(name):
            raise FolderError(f"the member {name!r} of {folded.id} cannot be a file")
        found |= _written(name, value, 0)
    for name, data in folded.attachments.items():
        steps = name.split("/")
        if not all(map(_is_name, steps)) or len(steps) > DEEPEST:
            raise FolderError(f"the attachment {name!r} of {folded.id} cannot be a file")
        found[f"{ATTACHMENTS}/{name}"] = data
    _check_places(found)
    return found


def _written(path: str, value: Any, depth: int) -> dict[str, bytes]:
    if isinstance(value, str) and "\r" not in value[-1:]:
        return {path + _suffix(path, value): value.encode("utf-8", "surrogatepass") + b"\n"}
    if isinstance(value, dict) and value and depth < DEEPEST - 1 and _is_folder(value):
        found: dict[str, bytes] = {}
        for name, item in value.items():
            found |= _written(f"{path}/{name}", item, depth + 1)
        return found
    return {path + ".json": json.encode(value) + b"\n"}


def _is_folder(value: Body) -> bool:
    lower = [name.lower() for name in value]
    return all(map(_is_name, value)) and len(set(lower)) == len(lower)


def _suffix(path: str, value: str) -> str:
    """Of a function `.js`; of other text one only where the name has a dot already."""
    if value.lstrip(" \t\r\n(").startswith(("function", "//", "/*", "exports.", "module.")):
        return ".js"
    return ".txt" if "." in path.rpartition("/")[2] else ""


def _is_name(name: str) -> bool:
    """Whether a name can be a file's on every system, and is read again."""
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return False
    plain = name.isprintable() and not set(name) & set('/\\:*?"<>|')
    return plain and 0 < size <= LONGEST_NAME and not name.startswith(".") and not name.endswith((".", " "))


def _check_places(paths: Iterable[str]) -> None:
    """No file stands where another has its folder, whatever its case."""
    places: dict[str, str] = {}
    for path in paths:
        lower = path.lower()
        if lower in places:
            raise FolderError(f"{path!r} and {places[lower]!r} are one file where case does not count")
        places[lower] = path
    for lower, path in places.items():
        steps = lower.split("/")
        if any("/".join(steps[:end]) in places for end in range(1, len(steps))):
            raise FolderError(f"{path!r} has a file where its folder should be")


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Make a folder of these files. It must be empty, or not there. Raises FolderError."""
    try:
        if folder.exists() and any(folder.iterdir()):
            raise FolderError(f"{folder} is not empty")
        for path, data in files.items():
            place = folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FolderError(f"{folder} cannot be written: {error.strerror}") from None
