"""The bodies of revisions, and which blobs their attachments lie in; and how the records of attachments, and
lists of revisions, are written into columns and read again.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Final, NamedTuple

import apsw
import msgspec

from couchreg.docstore.base import Attachment, Revision, Row
from couchreg.docstore.sqlite.sql import query, query_each, query_in
from couchreg.errors import damaged

_encode_atts: Final = msgspec.msgpack.Encoder().encode
_read_atts: Final = msgspec.msgpack.Decoder(tuple[Attachment, ...]).decode
_encode_revs: Final = msgspec.json.Encoder().encode
_decode_revs: Final = msgspec.json.Decoder(tuple[str, ...]).decode
_REFERRED: Final = (
    "SELECT j.value FROM json_each(?) j WHERE EXISTS (SELECT 1 FROM blobs b WHERE b.key = j.value)"
)
_IS_REFERRED: Final = "SELECT 1 FROM blobs WHERE key = ? LIMIT 1"


class Body(NamedTuple):
    num: int
    members: bytes
    atts: tuple[Attachment, ...]


def insert(conn: apsw.Connection, bodies: Sequence[Body]) -> None:
    rows = [(num, members, pack_atts(atts)) for num, members, atts in bodies]
    query_each(conn, "INSERT INTO bodies VALUES (?, ?, ?)", rows)
    references = {(att.key, body.num) for body in bodies if body.atts for att in body.atts}
    if references:
        attachments = [att for body in bodies for att in body.atts]
        _count_blobs(conn, attached(attachments, but=_referred(conn, attachments)))
        query_each(conn, "INSERT INTO blobs VALUES (?, ?)", references)


def remove(conn: apsw.Connection, nums: Iterable[int]) -> int:
    """Forget bodies and what they refer to; returns how many bytes of members are gone."""
    freed = 0
    for num in nums:
        gone = query(conn, "DELETE FROM bodies WHERE num = ? RETURNING length(members), atts", (num,))
        for length, packed in gone:
            freed += length
            attachments = unpack_atts(packed)
            if attachments:
                keys = {(att.key, num) for att in attachments}
                query_each(conn, "DELETE FROM blobs WHERE key = ? AND body = ?", keys)
                _count_blobs(conn, -attached(attachments, but=_referred(conn, attachments)))
    return freed


def attached(attachments: Iterable[Attachment], *, but: Collection[str] = ()) -> int:
    """Bytes that these attachments take in the blob store, each blob once and without those of `but`."""
    return sum({att.key: att.stored_length for att in attachments if att.key not in but}.values())


def _referred(conn: apsw.Connection, attachments: Sequence[Attachment]) -> set[str]:
    """Those of their blobs that some stored body refers to."""
    keys = {att.key for att in attachments}
    if len(keys) == 1:  # as most often
        return keys if query(conn, _IS_REFERRED, (*keys,)) else set()
    return {key for (key,) in query_in(conn, _REFERRED, list(keys))}


def _count_blobs(conn: apsw.Connection, more: int) -> None:
    """Keep the bytes of all blobs that are referred to; a file of an older server has no such count."""
    if more:
        query(conn, "UPDATE settings SET value = value + ? WHERE name = 'blob_bytes'", (more,))


def blob_bytes(conn: apsw.Connection) -> int | None:
    """Bytes of all blobs that stored bodies refer to; None where nobody has counted them."""
    rows = query(conn, "SELECT value FROM settings WHERE name = 'blob_bytes'")
    return int(rows[0][0]) if rows else None


def attachments(conn: apsw.Connection, num: int) -> tuple[Attachment, ...]:
    """The records of one stored body."""
    rows = query(conn, "SELECT atts FROM bodies WHERE num = ?", (num,))
    return unpack_atts(rows[0][0]) if rows else ()


def size(conn: apsw.Connection, nums: Sequence[int]) -> int:
    """Bytes of these bodies of one document together, their attachments included."""
    text = "SELECT length(members), atts FROM bodies WHERE num = ?"
    rows = query_each(conn, text, [(num,) for num in nums])
    attachments = [att for _, packed in rows for att in unpack_atts(packed)]
    bare: int = sum(length for length, _ in rows)
    return bare + attached(attachments)


# -- columns


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
