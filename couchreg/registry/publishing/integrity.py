"""Whether a package's files are those its descriptor speaks of, and what is filled in.

`bytes` and `hash` of a resource are compared with what arrived and added where they are missing
(`hash` as `sha256:<hex>`). A bare hash is MD5, as the Data Package specification has it.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from couchreg.blobstore.base import Spooled
from couchreg.package.descriptor import Descriptor, Resource, stated_path
from couchreg.package.paths import folded, folder_words, folders_of, twin_words
from couchreg.package.references import references
from couchreg.package.report import Report, problem, refusal, shown
from couchreg.registry.publishing.threads import Abandoned, IsStopped

Files = Mapping[str, Spooled]
HashRequest = tuple[tuple[Path, ...], str]  # the files one after the other, and the algorithm
Digests = Mapping[HashRequest, str]
_ALGORITHMS = ("md5", "sha1", "sha256", "sha512")
_CHUNK = 1 << 20
_AGAIN = 4  # how many times the bytes of a package are hashed at most, beyond their arrival


def wanted(descriptor: Descriptor, files: Files) -> dict[HashRequest, int]:
    """What has to be hashed for this descriptor, and how many bytes each is.

    Raises InvalidPackage when that is out of proportion: each resource may name all files.
    """
    found: dict[HashRequest, int] = {}
    for resource in descriptor.resources:
        parts = [files[path] for path in resource.paths if path in files]
        algorithm = _algorithm(resource.members.get("hash", "sha256:"))
        if len(parts) == len(resource.paths) and parts and algorithm and not _known(parts, algorithm):
            found[_key(parts, algorithm)] = sum(part.length for part in parts)
    most = _AGAIN * sum(file.length for file in files.values())
    if sum(found.values()) > most:
        report = Report()
        message = "The resources name the same files so often that hashing them is too much: name each once."
        report.add(problem("resource-error", message))
        raise refusal(report.to_json())
    return found


def digests(wanted: Iterable[HashRequest], is_stopped: IsStopped) -> Digests:
    """Hash files: not for the loop. Raises Abandoned."""
    return {(paths, algorithm): _hash(paths, algorithm, is_stopped) for paths, algorithm in wanted}


def check_files(descriptor: Descriptor, files: Files, known: Digests) -> Report:
    """Missing files, files in each other's way, wrong sizes and hashes; `known` has what is `wanted`."""
    report = Report()
    _check_layout(report, files)
    _check_addresses(report, descriptor, files)
    twins, folders = {folded(path): path for path in files}, folders_of(sorted(files))
    for resource in descriptor.resources:
        absent = [path for path in resource.paths if path not in files]
        for path in absent:
            words = twin_words(path, twins) or folder_words(path, folders)
            message = f"The file {shown(path)} was not sent{words}."
            report.add(problem("missing-file", message, resource=resource.name, file=path))
        if resource.paths and not absent:
            _check_content(report, resource, [files[path] for path in resource.paths], known)
    _check_references(report, descriptor, files, twins)
    return report


def _check_references(report: Report, descriptor: Descriptor, files: Files, twins: Mapping[str, str]) -> None:
    """What schemas, dialects and profiles say is needed by every reader. Others may lead nowhere."""
    for reference in references(descriptor.members):
        if reference.needed and reference.path not in files:
            message = f"The file {shown(reference.path)}, which “{reference.member}” names, was not sent"
            message += f"{twin_words(reference.path, twins)}."
            where, member = reference.resource, reference.member
            report.add(problem("missing-file", message, resource=where, field=member, file=reference.path))


def _check_layout(report: Report, files: Files) -> None:
    folders = {"/".join(path.split("/")[:depth]) for path in files for depth in range(1, path.count("/") + 1)}
    known = {folded(path): path for path in sorted(folders)}
    for path in sorted(files):
        folder = path if path in folders else known.get(folded(path))
        if folder == path:
            message = f"{shown(path)} is both a file and the folder of another file."
            report.add(problem("unsafe-path", message, file=path))
        elif folder is not None:
            message = (
                f"The file {shown(path)} and the folder {shown(folder)} have one name on systems that ignore "
                "case: rename one."
            )
            report.add(problem("unsafe-path", message, file=path))
    seen: dict[str, str] = {}
    for path in sorted(files):
        other = seen.setdefault(folded(path), path)
        if other != path:
            message = (
                f"{shown(path)} and {shown(other)} are one file on systems that ignore case: rename one."
            )
            report.add(problem("unsafe-path", message, file=path))


def _check_addresses(report: Report, descriptor: Descriptor, files: Files) -> None:
    for resource in descriptor.resources:
        if resource.name in files and resource.paths != (resource.name,):
            message = "The resource has the name, and so the address, of another file of the package."
            report.add(problem("resource-error", message, resource=resource.name))


def _check_content(report: Report, resource: Resource, parts: Sequence[Spooled], known: Digests) -> None:
    length = sum(part.length for part in parts)
    stated = resource.members.get("bytes", length)
    if isinstance(stated, bool) or not isinstance(stated, int | float):
        message = f'“bytes” is {shown(stated)}: it has to be a number, as in "bytes": {length}.'
        report.add(problem("byte-count", message, resource=resource.name, field="bytes"))
    elif stated != length:
        message = (
            f"“bytes” is {shown(stated)}, but the data has {length} bytes: send what was meant, correct it, "
            "or leave it out, and it is filled in."
        )
        report.add(problem("byte-count", message, resource=resource.name, field="bytes"))
    _check_hash(report, resource, parts, known)


def _check_hash(report: Report, resource: Resource, parts: Sequence[Spooled], known: Digests) -> None:
    stated = resource.members.get("hash")
    if stated is None:
        return
    algorithm = _algorithm(stated)
    digest = stated.rpartition(":")[2].lower() if isinstance(stated, str) else ""
    if not (algorithm and digest):
        wanted = "write it as algorithm:digest, with md5, sha1, sha256 or sha512"
        message = f"“hash” is {shown(stated)}: {wanted}."
        report.add(problem("hash-count", message, resource=resource.name, field="hash"))
    elif (found := _digest(parts, algorithm, known)) != digest:
        message = (
            f"“hash” is {stated[:200]}, but the data has {algorithm}:{found}: send what was "
            "meant, correct it, or leave it out, and it is filled in."
        )
        report.add(problem("hash-count", message, resource=resource.name, field="hash"))


def _algorithm(stated: Any) -> str:
    """The algorithm of a stated hash; empty for one that is not offered."""
    algorithm = stated.rpartition(":")[0] or "md5" if isinstance(stated, str) else ""
    return algorithm if algorithm in _ALGORITHMS else ""


def _known(parts: Sequence[Spooled], algorithm: str) -> str:
    """The hex digest where the files' arrival has told it, else empty."""
    if len(parts) > 1 or algorithm not in ("md5", "sha256"):
        return ""
    return parts[0].md5.hex() if algorithm == "md5" else parts[0].sha256


def _digest(parts: Sequence[Spooled], algorithm: str, known: Digests) -> str:
    return _known(parts, algorithm) or known[_key(parts, algorithm)]


def _key(parts: Sequence[Spooled], algorithm: str) -> HashRequest:
    return tuple(part.path for part in parts), algorithm


def lay_down(files: Files) -> None:
    """Have a file for each: before `digests`. Blocking."""
    for file in files.values():
        if file.data is not None:
            file.on_disk()


def _hash(paths: Sequence[Path], algorithm: str, is_stopped: IsStopped) -> str:
    hasher = hashlib.new(algorithm, usedforsecurity=False)
    for path in paths:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                if is_stopped():
                    raise Abandoned
                hasher.update(chunk)
    return hasher.hexdigest()


def complete(descriptor: Descriptor, files: Files, known: Digests) -> dict[str, Any]:
    """The descriptor's members in their order, with `name`, `version`, `bytes` and `hash` filled in."""
    members = dict(descriptor.members)
    members.setdefault("name", descriptor.name)
    members.setdefault("version", descriptor.version)
    members["resources"] = [_complete_resource(resource, files, known) for resource in descriptor.resources]
    return members


def _complete_resource(resource: Resource, files: Files, known: Digests) -> dict[str, Any]:
    members = dict(resource.members)
    if "path" not in members and stated_path(members) is not None:
        members["path"] = members.pop("url")
    parts = [files[path] for path in resource.paths]
    if parts:
        members.setdefault("bytes", sum(part.length for part in parts))
        if "hash" not in members:
            members["hash"] = f"sha256:{_digest(parts, 'sha256', known)}"
    return members
