"""Writes that are not edits of documents: local documents, settings, purges, compaction.

Each is work for `aio.Writer`: a generator that yields where the event loop may have a turn.
"""

import re
from collections.abc import Generator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import apsw

from couchreg.docstore.base import SETTINGS
from couchreg.docstore.sqlite import bodies, documents
from couchreg.docstore.sqlite.bodies import pack_revs, unpack_revs
from couchreg.docstore.sqlite.counters import Counters
from couchreg.docstore.sqlite.documents import Doc
from couchreg.docstore.sqlite.schema import NEW_PAGES
from couchreg.docstore.sqlite.sql import query, query_in
from couchreg.errors import BadRequest, NotFound
from couchreg.model import json
from couchreg.model.revtree import RevTree

Steps = Generator[None, None, None]

_LOCAL_REV: Final = re.compile(r"0-(\d{1,18})")
_PAGES: Final = 2000  # given back while writes wait: some tens of milliseconds
_TREES: Final = 500  # looked at between two turns of the loop


# -- local documents
def put_local(conn: apsw.Connection, doc_id: str, body: dict[str, Any], rev: str | None) -> str:
    number = _local_number(rev) + 1
    query(
        conn,
        "INSERT INTO locals VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET n = ?2, members = ?3",
        (doc_id, number, json.members(body)),
    )
    return f"0-{number}"


def delete_local(conn: apsw.Connection, doc_id: str) -> str:
    """Raises NotFound("missing")."""
    if not query(conn, "DELETE FROM locals WHERE id = ? RETURNING 1", (doc_id,)):
        raise NotFound("missing")
    return "0-0"


def _local_number(rev: str | None) -> int:
    if rev is None:
        return 0
    match = _LOCAL_REV.fullmatch(rev)
    if match is None:
        raise BadRequest("Invalid rev format")
    return int(match[1])


# -- settings
def settings(conn: apsw.Connection) -> dict[str, bytes]:
    """Without the notes (`notes.py`), of which there may be many."""
    text = "SELECT s.name, s.value FROM json_each(?) j JOIN settings s ON s.name = j.value"
    return dict(query_in(conn, text, list(SETTINGS)))


def set_setting(conn: apsw.Connection, name: str, value: bytes) -> None:
    query(conn, "INSERT INTO settings VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2", (name, value))


def remove_setting(conn: apsw.Connection, name: str) -> None:
    query(conn, "DELETE FROM settings WHERE name = ?", (name,))


# -- purges
def purge(
    conn: apsw.Connection, counters: Counters, wanted: Mapping[str, Sequence[str]], limit: int
) -> Generator[None, None, dict[str, list[str]]]:
    """Remove leafs for good. A document that keeps others moves to a new sequence."""
    purged = {}
    for doc_id, revs in wanted.items():
        purged[doc_id] = _purge(conn, counters, documents.load(conn, doc_id), revs)
        yield
    query(conn, "DELETE FROM purges WHERE seq <= ?", (counters.purge_seq - limit,))
    return purged


def _purge(conn: apsw.Connection, counters: Counters, doc: Doc, revs: Sequence[str]) -> list[str]:
    if not doc.seq:
        return []
    removed, freed = doc.tree.remove(revs)
    if not removed:
        return []
    doc.freed += freed
    if doc.tree.leafs():
        doc.changed = True
        documents.save(conn, counters, [doc])
    else:
        documents.forget(conn, counters, doc)
    counters.purge_seq += 1
    query(conn, "INSERT INTO purges VALUES (?, ?, ?)", (counters.purge_seq, doc.id, pack_revs(removed)))
    return removed


def purged_infos(conn: apsw.Connection) -> list[tuple[str, list[str]]]:
    rows = query(conn, "SELECT id, revs FROM purges ORDER BY seq")
    return [(doc_id, list(unpack_revs(revs))) for doc_id, revs in rows]


def purged_since(conn: apsw.Connection, number: int) -> tuple[list[str], int]:
    """The documents of the remembered purges after this one, a name for each, and the number of the last."""
    rows = query(conn, "SELECT purge_seq, id FROM meta LEFT JOIN purges ON seq > ? ORDER BY seq", (number,))
    return [doc_id for _, doc_id in rows if doc_id is not None], rows[0][0]


# -- compaction
def drop_old_bodies(
    conn: apsw.Connection, counters: Counters, since: int, until: int
) -> Generator[None, None, int | None]:
    """Drop the bodies of inner revisions in one stretch of documents; returns where to go on."""
    text = "SELECT seq, tree FROM docs WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?"
    rows = query(conn, text, (since, until, _TREES))
    _drop(conn, counters, rows)
    yield
    return rows[-1][0] if rows else None


def drop_old_bodies_of(conn: apsw.Connection, counters: Counters, ids: Sequence[str]) -> Steps:
    """The same for certain documents."""
    for start in range(0, len(ids), _TREES):
        text = "SELECT d.seq, d.tree FROM json_each(?) j JOIN docs d ON d.id = j.value"
        _drop(conn, counters, query_in(conn, text, ids[start : start + _TREES]))
        yield


def _drop(conn: apsw.Connection, counters: Counters, rows: Sequence[Any]) -> None:
    for seq, packed in rows:
        tree = RevTree.decode(packed)
        freed = tree.compact()
        if freed:
            counters.stored -= bodies.remove(conn, freed)
            query(conn, "UPDATE docs SET tree = ? WHERE seq = ?", (tree.encode(), seq))


def give_back(conn: apsw.Connection) -> bool:
    """Return some free pages to the file system; whether there are more. Not in a transaction."""
    query(conn, f"PRAGMA incremental_vacuum({_PAGES})")
    return bool(query(conn, "PRAGMA freelist_count")[0][0])


def checkpoint(conn: apsw.Connection) -> None:
    """Move the write-ahead log into the file and empty it. Not in a transaction."""
    query(conn, "PRAGMA wal_checkpoint(TRUNCATE)")


class Sizes(NamedTuple):
    """In bytes, with those in the blob store: all, and what is left when what is old is gone."""

    file: int
    active: int


def sizes(conn: apsw.Connection, counters: Counters, on_disk: int) -> Sizes:
    """`on_disk` are the bytes of the database's own files."""
    pages, free, size = (
        query(conn, f"PRAGMA {name}")[0][0] for name in ("page_count", "freelist_count", "page_size")
    )
    structure = max(0, (pages - free - NEW_PAGES) * size - counters.stored)
    file = on_disk + max(0, bodies.blob_bytes(conn) or 0)
    return Sizes(file, min(counters.live + structure, file))
