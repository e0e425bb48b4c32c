"""`server.sqlite`: what belongs to the server rather than to a database.

Its identity, its configuration, and the events behind `_db_updates` that must survive a restart.
Synchronous functions of a connection.
"""

import uuid
from pathlib import Path
from typing import Final

import apsw

from couchreg.docstore.base import DatabaseEvent
from couchreg.docstore.sqlite import schema

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS identity (one INTEGER PRIMARY KEY CHECK (one = 1), uuid TEXT, events_seq INTEGER);
CREATE TABLE IF NOT EXISTS config (
    section TEXT, key TEXT, value TEXT NOT NULL, PRIMARY KEY (section, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS events (name TEXT PRIMARY KEY, seq INTEGER NOT NULL, type TEXT NOT NULL);
"""


def open_server(path: Path) -> apsw.Connection:
    """Open the file, made when absent."""
    conn = apsw.Connection(str(path))
    schema.pragmas(conn, "journal_mode=WAL", "synchronous=FULL")
    with conn:
        conn.execute(_TABLES).fetchall()
        conn.execute("INSERT OR IGNORE INTO identity VALUES (1, ?, 0)", (uuid.uuid4().hex,)).fetchall()
    return conn


def identity(conn: apsw.Connection) -> str:
    return str(conn.execute("SELECT uuid FROM identity").fetchall()[0][0])


# -- configuration
def config(conn: apsw.Connection) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for section, key, value in conn.execute("SELECT section, key, value FROM config").fetchall():
        found.setdefault(section, {})[key] = value
    return found


def set_config(conn: apsw.Connection, section: str, key: str, value: str | None) -> None:
    if value is None:
        conn.execute("DELETE FROM config WHERE section = ? AND key = ?", (section, key)).fetchall()
    else:
        conn.execute(
            "INSERT INTO config VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET value = ?3", (section, key, value)
        ).fetchall()


# -- events
def events(conn: apsw.Connection) -> list[DatabaseEvent]:
    """Creations and deletions, oldest first."""
    rows = conn.execute("SELECT seq, name, type FROM events ORDER BY seq").fetchall()
    return [DatabaseEvent(*row) for row in rows]


def reserve(conn: apsw.Connection, seq: int) -> None:
    """Promise that no later start of the server gives a number up to `seq` again."""
    conn.execute("UPDATE identity SET events_seq = max(events_seq, ?)", (seq,)).fetchall()


def reserved(conn: apsw.Connection) -> int:
    return int(conn.execute("SELECT events_seq FROM identity").fetchall()[0][0])


def record(conn: apsw.Connection, event: DatabaseEvent, most: int) -> None:
    """Keep an event in the place of the database's last one; of deletions only the latest `most`."""
    conn.execute(
        "INSERT INTO events VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET seq = ?2, type = ?3",
        (event.name, event.seq, event.type),
    ).fetchall()
    conn.execute(
        "DELETE FROM events WHERE type = 'deleted' AND seq <= coalesce("
        "(SELECT seq FROM events WHERE type = 'deleted' ORDER BY seq DESC LIMIT 1 OFFSET ?), 0)",
        (most,),
    ).fetchall()
