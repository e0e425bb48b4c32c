"""What happened to the databases of a server, for `_db_updates`: that one was created, updated and deleted,
each at its latest place.

Creations and deletions are kept on disk. Updates are in memory only; after a restart every database
counts as updated, which a follower sees as news it has to look at and never as news it missed.
"""

from collections.abc import Iterable
from typing import Final

import apsw

from couchreg.docstore.sqlite import server
from couchreg.docstore.sqlite.server import Event

_MOST_DELETED: Final = 10_000  # deletions remembered
_BLOCK: Final = 1_000_000  # numbers reserved on disk at a time


class Events:
    def __init__(self, conn: apsw.Connection, names: Iterable[str]) -> None:
        self._conn = conn
        self._entries = {(event.name, event.type): event for event in server.events(conn)}
        self.seq = self._reserved = server.reserved(conn)
        for name in sorted(names):
            self.updated(name)

    def updated(self, name: str) -> None:
        self._put(name, "updated")

    def lasting(self, name: str, kind: str) -> None:
        """A creation or a deletion: on disk before this returns."""
        with self._conn:
            server.record(self._conn, self._put(name, kind), _MOST_DELETED)
        if kind == "deleted":
            self._forget_deleted()

    def since(self, seq: int) -> list[Event]:
        """Those after `seq`, oldest first. Reads backwards, so that the usual few cost little."""
        found = []
        for event in reversed(self._entries.values()):
            if event.seq <= seq:
                break
            found.append(event)
        return found[::-1]

    def _put(self, name: str, kind: str) -> Event:
        self.seq += 1
        if self.seq > self._reserved:
            self._reserved = self.seq + _BLOCK
            server.reserve(self._conn, self._reserved)
        self._entries.pop((name, kind), None)
        event = self._entries[name, kind] = Event(self.seq, name, kind)
        return event

    def _forget_deleted(self) -> None:
        deleted = [event.name for event in self._entries.values() if event.type == "deleted"]
        for name in deleted[:-_MOST_DELETED]:
            self._forget(name)

    def _forget(self, name: str) -> None:
        """The deletion, and what was before it."""
        deleted = self._entries.pop((name, "deleted"))
        for kind in ("created", "updated"):
            event = self._entries.get((name, kind))
            if event is not None and event.seq < deleted.seq:
                del self._entries[name, kind]
