"""What an address of a package names: a version, a resource, a file; and the files' answers."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from aiohttp import web

from couchreg.analytics.converting import MEDIATYPE
from couchreg.docstore.base import Attachment
from couchreg.errors import BadRequest, NotFound
from couchreg.http.registry.frame.answers import OPEN, SAFE, cacheable
from couchreg.http.registry.frame.call import Call
from couchreg.http.registry.frame.finished import may_be_kept
from couchreg.http.registry.frame.freshness import cache_control
from couchreg.http.registry.frame.papers import may_be_read
from couchreg.http.registry.reading.elsewhere import inline, redirect
from couchreg.http.registry.reading.sending import SentFile, send
from couchreg.model.media_types import OCTETS, disposition, is_text
from couchreg.package.descriptor import Resource
from couchreg.package.paths import DESCRIPTOR
from couchreg.package.tables import is_table, parquet_address
from couchreg.package.versions import LATEST
from couchreg.registry.reading.catalog import Version
from couchreg.registry.reading.served import served_resource

NOTHING: Mapping[str, str] = {}


class Moment(NamedTuple):
    """A moment in whole seconds, as HTTP counts, and as it writes it."""

    moment: datetime
    text: str


async def resource(call: Call) -> web.StreamResponse:
    """A resource by its name, else a file by its path."""
    await may_be_kept(call)
    version = await version_of(call)
    wanted = call.part("path")
    found = version.resources.get(wanted)
    if call.request.query.get("meta") == "true":
        return _meta(call, version, found, wanted)
    if found is None:
        return await file(call, version, wanted)
    if found.urls:
        return redirect(found)
    more = _as_parquet(call, version, found)
    if found.inline:
        return await inline(call, version, found, more)
    return await _send(call, version, found.name, _parts(version, found), more)


def _as_parquet(call: Call, version: Version, found: Resource) -> dict[str, str]:
    """The header that names the same table as a Parquet file."""
    if call.services.tables is None or not is_table(found):
        return {}
    up = "/".join([".."] * (call.part("path").count("/") + 2))
    address = parquet_address(up, version.name, version.version, found.name)
    return {"Link": f'<{address}>; rel="alternate"; type="{MEDIATYPE}"'}


async def point(call: Call) -> tuple[str, str]:
    """The version an address names, exactly or by a dist-tag, `latest` with `?range=` the highest in it; and
    its revision. Raises NotFound, and BadRequest for a range beside an exact version."""
    name, version = call.part("name"), call.request.match_info.get("version", LATEST)
    wanted = call.request.query.get("range")
    catalog = call.registry.catalog
    if wanted is not None:
        if version != LATEST:
            raise BadRequest(f"“range” chooses a version: ask for {name} or {name}/{LATEST} with it.")
        version = await catalog.resolve(name, wanted)
    return await catalog.point(name, version)


def is_pinned(call: Call, version: str) -> bool:
    """Whether the address says itself which version it is of, and so is of no other tomorrow."""
    return call.request.match_info.get("version") == version


async def version_of(call: Call) -> Version:
    """The version an address names. Raises what `point` raises."""
    exact, _ = await point(call)
    return await call.registry.catalog.version(call.part("name"), exact, room=call.room)


def _meta(call: Call, version: Version, found: Resource | None, wanted: str) -> web.StreamResponse:
    if found is None:  # the address of a file that is all the data of a resource
        found = next((item for item in version.resources.values() if item.paths == (wanted,)), None)
    if found is None:
        if wanted in version.files or wanted == DESCRIPTOR:
            raise NotFound(
                f"{wanted[:200]!r} is not all the data of one resource: ask for it without “meta”."
            )
        raise _nothing(version, wanted)
    members = served_resource(version, found, call.base)
    members.pop("data", None)  # is what the same address answers without “meta”
    return cacheable(call, members)


def _parts(version: Version, found: Resource) -> list[Attachment]:
    absent = [path for path in found.paths if path not in version.files]
    if absent or not found.paths:
        raise NotFound(f"The file of the resource {found.name!r} is not here.")
    return [version.files[path] for path in found.paths]


async def file(call: Call, version: Version, path: str) -> web.StreamResponse:
    """A file by its path, as it was published. Raises NotFound."""
    if path in version.files:
        return await _send(call, version, path, [version.files[path]])
    if path == DESCRIPTOR:  # a version that came from elsewhere without the file
        return cacheable(call, version.descriptor)
    raise _nothing(version, path)


def _nothing(version: Version, wanted: str) -> NotFound:
    there = ", ".join(sorted(version.resources)[:10])
    which = f"{version.name} {version.version}"
    return NotFound(f"{which} has no resource or file {wanted[:200]!r}; its resources: {there}.")


async def _send(
    call: Call, version: Version, name: str, parts: list[Attachment], more: Mapping[str, str] = NOTHING
) -> web.StreamResponse:
    kind = _header_safe(parts[0].content_type)
    path, is_read = parts[0].name if len(parts) == 1 else name, may_be_read(call, parts)
    headers = {
        **SAFE,
        **OPEN,
        **more,
        "Content-Disposition": disposition(path, kind, harmless=is_read),
        "Content-Type": kind,
        "Accept-Ranges": "bytes",
        "Cache-Control": cache_control(call, pinned=is_pinned(call, version.version)),
    }
    if is_text(kind):
        headers["Vary"] = "Accept-Encoding"
    modified = _modified(version)
    if modified is not None:
        headers["Last-Modified"] = modified.text
    moment = modified.moment if modified else None
    file = SentFile(version, kind, _tag(parts), parts, headers, moment, from_here=is_read)
    return await send(call, file)


def _tag(parts: list[Attachment]) -> str:
    """The SHA-256 of the bytes, or for several files of their digests."""
    if len(parts) == 1:
        return parts[0].sha256
    return hashlib.sha256("".join(part.sha256 for part in parts).encode()).hexdigest()


def _header_safe(kind: str) -> str:
    """A content type that arrived by replication may be any text."""
    return kind if kind.isascii() and kind.isprintable() and "/" in kind else OCTETS


def _modified(version: Version) -> Moment | None:
    """When the version was published."""
    return _moment(str(version.own.get("published")))


@lru_cache(maxsize=1024)
def _moment(text: str) -> Moment | None:
    try:
        moment = datetime.fromisoformat(text).astimezone(UTC).replace(microsecond=0)
    except (ValueError, OverflowError):
        return None
    return Moment(moment, moment.strftime("%a, %d %b %Y %H:%M:%S GMT"))
