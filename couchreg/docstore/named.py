"""A database, and the notes beside it, held by its name rather than as it once was.

Whoever keeps a database for as long as the server runs keeps it so: an admin may delete it and make it
again at any time, and then the object that was opened before answers nothing any more.
"""

from collections.abc import Hashable
from contextlib import suppress
from typing import Any

from couchreg.docstore.base import Database, Seq, Store
from couchreg.docstore.notes import NoteChange
from couchreg.docstore.proxy import DatabaseProxy
from couchreg.errors import NotFound


class NamedDatabase(DatabaseProxy):
    """The database of this name whenever something is asked of it. Raises NotFound while there is none."""

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self.name = name
        self._last: Database | None = None  # which it was when it was last asked for

    async def update_seq(self) -> Seq:
        """Asked several times a request, so it is not looked for: whichever has gone says so itself."""
        if self._last is not None:
            with suppress(NotFound):
                return await self._last.update_seq()
        return await (await self.reading()).update_seq()

    async def reading(self) -> Database:
        self._last = await self._store.open(self.name)
        return self._last

    async def writing(self) -> Database:
        return await self._store.open(self.name)


class NamedNotes:
    """The notes beside the database of this name. Raises NotFound while there is none."""

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self._name = name

    async def read(self, note: str) -> Any:
        return await (await self._store.notes(self._name)).read(note)

    async def names(self, front: str) -> list[str]:
        return await (await self._store.notes(self._name)).names(front)

    async def write(self, note: str, value: Any) -> None:
        await (await self._store.notes(self._name)).write(note, value)

    async def change(self, note: str, change: NoteChange) -> Any:
        return await (await self._store.notes(self._name)).change(note, change)

    async def state(self, kind: str) -> Hashable:
        return await (await self._store.notes(self._name)).state(kind)

    async def all(self, front: str) -> dict[str, Any]:
        return await (await self._store.notes(self._name)).all(front)
