"""What a member of `_attachments` says: pure reading of the JSON that clients send.

https://docs.couchdb.org/en/stable/api/document/common.html#attachments
"""

import binascii
from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from couchreg.docstore.base import Stub
from couchreg.errors import BadRequest, DigestMismatch

DEFAULT_TYPE = "application/octet-stream"
_SPACE = str.maketrans("", "", " \t\r\n")


def check_name(name: str) -> None:
    """Raises BadRequest, in CouchDB's words, for a name that no attachment may have."""
    if name.startswith("_"):
        raise BadRequest(f"Attachment name '{name}' starts with prohibited character '_'")


def check_digest(announced: str | None, md5: bytes | None) -> None:
    """Digests of other kinds than MD5 are not ours to check, and CouchDB ignores them too."""
    if announced is None or not announced.startswith("md5-"):
        return
    try:
        expected = b64decode(announced[4:], validate=True)
    except ValueError:
        expected = b""
    if expected != md5:
        raise DigestMismatch


def stub(name: str, member: Mapping[str, Any]) -> Stub:
    revpos, digest = member.get("revpos"), member.get("digest")
    if revpos is not None and not _is_count(revpos):
        revpos = -1  # no revision has this position, so the stub is a missing one
    return Stub(name, revpos, digest if isinstance(digest, str) else None)


def decoded(name: str, data: Any) -> bytes:
    """Base64 as CouchDB reads it: blanks are skipped, padding is required."""
    if not isinstance(data, str):
        raise invalid(name)
    packed = data.translate(_SPACE)
    if len(packed) % 4:  # strict_mode lets a sign of padding pass that pads nothing
        raise invalid(name)
    try:
        return binascii.a2b_base64(packed, strict_mode=True)
    except ValueError:
        raise invalid(name) from None


def type_of(name: str, member: Mapping[str, Any]) -> str:
    content_type = member.get("content_type", DEFAULT_TYPE)
    if not isinstance(content_type, str):
        raise invalid(name)
    return content_type


def revpos_of(member: Mapping[str, Any]) -> int:
    revpos = member.get("revpos", 0)
    return int(revpos) if _is_count(revpos) else 0


def length_of(name: str, member: Mapping[str, Any], which: str) -> int | None:
    value = member.get(which)
    if value is not None and not _is_count(value):
        raise invalid(name)
    return value


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def invalid(name: str) -> BadRequest:
    return BadRequest(f"Invalid attachment data for {name}")
