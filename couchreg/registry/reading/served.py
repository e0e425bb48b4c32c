"""A published descriptor as clients get it: with addresses for paths, so that it can be read from
anywhere as it is. Pure; the base of the addresses comes as an argument.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any
from urllib.parse import quote

from couchreg.docstore.base import Attachment
from couchreg.model import json
from couchreg.package.descriptor import OWN, UNDERSCORED, Resource
from couchreg.package.formats import mediatype, split_format
from couchreg.package.recording import RECORDED
from couchreg.package.references import addressed
from couchreg.registry.reading.catalog import Version
from couchreg.turns import TimeSlice

_TOLD_ELSEWHERE = frozenset(("hashes", "report", "yanked", "deprecated", RECORDED, UNDERSCORED))
Buffer = bytes | memoryview


def url_of(base: str, *segments: str) -> str:
    """`base` (without a slash at its end) with path segments, each encoded whole."""
    return "/".join([base, *(quote(segment, safe="") for segment in segments)])


def file_url(base: str, version: Version, path: str) -> str:
    return url_of(base, version.name, version.version, *path.split("/"))


def served_descriptor(version: Version, base: str, said: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The descriptor of a version with a URL for each resource, and `couchreg` about the version, to which
    belongs what is `said` of it (see `Standing.said`)."""
    members = _addressed(version.descriptor, version, base)
    members.setdefault("name", version.name)
    members.setdefault("version", version.version)
    members["resources"] = [served_resource(version, item, base) for item in version.resources.values()]
    about = {**_about(version, base), **(said or {})}
    members[OWN] = {**about, "files": [file_entry(version, one, base) for one in version.files.values()]}
    return members


async def served_pieces(version: Version, base: str, said: Mapping[str, str]) -> AsyncIterator[Buffer]:
    """The JSON text of `served_descriptor`, piece by piece, so that a long one is nowhere whole."""
    members = _addressed(version.descriptor, version, base)
    members = {"name": version.name, "version": version.version, **members, "resources": None, OWN: None}
    turn, before = TimeSlice(), b"{"
    for name, value in members.items():
        yield before + json.quote(name) + b":"
        before = b","
        if name == "resources":
            resources = (served_resource(version, item, base) for item in version.resources.values())
            async for piece in _listed(resources, turn):
                yield piece
        elif name == OWN:
            about = {**_about(version, base), **said}
            yield b"{" + b"".join(json.quote(key) + b":" + json.encode(about[key]) + b"," for key in about)
            yield b'"files":'
            async for piece in _listed(
                (file_entry(version, one, base) for one in version.files.values()), turn
            ):
                yield piece
            yield b"}"
        else:
            yield memoryview(value) if isinstance(value, json.Raw) else json.encode(value)
    yield b"}\n"


async def _listed(values: Iterable[Any], turn: TimeSlice) -> AsyncIterator[bytes]:
    before = b"["
    for value in values:
        yield before + json.encode(value)
        before = b","
        await turn.pass_on()
    yield b"]" if before == b"," else b"[]"


def _about(version: Version, base: str) -> dict[str, Any]:
    """Publisher, moment, and of the report only its outcome, for it can be long."""
    about = {key: value for key, value in version.own.items() if key not in _TOLD_ELSEWHERE}
    report = version.own.get("report")
    if isinstance(report, dict):
        url = url_of(base, "-", "report", version.name, version.version)
        about["report"] = {"valid": report.get("valid"), "errors": report.get("errors"), "url": url}
    return about


def file_entry(version: Version, file: Attachment, base: str) -> dict[str, Any]:
    """`{path, bytes, hash, mediatype, url}` of one file; of one that arrived compressed, by
    replication, the bytes that clients get were never hashed."""
    hashed = {"hash": f"sha256:{file.sha256}"} if file.encoding == "identity" else {}
    url = file_url(base, version, file.name)
    return {"path": file.name, "bytes": file.length, **hashed, "mediatype": file.content_type, "url": url}


def served_resource(version: Version, resource: Resource, base: str) -> dict[str, Any]:
    """One resource's descriptor with its URL; of a resource in several files, the URLs of these."""
    members = _addressed(resource.members, version, base)
    members.pop("extrapaths", None)
    if not resource.paths:
        return {**members, "path": resource.urls[0]} if "path" not in members and resource.urls else members
    if "path" not in resource.members:
        del members["url"]
    if len(resource.paths) == 1:
        members["path"] = url_of(base, version.name, version.version, resource.name)
    else:
        members["path"] = [file_url(base, version, path) for path in resource.paths]
    return {**members, **_missing_formats(members, resource.paths[0]), **_missing_sizes(version, resource)}


def _missing_sizes(version: Version, resource: Resource) -> dict[str, Any]:
    """`bytes` and, of a single file, `hash`, for a version that came from elsewhere without them."""
    files = [version.files[path] for path in resource.paths if path in version.files]
    if len(files) != len(resource.paths):
        return {}
    found: dict[str, Any] = {"bytes": sum(file.length for file in files)}
    if len(files) == 1 and files[0].encoding == "identity":
        found["hash"] = f"sha256:{files[0].sha256}"
    return {member: value for member, value in found.items() if member not in resource.members}


def _missing_formats(members: Mapping[str, Any], path: str) -> dict[str, str]:
    form, compression = split_format(path)
    known = {"format": form, "compression": compression, "mediatype": mediatype(path)}
    return {member: value for member, value in known.items() if value and member not in members}


def _addressed(members: Mapping[str, Any], version: Version, base: str) -> dict[str, Any]:
    """The members, with references to files of the package turned into URLs."""
    return addressed(members, lambda path: file_url(base, version, path) if path in version.files else None)
