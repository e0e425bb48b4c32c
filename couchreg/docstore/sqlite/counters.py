"""What a database counts, in memory and in the row of `meta` written with every transaction."""

from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Final, Self

import apsw

from couchreg.docstore.sqlite.sql import query
from couchreg.errors import damaged


@dataclass(slots=True)
class Counters:
    """A transaction works on a copy, which takes the place of the old one once it is on disk."""

    doc_count: int
    doc_del_count: int
    update_seq: int
    purge_seq: int
    last_body: int  # the highest number given to a body so far
    live: int  # bytes of the bodies of leafs, with their attachments
    stored: int  # bytes of all bodies, without

    @classmethod
    def load(cls, conn: apsw.Connection) -> Self:
        rows = query(conn, _LOAD)
        if len(rows) != 1 or not all(isinstance(figure, int) for figure in rows[0]):
            raise damaged("The database file")
        return cls(*rows[0])

    def copy(self) -> Self:
        return type(self)(*_figures(self))

    def become(self, other: "Counters") -> None:
        """Take over the other's figures."""
        self.doc_count, self.doc_del_count = other.doc_count, other.doc_del_count
        self.update_seq, self.purge_seq = other.update_seq, other.purge_seq
        self.last_body, self.live, self.stored = other.last_body, other.live, other.stored

    def save(self, conn: apsw.Connection) -> None:
        query(conn, _SAVE, _figures(self))

    def count(self, was_live: bool | None, is_live: bool | None) -> None:
        """A document changed from one state to another; None: it was not, or is no more, there."""
        if was_live != is_live:
            self.doc_count += (is_live is True) - (was_live is True)
            self.doc_del_count += (is_live is False) - (was_live is False)


_NAMES: Final = tuple(field.name for field in fields(Counters))
_figures: Final = attrgetter(*_NAMES)  # a third of what dataclasses.replace() takes, twice a write
_LOAD: Final = f"SELECT {', '.join(_NAMES)} FROM meta"  # noqa: S608
_SAVE: Final = f"UPDATE meta SET {', '.join(name + ' = ?' for name in _NAMES)} WHERE one = 1"  # noqa: S608
