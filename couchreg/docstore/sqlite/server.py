"""`server.sqlite`: what belongs to the server rather than to a database.

Its identity, its configuration, which databases there are (`roster`), and the events behind `_db_updates`
that must survive a restart. Synchronous functions of a connection.
"""

import uuid
from pathlib import Path
from typing import Final, NamedTuple

import apsw

from couchreg.docstore.sqlite import roster, schema
from couchreg.docstore.sqlite.sql import SqliteConnection, query
from couchreg.errors import Failure

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS identity (one INTEGER PRIMARY KEY CHECK (one = 1), uuid TEXT, events_seq INTEGER);
CREATE TABLE IF NOT EXISTS config (
    section TEXT, key TEXT, value TEXT NOT NULL, PRIMARY KEY (section, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS happened (
    name TEXT, type TEXT, seq INTEGER NOT NULL, PRIMARY KEY (name, type)
) WITHOUT ROWID;
"""

_FORGET_CREATED: Final = """
DELETE FROM happened WHERE type = 'created' AND EXISTS (
    SELECT 1 FROM happened gone
    WHERE gone.name = happened.name AND gone.type = 'deleted' AND gone.seq BETWEEN happened.seq AND ?
)
"""


class Event(NamedTuple):
    """When a database was last "created", "updated" or "deleted"."""

    seq: int
    name: str
    type: str


def open_server(path: Path) -> apsw.Connection:
    """Open the file, made when absent. Raises Failure for one that cannot be used."""
    schema.make_private(path)
    conn = SqliteConnection(str(path))
    try:
        schema.pragmas(conn, "journal_mode=WAL", "synchronous=FULL")
        with conn:
            query(conn, _TABLES)
            _take_over(conn)
            query(conn, roster.TABLES)
            query(conn, "INSERT OR IGNORE INTO identity VALUES (1, ?, 0)", (uuid.uuid4().hex,))
        if query(conn, "PRAGMA quick_check(1)") != [("ok",)]:  # it is small, and all that follows rests on it
            raise apsw.CorruptError("quick_check")
    except apsw.Error as error:
        conn.close()
        raise Failure(f"The file {path.name} is damaged or cannot be written ({error}).") from error
    return conn


def _take_over(conn: apsw.Connection) -> None:
    """The events of a file in which a database had only its last one."""
    if query(conn, "SELECT 1 FROM sqlite_schema WHERE name = 'events'"):
        query(conn, "INSERT OR IGNORE INTO happened SELECT name, type, seq FROM events")
        query(conn, "DROP TABLE events")


def identity(conn: apsw.Connection) -> str:
    return str(query(conn, "SELECT uuid FROM identity")[0][0])


def set_identity(conn: apsw.Connection, uuid: str) -> None:
    query(conn, "UPDATE identity SET uuid = ?", (uuid,))


# -- configuration
def config(conn: apsw.Connection) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for section, key, value in query(conn, "SELECT section, key, value FROM config"):
        found.setdefault(section, {})[key] = value
    return found


def set_config(conn: apsw.Connection, section: str, key: str, value: str | None) -> None:
    if value is None:
        query(conn, "DELETE FROM config WHERE section = ? AND key = ?", (section, key))
    else:
        query(
            conn,
            "INSERT INTO config VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET value = ?3",
            (section, key, value),
        )


# -- events
def events(conn: apsw.Connection) -> list[Event]:
    """Creations and deletions, oldest first."""
    rows = query(conn, "SELECT seq, name, type FROM happened ORDER BY seq")
    return [Event(*row) for row in rows]


def reserve(conn: apsw.Connection, seq: int) -> None:
    """Promise that no later start of the server gives a number up to `seq` again."""
    query(conn, "UPDATE identity SET events_seq = max(events_seq, ?)", (seq,))


def reserved(conn: apsw.Connection) -> int:
    return int(query(conn, "SELECT events_seq FROM identity")[0][0])


def record(conn: apsw.Connection, event: Event, most: int) -> None:
    """Keep an event in the place of the database's last one of its kind. Only the latest `most` deletions
    are kept, and of other deleted databases nothing."""
    query(
        conn,
        "INSERT INTO happened VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET seq = ?3",
        (event.name, event.type, event.seq),
    )
    text = "SELECT seq FROM happened WHERE type = 'deleted' ORDER BY seq DESC LIMIT 1 OFFSET ?"
    for (seq,) in query(conn, text, (most,)):
        query(conn, _FORGET_CREATED, (seq,))
        query(conn, "DELETE FROM happened WHERE type = 'deleted' AND seq <= ?", (seq,))
