"""A database that is held by its name rather than as it once was.

Whoever keeps a database for as long as the server runs keeps it so: an admin may delete it and make it
again at any time, and then the object that was opened before answers nothing any more.
"""

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
