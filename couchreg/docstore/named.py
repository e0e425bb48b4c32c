"""A database that is held by its name rather than as it once was.

Whoever keeps a database for as long as the server runs keeps it so: an admin may delete it and make it
again at any time, and then the object that was looked up before answers nothing any more.
"""

from typing import Any, cast

from couchreg.docstore.base import Database, Store


class _Named:
    """Looks the database up for each use; raises NotFound while there is none."""

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self.name = name

    def __getattr__(self, member: str) -> Any:
        return getattr(self._store.database(self.name), member)


def named(store: Store, name: str) -> Database:
    """The database that has this name whenever something is asked of it."""
    return cast(Database, _Named(store, name))
