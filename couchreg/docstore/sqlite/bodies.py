"""The bodies of revisions, and which blobs their attachments lie in."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import apsw

from couchreg.docstore.base import Attachment
from couchreg.docstore.sqlite.records import pack_atts, unpack_atts


class Body(NamedTuple):
    num: int
    members: bytes
    atts: tuple[Attachment, ...]


def insert(conn: apsw.Connection, bodies: Sequence[Body]) -> None:
    conn.executemany(
        "INSERT INTO bodies VALUES (?, ?, ?)", [(num, members, pack_atts(atts)) for num, members, atts in bodies]
    ).fetchall()
    references = {(att.key, body.num) for body in bodies if body.atts for att in body.atts}
    if references:
        conn.executemany("INSERT INTO blobs VALUES (?, ?)", references).fetchall()


def remove(conn: apsw.Connection, nums: Iterable[int]) -> int:
    """Forget bodies and what they refer to; returns how many bytes of members are gone."""
    freed = 0
    for num in nums:
        gone = conn.execute(
            "DELETE FROM bodies WHERE num = ? RETURNING length(members), atts", (num,)
        ).fetchall()
        for length, packed in gone:
            freed += length
            keys = {(att.key, num) for att in unpack_atts(packed)}
            conn.executemany("DELETE FROM blobs WHERE key = ? AND body = ?", keys).fetchall()
    return freed


def attachments(conn: apsw.Connection, num: int) -> tuple[Attachment, ...]:
    """The records of one stored body."""
    rows = conn.execute("SELECT atts FROM bodies WHERE num = ?", (num,)).fetchall()
    return unpack_atts(rows[0][0]) if rows else ()


def lengths(conn: apsw.Connection, nums: Sequence[int]) -> int:
    """Bytes of members in these bodies together."""
    rows = conn.executemany("SELECT length(members) FROM bodies WHERE num = ?", [(num,) for num in nums])
    return sum(length for (length,) in rows.fetchall())
