"""Whether a package's files are those its descriptor speaks of, and what is filled in.

`bytes` and `hash` of a resource are compared with what arrived and added where they are missing
(`hash` as `sha256:<hex>`). A bare hash is MD5, as the Data Package specification has it.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from couchreg.blobstore.base import Spooled
from couchreg.package.descriptor import Descriptor, Resource
from couchreg.package.report import Report, problem

Files = Mapping[str, Spooled]
_CHUNK = 1 << 20


def check_files(descriptor: Descriptor, files: Files) -> Report:
    """Missing files, files in each other's way, wrong sizes and hashes. May hash files: not for the loop."""
    report = Report()
    _check_layout(report, files)
    _check_addresses(report, descriptor, files)
    for resource in descriptor.resources:
        absent = [path for path in resource.paths if path not in files]
        for path in absent:
            message = f"The file {path!r} was not sent."
            report.add(problem("missing-file", message, resource=resource.name))
        if resource.paths and not absent:
            _check_content(report, resource, [files[path] for path in resource.paths])
    return report


def _check_layout(report: Report, files: Files) -> None:
    folders = {"/".join(path.split("/")[:depth]) for path in files for depth in range(1, path.count("/") + 1)}
    for path in sorted(folders & set(files)):
        report.add(problem("unsafe-path", f"{path!r} is both a file and the folder of another file."))


def _check_addresses(report: Report, descriptor: Descriptor, files: Files) -> None:
    for resource in descriptor.resources:
        if resource.name in files and resource.paths != (resource.name,):
            message = "The resource has the name, and so the address, of another file of the package."
            report.add(problem("resource-error", message, resource=resource.name))


def _check_content(report: Report, resource: Resource, parts: Sequence[Spooled]) -> None:
    length = sum(part.length for part in parts)
    stated = resource.members.get("bytes", length)
    if stated != length:
        message = f"“bytes” is {str(stated)[:40]}, but {length} bytes were sent."
        report.add(problem("byte-count", message, resource=resource.name, field="bytes"))
    _check_hash(report, resource, parts)


def _check_hash(report: Report, resource: Resource, parts: Sequence[Spooled]) -> None:
    stated = resource.members.get("hash")
    if stated is None:
        return
    algorithm, _, digest = stated.rpartition(":") if isinstance(stated, str) else ("", "", "")
    found = hash_of(parts, algorithm or "md5") if digest else None
    if found is None:
        wanted = "write it as algorithm:digest, with md5, sha1, sha256 or sha512"
        message = f"“hash” is {str(stated)[:100]!r}: {wanted}."
        report.add(problem("hash-count", message, resource=resource.name, field="hash"))
    elif found != digest.lower():
        message = f"“hash” is {stated[:200]}, but the bytes sent have {algorithm or 'md5'}:{found}."
        report.add(problem("hash-count", message, resource=resource.name, field="hash"))


def hash_of(parts: Sequence[Spooled], algorithm: str) -> str | None:
    """The hex digest of the parts one after the other; None for an algorithm not offered."""
    if len(parts) == 1 and algorithm in ("md5", "sha256"):
        return parts[0].md5.hex() if algorithm == "md5" else parts[0].sha256
    if algorithm not in ("md5", "sha1", "sha256", "sha512"):
        return None
    hasher = hashlib.new(algorithm, usedforsecurity=False)
    for part in parts:
        _feed(hasher, part.path)
    return hasher.hexdigest()


def _feed(hasher: Any, path: Path) -> None:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            hasher.update(chunk)


def complete(descriptor: Descriptor, files: Files) -> dict[str, Any]:
    """The descriptor's members in their order, with `name`, `version`, `bytes` and `hash` filled in."""
    members = dict(descriptor.members)
    members.setdefault("name", descriptor.name)
    members.setdefault("version", descriptor.version)
    members["resources"] = [_complete_resource(resource, files) for resource in descriptor.resources]
    return members


def _complete_resource(resource: Resource, files: Files) -> dict[str, Any]:
    members = dict(resource.members)
    parts = [files[path] for path in resource.paths]
    if parts:
        members.setdefault("bytes", sum(part.length for part in parts))
        if "hash" not in members:
            members["hash"] = f"sha256:{hash_of(parts, 'sha256')}"
    return members
