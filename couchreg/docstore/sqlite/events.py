"""What happened to the databases of a server, for `_db_updates`: that one was created, updated and deleted,
each at its latest place.

Creations and deletions are kept on disk, in the transaction that makes them true. Updates are in memory only;
after a restart every database counts as updated, which a follower sees as news it has to look at and never
as news it missed.
"""

from collections.abc import Iterable
from typing import Final

import apsw

from couchreg.docstore.sqlite import server
from couchreg.docstore.sqlite.server import Event

_MOST_DELETED: Final = 10_000  # deletions remembered
_BLOCK: Final = 1_000_000  # numbers reserved on disk at a time
_AHEAD: Final = 100_000  # numbers left for what happens while an event is written to disk


class EventLog:
    def __init__(self, conn: apsw.Connection, names: Iterable[str]) -> None:
        self._entries = {(event.name, event.type): event for event in server.events(conn)}
        self.seq = self._reserved = server.reserved(conn)
        self._claimed = False
        self._ahead = 0  # the last number of an event that is written to disk
        for name in sorted(names):
            self.updated(name)
        with conn:
            self.reserve(conn)

    def updated(self, name: str) -> None:
        self.seq += 1
        self._put(Event(self.seq, name, "updated"))

    def next(self, name: str, kind: str) -> Event:
        """A creation or a deletion that is to be written to disk. Its number leaves room for what happens
        meanwhile, so that what is on disk is what is told."""
        self._ahead = max(self.seq + _AHEAD, self._ahead + 1)
        return Event(self._ahead, name, kind)

    def save(self, conn: apsw.Connection, event: Event) -> None:
        """Part of the transaction that makes it true."""
        server.record(conn, event, _MOST_DELETED)
        server.reserve(conn, event.seq + _BLOCK)

    def happened(self, event: Event) -> None:
        """It is on disk: tell of it."""
        self.seq = max(self.seq + 1, event.seq)
        self._reserved = max(self._reserved, event.seq + _BLOCK)
        self._put(event._replace(seq=self.seq))
        if event.type == "deleted":
            self._forget_deleted()

    def since(self, seq: int) -> list[Event]:
        """Those after `seq`, oldest first. Reads backwards, so that the usual few cost little."""
        found = []
        for event in reversed(self._entries.values()):
            if event.seq <= seq:
                break
            found.append(event)
        return found[::-1]

    def claim_more(self) -> bool:
        """Whether it is time to `reserve` more numbers; True once for each time."""
        due = not self._claimed and self.seq + _BLOCK // 2 > self._reserved
        self._claimed = self._claimed or due
        return due

    def reserve(self, conn: apsw.Connection) -> None:
        """Promise on disk that no later start gives these numbers again."""
        reserved = self.seq + _BLOCK
        server.reserve(conn, reserved)
        self._reserved = reserved
        self._claimed = False

    def _put(self, event: Event) -> None:
        self._entries.pop((event.name, event.type), None)
        self._entries[event.name, event.type] = event

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
