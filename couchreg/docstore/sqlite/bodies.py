"""The bodies of revisions, and which blobs their attachments lie in."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import apsw

from couchreg.docstore.base import Attachment
from couchreg.docstore.sqlite.records import pack_atts, unpack_atts
from couchreg.docstore.sqlite.sql import query, query_each


class Body(NamedTuple):
    num: int
    members: bytes
    atts: tuple[Attachment, ...]


def insert(conn: apsw.Connection, bodies: Sequence[Body]) -> None:
    rows = [(num, members, pack_atts(atts)) for num, members, atts in bodies]
    query_each(conn, "INSERT INTO bodies VALUES (?, ?, ?)", rows)
    references = {(att.key, body.num) for body in bodies if body.atts for att in body.atts}
    if references:
        query_each(conn, "INSERT INTO blobs VALUES (?, ?)", references)


def remove(conn: apsw.Connection, nums: Iterable[int]) -> int:
    """Forget bodies and what they refer to; returns how many bytes of members are gone."""
    freed = 0
    for num in nums:
        gone = query(conn, "DELETE FROM bodies WHERE num = ? RETURNING length(members), atts", (num,))
        for length, packed in gone:
            freed += length
            keys = {(att.key, num) for att in unpack_atts(packed)}
            query_each(conn, "DELETE FROM blobs WHERE key = ? AND body = ?", keys)
    return freed


def attachments(conn: apsw.Connection, num: int) -> tuple[Attachment, ...]:
    """The records of one stored body."""
    rows = query(conn, "SELECT atts FROM bodies WHERE num = ?", (num,))
    return unpack_atts(rows[0][0]) if rows else ()


def lengths(conn: apsw.Connection, nums: Sequence[int]) -> int:
    """Bytes of members in these bodies together."""
    rows = query_each(conn, "SELECT length(members) FROM bodies WHERE num = ?", [(num,) for num in nums])
    return sum(length for (length,) in rows)
