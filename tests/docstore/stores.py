"""Every store that the suite of the port runs over, by name: the engines, and what may stand before one."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from couchreg.docstore.base import Database, Setting, Store
from couchreg.docstore.named import NamedDatabase
from couchreg.docstore.proxy import DatabaseProxy, StoreProxy
from couchreg.docstore.sqlite import SqliteStore

Settings = Mapping[Setting, Any] | None

CORE = (
    "update_seq",
    "parse_since",
    "wait",
    "info",
    "tree",
    "revision",
    "revisions",
    "open_revs",
    "winners",
    "all_docs",
    "changes",
    "pending",
    "update",
    "missing_revs",
    "local",
    "update_local",
    "setting",
    "set_setting",
)


class ProxiedStore(StoreProxy):
    """Each database stands behind two proxies."""

    async def create(self, name: str, settings: Settings = None) -> Database:
        return DatabaseProxy(DatabaseProxy(await self.inner.create(name, settings)))

    async def open(self, name: str) -> Database:
        return DatabaseProxy(DatabaseProxy(await self.inner.open(name)))


class NamingStore(StoreProxy):
    """Each database is held by its name."""

    async def create(self, name: str, settings: Settings = None) -> Database:
        await self.inner.create(name, settings)
        return NamedDatabase(self.inner, name)

    async def open(self, name: str) -> Database:
        await self.inner.open(name)
        return NamedDatabase(self.inner, name)


class _Gates:
    def __init__(self, database: Database) -> None:
        self.name = database.name
        self._database = database

    async def reading(self) -> Database:
        return self._database

    writing = reading


_Core: Any = type("_Core", (_Gates,), {name: vars(DatabaseProxy)[name] for name in CORE})


def core_of(database: Database) -> Database:
    """A database with what every store has, and nothing else."""
    return cast(Database, _Core(database))


class CoreStore(StoreProxy):
    """A store without any of the optional parts."""

    async def create(self, name: str, settings: Settings = None) -> Database:
        return core_of(await self.inner.create(name, settings))

    async def open(self, name: str) -> Database:
        return core_of(await self.inner.open(name))


STORES: Mapping[str, Callable[[Path], Store]] = {
    "sqlite": SqliteStore,
    "proxied": lambda folder: ProxiedStore(SqliteStore(folder)),
    "named": lambda folder: NamingStore(SqliteStore(folder)),
}
