"""The tables of a database file, and how a connection to it is opened.

Owns the layout and SQLite's settings; DESIGN.md beside this file says why they are so. Does not own
what goes into the tables.
"""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import apsw

from couchreg.docstore.sqlite import partitions
from couchreg.docstore.sqlite.sql import SqliteConnection, query, query_each
from couchreg.errors import Failure

FORMAT: Final = 1
_APPLICATION_ID: Final = 0x636F7563  # "couc"
_WAL: Final = 2  # the read and write version of a file with a log: https://www.sqlite.org/fileformat2.html
_BUSY_MS: Final = 10_000  # only a foreign process (a backup, say) can hold a lock that long

NEW_PAGES: Final = 10  # of a file with these tables and nothing in them
TABLES: Final = """
CREATE TABLE meta (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    created REAL NOT NULL,
    doc_count INTEGER NOT NULL,
    doc_del_count INTEGER NOT NULL,
    update_seq INTEGER NOT NULL,
    purge_seq INTEGER NOT NULL,
    last_body INTEGER NOT NULL,
    live INTEGER NOT NULL,
    stored INTEGER NOT NULL
);
CREATE TABLE docs (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    rev TEXT NOT NULL,
    deleted INTEGER NOT NULL,
    body INTEGER,
    size INTEGER NOT NULL,
    leafs TEXT,
    tree BLOB NOT NULL
);
CREATE INDEX docs_by_id ON docs (id, deleted, rev);
CREATE TABLE bodies (num INTEGER PRIMARY KEY, members BLOB NOT NULL, atts BLOB);
CREATE TABLE blobs (key TEXT, body INTEGER, PRIMARY KEY (key, body)) WITHOUT ROWID;
CREATE TABLE locals (id TEXT PRIMARY KEY, n INTEGER NOT NULL, members BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE settings (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE purges (seq INTEGER PRIMARY KEY, id TEXT NOT NULL, revs TEXT NOT NULL);
INSERT INTO settings VALUES ('blob_bytes', 0);
"""


def connect(path: Path, *, query_only: bool = False) -> SqliteConnection:
    """A connection with the settings of every connection of ours; the file must exist."""
    conn = SqliteConnection(str(path), flags=apsw.SQLITE_OPEN_READWRITE, statementcachesize=100)
    try:
        conn.set_busy_timeout(_BUSY_MS)
        # Else each statement with a bound value is compiled anew at every run, in case that another plan were
        # better for it: three times the time of a read. There are no statistics that could tell.
        conn.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
        pragmas(
            conn,
            "synchronous=FULL",
            "cache_size=-4000",
            "wal_autocheckpoint=4000",  # 16 MB: a bulk load does not stop for a checkpoint at each batch
            "journal_size_limit=16777216",
        )
        if query_only:
            pragmas(conn, "query_only=ON")
    except BaseException:
        conn.close(True)
        raise
    return conn


def pragmas(conn: apsw.Connection, *texts: str) -> None:
    """Run pragmas and drain their answers: a half-read one keeps a transaction open."""
    for text in texts:
        query(conn, f"PRAGMA {text}")


def blank(settings: Mapping[str, bytes], *, partitioned: bool = False) -> bytes:
    """The bytes of a new database file, made in memory: no trouble with a disk leaves half of one."""
    conn = apsw.Connection(":memory:")
    try:
        pragmas(conn, "auto_vacuum=INCREMENTAL")
        pragmas(conn, f"application_id={_APPLICATION_ID}", f"user_version={FORMAT}")
        query(conn, TABLES)
        if partitioned:
            query(conn, partitions.TABLE)
        query(conn, "INSERT INTO meta VALUES (1, ?, 0, 0, 0, 0, 0, 0, 0)", (time.time(),))
        query_each(conn, "INSERT INTO settings VALUES (?, ?)", settings.items())
        data = bytearray(conn.serialize("main"))
    finally:
        conn.close()
    data[18:20] = bytes((_WAL, _WAL))
    return bytes(data)


def make_private(path: Path) -> None:
    """An empty file that only its owner reads, where there is none: what SQLite puts beside it is like it."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def verify(conn: apsw.Connection, name: str) -> None:
    """Refuse a file that is not ours or of another format. Raises Failure."""
    found = query(conn, "PRAGMA application_id")[0][0]
    version = query(conn, "PRAGMA user_version")[0][0]
    if found != _APPLICATION_ID or version != FORMAT:
        raise Failure(f"The file of database {name} is not a couchreg database of format {FORMAT}.")
