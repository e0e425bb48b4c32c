"""What stands before the databases of a store, one layer before the other: put on when a database is first
asked for, and not looked for again at every request.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from couchreg.docstore.base import Config, Database, Setting, Store
from couchreg.docstore.proxy import StoreProxy


class Layer(Protocol):
    """What puts something before databases, or leaves them as they are: always the same for one name."""

    def before(self, database: Database) -> Database: ...

    def changed(self, name: str) -> None:
        """The database of this name may have been made, or deleted."""


NO_CONFIG: Config = {}


def unconfigured() -> Config:
    return NO_CONFIG


class LayeredStore(StoreProxy):
    """A `Store` whose databases are seen through layers; the last one is asked first. They are put on anew
    when `config` gives another configuration."""

    def __init__(self, inner: Store, *layers: Layer, config: Callable[[], Config] = unconfigured) -> None:
        super().__init__(inner)
        self._layers = layers
        self._known: dict[str, tuple[Database, Database]] = {}  # as the store has it, and as it is seen
        self._config, self._seen = config, config()

    async def open(self, name: str) -> Database:
        database = await self.inner.open(name)
        config = self._config()
        if config is not self._seen:
            if config != self._seen:
                self._known.clear()
            self._seen = config
        known = self._known.get(name)
        if known is None or known[0] is not database:
            known = self._known[name] = (database, self._before(database))
        return known[1]

    async def create(self, name: str, settings: Mapping[Setting, Any] | None = None) -> Database:
        try:
            return self._before(await self.inner.create(name, settings))
        finally:
            self._changed(name)

    async def delete(self, name: str) -> None:
        try:
            await self.inner.delete(name)
        finally:
            self._changed(name)

    def _before(self, database: Database) -> Database:
        for layer in self._layers:
            database = layer.before(database)
        return database

    def _changed(self, name: str) -> None:
        self._known.pop(name, None)
        for layer in self._layers:
            layer.changed(name)
