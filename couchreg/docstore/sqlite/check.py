"""`check()`: every invariant of a database file, walked through; each broken one is a sentence."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import apsw

from couchreg.docstore.sqlite import bodies, partitions
from couchreg.docstore.sqlite.bodies import pack_revs, unpack_atts
from couchreg.docstore.sqlite.counters import Counters
from couchreg.docstore.sqlite.schema import connect
from couchreg.docstore.sqlite.sql import query
from couchreg.model.revtree import Node, RevTree


def of_file(path: Path) -> list[str]:
    """Everything that is wrong with a database file, through a connection of its own."""
    conn = connect(path, query_only=True)
    try:
        return problems(conn)
    finally:
        conn.close()


def problems(conn: apsw.Connection) -> list[str]:
    """Everything that is wrong, seen in one read transaction so that it agrees with itself."""
    query(conn, "BEGIN")
    found = [*_file(conn), *Walk(conn).problems()]
    query(conn, "ROLLBACK")
    return found


def _file(conn: apsw.Connection) -> Iterator[str]:
    for (line,) in query(conn, "PRAGMA integrity_check"):
        if line != "ok":
            yield f"SQLite: {line}."


class Walk:
    """One pass over the documents that gathers what the counters and the other tables must say."""

    def __init__(self, conn: apsw.Connection) -> None:
        self.conn = conn
        self.counters = Counters.load(conn)
        self.lengths: dict[int, int] = dict(query(conn, "SELECT num, length(members) FROM bodies"))
        self.owners: Counter[int] = Counter()
        self.live = 0
        self.states: Counter[int] = Counter()

    def problems(self) -> Iterator[str]:
        ids: set[str] = set()
        for row in self.conn.execute("SELECT seq, id, rev, deleted, body, size, leafs, tree FROM docs"):
            if row[1] in ids:
                yield f"Document {row[1]!r} has two rows."
            ids.add(row[1])
            yield from self._document(*row)
        yield from self._bodies()
        yield from self._blobs()
        yield from self._counters()
        yield from self._partitions()

    def _document(
        self,
        seq: int,
        doc_id: str,
        rev: str,
        deleted: int,
        body: int | None,
        size: int,
        packed_leafs: str | None,
        packed: bytes,
    ) -> Iterator[str]:
        self.states[deleted] += 1
        self.live += size
        if not 0 < seq <= self.counters.update_seq:
            yield f"Document {doc_id!r} lies at {seq}, beyond update_seq {self.counters.update_seq}."
        try:
            tree = RevTree.decode(packed)
        except Exception as error:  # a damaged tree is what this looks for
            yield f"The tree of document {doc_id!r} cannot be read: {error!r}."
            return
        leafs = tree.leafs()
        if not leafs:
            yield f"Document {doc_id!r} has no revision."
            return
        if (rev, deleted, body) != (leafs[0].rev, int(leafs[0].deleted), leafs[0].body):
            yield f"The row of document {doc_id!r} names {rev} as the winner, its tree {leafs[0].rev}."
        if packed_leafs != (pack_revs([leaf.rev for leaf in leafs]) if len(leafs) > 1 else None):
            yield f"The leafs of document {doc_id!r} are not those of its tree."
        stored = [node.body for node in tree.all_nodes() if node.body is not None]
        self.owners.update(stored)
        yield from (f"Document {doc_id!r} has no body {num}." for num in stored if num not in self.lengths)
        yield from (f"Leaf {leaf.rev} of {doc_id!r} has no body." for leaf in leafs if leaf.body is None)
        bare = sum(self.lengths.get(leaf.body or 0, 0) for leaf in leafs)
        if size not in (bare, self._size(leafs)):  # an older server did not count attachments
            yield f"The size of document {doc_id!r} is not that of its leafs."

    def _size(self, leafs: Sequence[Node]) -> int:
        return bodies.size(self.conn, [leaf.body for leaf in leafs if leaf.body is not None])

    def _bodies(self) -> Iterator[str]:
        yield from (f"Body {num} belongs to no revision." for num in self.lengths if num not in self.owners)
        yield from (f"Body {num} belongs to {n} revisions." for num, n in self.owners.items() if n > 1)
        if max(self.lengths, default=0) > self.counters.last_body:
            yield f"A body is numbered beyond last_body {self.counters.last_body}."

    def _blobs(self) -> Iterator[str]:
        expected, lengths = set(), {}
        for num, packed in self.conn.execute("SELECT num, atts FROM bodies WHERE atts NOT NULL"):
            for att in unpack_atts(packed):
                expected.add((att.key, num))
                lengths[att.key] = att.stored_length
        found = set(query(self.conn, "SELECT key, body FROM blobs"))
        yield from (f"The reference of body {num} to blob {key} is missing." for key, num in expected - found)
        yield from (f"Body {num} does not refer to blob {key}." for key, num in found - expected)
        counted, known = sum(lengths.values()), bodies.blob_bytes(self.conn)
        if known not in (None, counted):
            yield f"blob_bytes is {known}, but {counted} was counted."

    def _counters(self) -> Iterator[str]:
        counted = {
            "doc_count": self.states[0],
            "doc_del_count": self.states[1],
            "live": self.live,
            "stored": sum(self.lengths.values()),
        }
        for name, figure in counted.items():
            if getattr(self.counters, name) != figure:
                yield f"{name} is {getattr(self.counters, name)}, but {figure} was counted."

    def _partitions(self) -> Iterator[str]:
        if not query(self.conn, "SELECT 1 FROM sqlite_schema WHERE name = 'partitions'"):
            return
        said = {name: figures for name, *figures in query(self.conn, "SELECT * FROM partitions")}
        counted = {name: figures for name, *figures in query(self.conn, partitions.COUNTED)}
        for name in said.keys() | counted.keys():
            if said.get(name) != counted.get(name):
                yield f"Partition {name!r} has {counted.get(name)}, but {said.get(name)} is said."
