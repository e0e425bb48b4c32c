"""A first descriptor for a folder of data: what can be seen in the files, written to be edited.

Formats, encodings, dialects and schemas are frictionless's guesses; names are made of file names. It is put
into the folder only where there is none yet.
"""

import contextlib
import csv
import itertools
import json
import re
import secrets
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from couchreg.client.errors import UsageError
from couchreg.client.local_forms import recognise
from couchreg.errors import BadRequest
from couchreg.package.formats import mediatype, split_format
from couchreg.package.names import check_package_name, check_version
from couchreg.package.paths import DESCRIPTOR, path_fault

PLACEHOLDER = "What this data is about, where it comes from, and what to know before using it."
SAMPLE = 10_000  # rows of a table that are looked at
SCHEMA = "https://datapackage.org/profiles/2.0/datapackage.json"
_TABLES = (".csv", ".tsv", ".xlsx", ".xls", ".ods", ".parquet")
_BINARY = _TABLES[2:]
_OTHERS = (".json", ".jsonl", ".ndjson", ".geojson", ".topojson")
_DATA = (*_TABLES, *_OTHERS)
_OURS = ("datapackage-lock.json", DESCRIPTOR)
_KEPT = ("name", "path", "type", "title", "format", "mediatype", "encoding", "dialect", "schema")


@dataclass(frozen=True, slots=True)
class Inferred:
    """What was written; `added` are the new resources of it, `unread` the files that nothing could be seen in
    (path and why), and `left_out` those that are no data."""

    file: Path
    descriptor: dict[str, Any]
    added: tuple[dict[str, Any], ...]
    unread: tuple[tuple[str, str], ...]
    left_out: tuple[str, ...]


def infer(
    folder: Path, files: Sequence[str] = (), name: str | None = None, version: str = "0.1.0"
) -> Inferred:
    """Write a descriptor. Raises UsageError where there is one already, or nothing to describe."""
    target = folder / DESCRIPTOR
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}: name one with data in it.")
    if target.exists() or target.is_symlink():
        raise UsageError(
            f"{target} is there already: edit it, or let --update add the files that it does not name."
        )
    package = name or slug(folder.resolve().name)
    _check(package, version)
    paths = [_given(folder, path) for path in files] or list(_found(folder))
    if not paths:
        raise UsageError(f"{folder} has no data files ({', '.join(_DATA)}): name some, as in init . FILE.")
    unread: list[tuple[str, str]] = []
    resources = list(_named(_resources(folder, paths, unread)))
    descriptor = {
        "$schema": SCHEMA,
        "name": package,
        "version": version,
        "title": package.replace("-", " ").replace("_", " ").capitalize(),
        "description": PLACEHOLDER,
        "resources": resources,
    }
    _write(target, descriptor)
    return Inferred(target, descriptor, tuple(resources), tuple(unread), _left_out(folder, paths))


def update(folder: Path, files: Sequence[str] = ()) -> Inferred:
    """Add resources for the data files that a descriptor does not name yet; all else in it stays.

    Raises UsageError where there is none, or one that is no JSON.
    """
    target = folder / DESCRIPTOR
    descriptor = _read(target)
    resources = descriptor.setdefault("resources", [])
    if not isinstance(resources, list):
        raise UsageError(f"The “resources” of {target} are no list: correct that first.")
    named = {path for resource in resources for path in _paths_of(resource)}
    paths = [
        path for path in ([_given(folder, path) for path in files] or _found(folder)) if path not in named
    ]
    unread: list[tuple[str, str]] = []
    taken = {resource.get("name") for resource in resources if isinstance(resource, dict)}
    added = list(_named(_resources(folder, paths, unread), taken))
    if added:
        resources.extend(added)
        _replace(target, descriptor)
    return Inferred(target, descriptor, tuple(added), tuple(unread), _left_out(folder, [*paths, *named]))


def _read(target: Path) -> dict[str, Any]:
    try:
        value = json.loads(target.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        raise UsageError(f"There is no {target} to update: write a first one without --update.") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise UsageError(f"{target} is no JSON ({place}: {error.msg}): correct it first.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{target} cannot be read: {error}.") from None
    if not isinstance(value, dict):
        raise UsageError(f"{target} is no JSON object: a descriptor is one.")
    return value


def _paths_of(resource: Any) -> list[str]:
    path = resource.get("path") if isinstance(resource, dict) else None
    listed = path if isinstance(path, list) else [path]
    return [text.removeprefix("./") for text in listed if isinstance(text, str)]


def _left_out(folder: Path, named: Collection[str]) -> tuple[str, ...]:
    """The files that are no data, but for hidden ones and those of packages inside."""
    return tuple(path for path in _files(folder) if path not in named)


def _check(name: str, version: str) -> None:
    try:
        check_package_name(name)
        check_version(version)
    except BadRequest as error:
        raise UsageError(f"{error.reason} Choose another with --name or --version.") from None


def _write(target: Path, descriptor: dict[str, Any]) -> None:
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(_text(descriptor))
    except FileExistsError:
        raise UsageError(f"{target} is there already: edit it, or move it away.") from None
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror}.") from None


def _replace(target: Path, descriptor: dict[str, Any]) -> None:
    """The new text, whole or not at all."""
    new = target.with_name(f".{DESCRIPTOR}.{secrets.token_hex(8)}")
    try:
        with new.open("x", encoding="utf-8") as file:
            file.write(_text(descriptor))
        new.replace(target)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise UsageError(f"{target} cannot be written: {error.strerror}.") from None


def _text(descriptor: dict[str, Any]) -> str:
    return json.dumps(descriptor, indent=2, ensure_ascii=False) + "\n"


def _files(folder: Path) -> Iterator[str]:
    """The files of a folder, but for hidden ones and those of packages inside."""
    packages = {file.parent for file in folder.rglob(DESCRIPTOR)} - {folder}
    for file in sorted(folder.rglob("*")):
        path = file.relative_to(folder)
        hidden = any(part.startswith((".", "~$")) for part in path.parts)
        if not (hidden or file.name in _OURS or packages & set(file.parents)) and file.is_file():
            yield path.as_posix()


def _found(folder: Path) -> Iterator[str]:
    """The data files among them."""
    for path in _files(folder):
        if Path(path).suffix.lower() in _DATA and not path_fault(path):
            yield path


def _given(folder: Path, path: str) -> str:
    fault = path_fault(path)
    if fault or not (folder / path).is_file():
        raise UsageError(f"{path!r} {fault or f'is no file in {folder}'}: name files in {folder}.")
    return path


def _resources(folder: Path, paths: Iterable[str], unread: list[tuple[str, str]]) -> Iterator[dict[str, Any]]:
    for path in paths:
        for sheet in _sheets(folder / path):
            resource, fault = _described(folder, path, sheet)
            if fault:
                unread.append((path, fault))
            yield resource


def _sheets(file: Path) -> list[str | None]:
    """The sheets of an Excel file with more than one; each becomes a resource."""
    if file.suffix.lower() != ".xlsx":
        return [None]
    import openpyxl

    try:
        book = openpyxl.load_workbook(file, read_only=True)
    except Exception:  # whatever is wrong with it is told when it is described
        return [None]
    names = list(book.sheetnames)
    book.close()
    return [None] if len(names) < 2 else [*names]


def _described(folder: Path, path: str, sheet: str | None) -> tuple[dict[str, Any], str | None]:
    """A resource as frictionless sees it, and why it sees nothing."""
    from frictionless import Dialect, FrictionlessException, Resource
    from frictionless.formats import ExcelControl

    dialect = Dialect(controls=[ExcelControl(sheet=sheet)] if sheet else [])
    fault = None
    try:
        found = Resource(path=path, basepath=str(folder), dialect=dialect)
        found.infer()
        members: dict[str, Any] = found.to_descriptor()
    except FrictionlessException as error:
        members, fault = {"path": path}, error.error.message
    except ImportError as error:
        members, fault = {"path": path}, f"{error.name} is not installed"
    stem = Path(path).name.partition(".")[0]
    members["name"] = slug(f"{stem}-{sheet}" if sheet else stem)
    members["mediatype"] = mediatype(path)
    members["format"] = split_format(path)[0] or members.get("format")
    if Path(path).suffix.lower() in _BINARY:
        members.pop("encoding", None)
    elif not fault:
        _look_closer(folder / path, members)
    if isinstance(members.get("dialect"), dict):
        members["dialect"] = _standard(members["dialect"])
    return {key: members[key] for key in _KEPT if key in members}, fault


def _look_closer(file: Path, members: dict[str, Any]) -> None:
    """Types that frictionless does not guess, in the first rows of a text table."""
    fields = (members.get("schema") or {}).get("fields")
    if not fields or members.get("type") != "table" or file.suffix.lower() not in (".csv", ".tsv"):
        return
    options = _standard(members.get("dialect") or {})
    delimiter = options.get("delimiter", "\t" if file.suffix.lower() == ".tsv" else ",")
    with file.open(encoding=members.get("encoding") or "utf-8", errors="replace", newline="") as text:
        rows = csv.reader(text, delimiter=delimiter)
        with contextlib.suppress(csv.Error):  # frictionless has read it otherwise, and its types stay
            recognise(fields, itertools.islice(rows, 1, SAMPLE))


def _standard(dialect: dict[str, Any]) -> dict[str, Any]:
    """A dialect in the standard's words, which has no place for frictionless's kinds of control."""
    found = {key: value for key, value in dialect.items() if key not in ("csv", "excel")}
    found |= dialect.get("csv", {})
    sheet = dialect.get("excel", {}).get("sheet")
    return found | ({"sheetName": sheet} if sheet else {})


def _named(resources: Iterable[dict[str, Any]], before: Collection[Any] = ()) -> Iterator[dict[str, Any]]:
    """Names that are taken get a number."""
    taken = set(before)
    for resource in resources:
        name, number = resource["name"], 2
        while resource["name"] in taken:
            resource["name"] = f"{name}-{number}"
            number += 1
        taken.add(resource["name"])
        yield resource


def slug(text: str) -> str:
    """A text as a name: `Größe (2020)` is `grosse-2020`."""
    plain = unicodedata.normalize("NFKD", text.casefold()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9._]+", "-", plain).strip("-._") or "data"
