"""A first descriptor for a folder of data: what can be seen in the files, written to be edited.

Formats, encodings, dialects and schemas are frictionless's guesses; names are made of file names. It is put
into the folder only where there is none yet.
"""

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from couchreg.client.errors import UsageError
from couchreg.errors import BadRequest
from couchreg.package.names import check_package_name, check_version
from couchreg.package.paths import DESCRIPTOR, path_fault

SCHEMA = "https://datapackage.org/profiles/2.0/datapackage.json"
_TABLES = (".csv", ".tsv", ".xlsx", ".xls", ".ods", ".parquet")
_BINARY = _TABLES[2:]
_OTHERS = (".json", ".jsonl", ".ndjson", ".geojson", ".topojson")
_DATA = (*_TABLES, *_OTHERS)
_OURS = ("datapackage-lock.json", DESCRIPTOR)
_KEPT = ("name", "path", "type", "title", "format", "mediatype", "encoding", "dialect", "schema")


@dataclass(frozen=True, slots=True)
class Inferred:
    """What was written, and the files that nothing could be seen in: path and why."""

    file: Path
    descriptor: dict[str, Any]
    unread: tuple[tuple[str, str], ...]


def infer(
    folder: Path, files: Sequence[str] = (), name: str | None = None, version: str = "0.1.0"
) -> Inferred:
    """Write a descriptor. Raises UsageError where there is one already, or nothing to describe."""
    target = folder / DESCRIPTOR
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}: name one with data in it.")
    if target.exists() or target.is_symlink():
        raise UsageError(f"{target} is there already: edit it, or move it away.")
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
        "description": "What this data is about, where it comes from, and what to know before using it.",
        "resources": resources,
    }
    _write(target, descriptor)
    return Inferred(target, descriptor, tuple(unread))


def _check(name: str, version: str) -> None:
    try:
        check_package_name(name)
        check_version(version)
    except BadRequest as error:
        raise UsageError(f"{error.reason} Choose another with --name or --version.") from None


def _write(target: Path, descriptor: dict[str, Any]) -> None:
    text = json.dumps(descriptor, indent=2, ensure_ascii=False) + "\n"
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{target} is there already: edit it, or move it away.") from None
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror}.") from None


def _found(folder: Path) -> Iterator[str]:
    """The data files of a folder, but for hidden ones and those of packages inside."""
    packages = {file.parent for file in folder.rglob(DESCRIPTOR)}
    for file in sorted(folder.rglob("*")):
        path = file.relative_to(folder)
        hidden = any(part.startswith((".", "~$")) for part in path.parts)
        if hidden or file.name in _OURS or packages & set(file.parents) or not file.is_file():
            continue
        if file.suffix.lower() in _DATA and not path_fault(path.as_posix()):
            yield path.as_posix()


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
    if Path(path).suffix.lower() in _BINARY:
        members.pop("encoding", None)
    if isinstance(members.get("dialect"), dict):
        members["dialect"] = _standard(members["dialect"])
    return {key: members[key] for key in _KEPT if key in members}, fault


def _standard(dialect: dict[str, Any]) -> dict[str, Any]:
    """A dialect in the standard's words, which has no place for frictionless's kinds of control."""
    found = {key: value for key, value in dialect.items() if key not in ("csv", "excel")}
    found |= dialect.get("csv", {})
    sheet = dialect.get("excel", {}).get("sheet")
    return found | ({"sheetName": sheet} if sheet else {})


def _named(resources: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Names that are taken get a number."""
    taken: set[str] = set()
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
