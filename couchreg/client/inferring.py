"""A first descriptor for a folder of data: what can be seen in the files, written to be edited.

Formats, encodings, dialects and schemas are frictionless's guesses; names are made of file names. It is put
into the folder only where there is none yet.
"""

import json
import secrets
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from couchreg.client.errors import UsageError
from couchreg.errors import BadRequest
from couchreg.package.names import check_package_name, check_version
from couchreg.package.paths import DESCRIPTOR, path_fault
from couchreg.registry.checking.proposing import DATA, first, is_data, proposed, slug

_OURS = ("datapackage-lock.json", DESCRIPTOR)


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
        raise UsageError(f"{folder} has no data files ({', '.join(DATA)}): name some, as in init . FILE.")
    unread: list[tuple[str, str]] = []
    resources = proposed(folder, paths, unread)
    descriptor = first(package, version, resources)
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
        raise UsageError(f"The “resources” of {target} are not a list: correct that first.")
    named = {path for resource in resources for path in _paths_of(resource)}
    paths = [
        path for path in ([_given(folder, path) for path in files] or _found(folder)) if path not in named
    ]
    unread: list[tuple[str, str]] = []
    taken = {resource.get("name") for resource in resources if isinstance(resource, dict)}
    added = proposed(folder, paths, unread, taken)
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
        raise UsageError(f"{target} is not JSON ({place}: {error.msg}): correct it first.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{target} cannot be read: {error}.") from None
    if not isinstance(value, dict):
        raise UsageError(f"{target} is not a JSON object: a descriptor is one.")
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
        if is_data(path):
            yield path


def _given(folder: Path, path: str) -> str:
    fault = path_fault(path)
    if fault or not (folder / path).is_file():
        raise UsageError(f"{path!r} {fault or f'is not a file in {folder}'}: name files in {folder}.")
    return path
