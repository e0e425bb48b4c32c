"""A publish sent as `multipart/related`: the descriptor, then the files its `_attachments` announce.

A part belongs to the path in its Content-Disposition's file name, else in its Content-ID, else to the first
path, in the order announced, that no part has claimed. So what CouchDB's own clients send is taken
(parts in order, whatever they are called), and parts in any order when they are named.

Source: https://docs.couchdb.org/en/stable/api/document/common.html#creating-multiple-attachments
"""

from collections.abc import AsyncIterable, Mapping
from typing import Any

from couchreg.blobstore.base import Spooled
from couchreg.errors import BadRequest
from couchreg.model import json
from couchreg.registry.publishing.intake import Intake, take_inline
from couchreg.wire.headers import filename_of
from couchreg.wire.parts import Part, Parts


async def read_related(intake: Intake, boundary: str, chunks: AsyncIterable[bytes]) -> None:
    """Fill `intake`. Raises BadRequest when parts and announcements do not fit, TooLarge."""
    parts = Parts(chunks, boundary)
    first = await anext(parts, None)
    if first is None:
        raise BadRequest("The multipart body is empty: its first part is the descriptor.")
    await intake.collect_descriptor(first)
    awaited, inline = _announced(intake.members.get("_attachments", {}))
    async for part in parts:
        path = _path_of(part, awaited)
        members = awaited.pop(path)
        kind = members.get("content_type") or part.headers.get("content-type")
        _check_length(path, members, await intake.receive(path, kind, part))
    if awaited:
        absent = ", ".join(repr(path) for path in list(awaited)[:5])
        raise BadRequest(f"“_attachments” announces {len(awaited)} more files than were sent: {absent}.")
    await take_inline(intake, inline)


def _announced(attachments: Any) -> tuple[dict[str, Mapping[str, Any]], dict[str, Any]]:
    """The files that follow, and those that stand in the document. Raises BadRequest."""
    if not isinstance(attachments, dict) or not all(isinstance(item, dict) for item in attachments.values()):
        raise BadRequest("“_attachments” must be an object: path -> {follows: true, content_type, length}.")
    follow = {path: item for path, item in attachments.items() if item.get("follows") is True}
    return follow, {path: item for path, item in attachments.items() if path not in follow}


def _path_of(part: Part, awaited: Mapping[str, Mapping[str, Any]]) -> str:
    named = filename_of(part.headers)
    identified = part.headers.get("content-id", "").strip("<> ")
    for candidate in (named, identified):
        if candidate and candidate in awaited:
            return candidate
    if not awaited:
        shown = f" ({(named or identified)[:200]!r})" if named or identified else ""
        raise BadRequest(f"A file was sent{shown} that “_attachments” of the first part does not announce.")
    return next(iter(awaited))


def _check_length(path: str, members: Mapping[str, Any], spooled: Spooled) -> None:
    stated = members.get("length", spooled.length)
    if stated != spooled.length:
        raise BadRequest(
            f"The file {path!r} has {spooled.length} bytes, but “_attachments” announces "
            f"{json.brief(stated, 40)}."
        )
