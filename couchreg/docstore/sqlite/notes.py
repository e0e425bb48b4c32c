"""The server's notes beside a database: rows of its file's `settings`, under names that no setting has.

They share the file, and so the transactions, of the documents that they speak of; unlike settings they are
read when they are asked for, for there may be one for each user.
"""

from collections.abc import Awaitable, Callable, Hashable
from typing import Any

import apsw

from couchreg.docstore.base import SETTINGS
from couchreg.docstore.notes import NoteChange
from couchreg.docstore.sqlite import other_writes
from couchreg.docstore.sqlite.sql import query
from couchreg.model import json

Change = Callable[[apsw.Connection], None]


class SqliteNotes:
    """`reader` gives the connection for reads, `write` does a change in a transaction."""

    def __init__(
        self, reader: Callable[[], apsw.Connection], write: Callable[[Change], Awaitable[None]]
    ) -> None:
        self._reader = reader
        self._write = write

    async def read(self, name: str) -> Any:
        _checked(name)
        try:
            rows = query(self._reader(), "SELECT value FROM settings WHERE name = ?", (name,))
        except UnicodeEncodeError:  # what a name from outside is made into may be no UTF-8
            return None
        return json.decode(rows[0][0]) if rows else None

    async def names(self, front: str) -> list[str]:
        text = "SELECT name FROM settings WHERE substr(name, 1, ?) = ? ORDER BY name"
        found = query(self._reader(), text, (len(front), front))
        return [name for (name,) in found if name not in SETTINGS]

    async def write(self, name: str, value: Any) -> None:
        _checked(name)
        if value is None:
            await self._write(lambda conn: other_writes.remove_setting(conn, name))
        else:
            text = json.encode(value)
            await self._write(lambda conn: other_writes.set_setting(conn, name, text))

    async def change(self, name: str, change: NoteChange) -> Any:
        """Read and written in one transaction."""
        _checked(name)
        found: list[Any] = []

        def write(conn: apsw.Connection) -> None:
            rows = query(conn, "SELECT value FROM settings WHERE name = ?", (name,))
            before = json.decode(rows[0][0]) if rows else None
            after = change(before)
            found.append(after)
            if after is None:
                other_writes.remove_setting(conn, name)
            elif after != before:
                other_writes.set_setting(conn, name, json.encode(after))

        await self._write(write)
        return found[-1]

    async def all(self, front: str) -> dict[str, Any]:
        text = "SELECT name, value FROM settings WHERE substr(name, 1, ?) = ? ORDER BY name"
        found = query(self._reader(), text, (len(front), front))
        return {name: json.decode(value) for name, value in found if name not in SETTINGS}

    async def state(self, kind: str) -> Hashable:
        """No other process writes them."""
        return None


def _checked(name: str) -> None:
    if name in SETTINGS:
        raise ValueError(f"{name} is a setting of the database")
