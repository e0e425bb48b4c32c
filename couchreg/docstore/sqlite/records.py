"""How attachment records and lists of revisions are written into columns, and read again."""

from typing import Final

import msgspec

from couchreg.docstore.base import Attachment, Revision, Row
from couchreg.errors import damaged

_encode_atts: Final = msgspec.msgpack.Encoder().encode
_read_atts: Final = msgspec.msgpack.Decoder(tuple[Attachment, ...]).decode
_encode_revs: Final = msgspec.json.Encoder().encode
_decode_revs: Final = msgspec.json.Decoder(tuple[str, ...]).decode


def pack_atts(atts: tuple[Attachment, ...]) -> bytes | None:
    return _encode_atts(atts) if atts else None


def unpack_atts(packed: bytes | None) -> tuple[Attachment, ...]:
    return _decode_atts(packed) if packed else ()


def pack_revs(revs: list[str]) -> str:
    return _encode_revs(revs).decode()


def unpack_revs(packed: str) -> tuple[str, ...]:
    """Raises StorageFailure for what has not stayed as it was."""
    try:
        return _decode_revs(packed)
    except (msgspec.DecodeError, TypeError) as error:
        raise damaged("A list of revisions in the database") from error


def _decode_atts(packed: bytes) -> tuple[Attachment, ...]:
    try:
        return _read_atts(packed)
    except (msgspec.DecodeError, TypeError) as error:
        raise damaged("A list of attachments in the database") from error


def as_revision(doc_id: str, rev: str, deleted: object, members: bytes, atts: bytes | None) -> Revision:
    return Revision(doc_id, rev, bool(deleted), members, _decode_atts(atts) if atts else ())


def as_row(doc_id: str, rev: str, deleted: object, members: bytes | None, atts: bytes | None) -> Row:
    return Row(doc_id, rev, bool(deleted), members, _decode_atts(atts) if atts else ())
