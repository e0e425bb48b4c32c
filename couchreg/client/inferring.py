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
from couchreg.package.names import check_package_name, check_version, slug
from couchreg.package.paths import DESCRIPTOR, folded, is_url
from couchreg.package.references import references
from couchreg.registry.checking.proposing import (
    DATA,
    content_fault,
    first,
    name_fault,
    proposed,
    seems_data,
)

_OURS = ("datapackage-lock.json", DESCRIPTOR)


@dataclass(frozen=True, slots=True)
class Inferred:
    """What was written; `added` are the new resources of it, `unread` the files that nothing could be seen in
    (path and why), `unfit` those that cannot be published so (path and why), `left_out` those that are no
    data, and `gone` those that are named and are not there."""

    file: Path
    descriptor: dict[str, Any]
    added: tuple[dict[str, Any], ...]
    unread: tuple[tuple[str, str], ...]
    left_out: tuple[str, ...]
    unfit: tuple[tuple[str, str], ...] = ()
    gone: tuple[str, ...] = ()


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
    paths, unfit = _chosen(folder, files)
    if not paths:
        told = "".join(f" {path} {fault}." for path, fault in unfit[:5])
        if told:
            raise UsageError(f"{folder} has no data files that can be published:{told}")
        raise UsageError(f"{folder} has no data files ({', '.join(DATA)}): name some, as in init . FILE.")
    unread: list[tuple[str, str]] = []
    resources = proposed(folder, paths, unread)
    descriptor = first(package, version, resources)
    _write(target, descriptor)
    left = _left_out(folder, paths, unfit)
    return Inferred(target, descriptor, tuple(resources), tuple(unread), left, tuple(unfit))


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
    paths, unfit = _chosen(folder, files, named)
    unread: list[tuple[str, str]] = []
    taken = {resource.get("name") for resource in resources if isinstance(resource, dict)}
    added = proposed(folder, paths, unread, taken)
    if added:
        resources.extend(added)
        _replace(target, descriptor)
    left = _left_out(folder, [*paths, *named], unfit)
    return Inferred(
        target, descriptor, tuple(added), tuple(unread), left, tuple(unfit), _gone(folder, descriptor)
    )


def _gone(folder: Path, descriptor: dict[str, Any]) -> tuple[str, ...]:
    """The files that a descriptor names, data or other, and that are not in the folder."""
    paths = (path for resource in descriptor["resources"] for path in _paths_of(resource))
    named = [*(path for path in paths if not is_url(path)), *(item.path for item in references(descriptor))]
    return tuple(path for path in dict.fromkeys(named) if not (folder / path).is_file())


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


def _left_out(folder: Path, named: Collection[str], unfit: Collection[tuple[str, str]]) -> tuple[str, ...]:
    """The files that are no data, but for hidden ones and those of packages inside."""
    told = {*named, *(path for path, _ in unfit)}
    return tuple(path for path in _files(folder) if path not in told)


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


def _chosen(
    folder: Path, files: Sequence[str], named: Collection[str] = ()
) -> tuple[list[str], list[tuple[str, str]]]:
    """The data files that are given or found and not `named` yet, and those of the found that nobody could
    publish, with the reason."""
    paths: list[str] = []
    unfit: list[tuple[str, str]] = []
    seen = {folded(path): path for path in named}
    for path in files or filter(seems_data, _files(folder)):
        if path in named or path in paths:
            continue
        fault = _fault(folder, path, seen.get(folded(path)))
        if fault and files:
            raise UsageError(f"{path!r} {fault}: name files in {folder}.")
        if fault:
            unfit.append((path, fault))
        else:
            paths.append(path)
            seen[folded(path)] = path
    return paths, unfit


def _fault(folder: Path, path: str, twin: str | None) -> str | None:
    """Why a file cannot be published, as the end of a sentence. Nothing outside of the folder is opened."""
    fault = name_fault(path)
    if fault:
        return fault
    if twin:
        return (
            f"differs from {twin} in capitals or accents only, and is one file with it elsewhere: rename it"
        )
    file = folder / path
    if not file.is_file():
        return f"is not a file in {folder}"
    if not file.resolve().is_relative_to(folder.resolve()):
        return "is a link to a file outside of the folder: copy that here"
    return content_fault(file)
