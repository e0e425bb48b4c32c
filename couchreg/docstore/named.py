"""A database, and the notes beside it, held by its name rather than as it once was.

Whoever keeps a database for as long as the server runs keeps it so: an admin may delete it and make it
again at any time, and then the object that was opened before answers nothing any more.
"""

from typing import Any

from couchreg.docstore.base import Database, Store
from couchreg.docstore.proxy import DatabaseProxy


class NamedDatabase(DatabaseProxy):
    """The database of this name whenever something is asked of it. Raises NotFound while there is none."""

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self.name = name

    async def reading(self) -> Database:
        return await self._store.open(self.name)

    async def writing(self) -> Database:
        return await self._store.open(self.name)


class NamedNotes:
    """The notes beside the database of this name. Raises NotFound while there is none."""

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self._name = name

    async def read(self, note: str) -> Any:
        return await (await self._store.notes(self._name)).read(note)

    async def write(self, note: str, value: Any) -> None:
        await (await self._store.notes(self._name)).write(note, value)
