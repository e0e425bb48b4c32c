"""Cubes, which are tables with a model, and what is asked of them.

A cube is called `package:table`, of the latest version, or `package@version:table`. Without a table it is the
one that is called like the package, or the only one there is.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from couchreg.analytics.answering import Answering, NamedTable, resource_called
from couchreg.analytics.cubes.models import columns_of, foreign_keys, model_of
from couchreg.analytics.cubes.questions import SCHEMA, Cube, Statements
from couchreg.analytics.ledger import FAILED, Table
from couchreg.errors import NotFound
from couchreg.model import json
from couchreg.package.names import split_wanted
from couchreg.registry.reading.catalog import Room, Version

_MAPPINGS = ("model", "mapping")  # of Fiscal Data Packages, the later and the earlier one


class FoundCube(NamedTuple):
    """A cube with its tables: that of the facts, then those that are joined to it, in the order of the
    model's joins. `pinned`: its name says which version."""

    cube: Cube
    tables: Sequence[Table]
    pinned: bool

    @property
    def state(self) -> list[str]:
        """The same as long as nothing has changed."""
        return [table.sha256 for table in self.tables]


class Cubing:
    def __init__(self, answering: Answering) -> None:
        self._answering = answering

    async def find(self, name: str, room: Room) -> FoundCube:
        """Raises NotFound, Unavailable."""
        dataset, colon, wanted = name.partition(":")
        package, version = split_wanted(dataset)
        found = await self._answering.version(package, version, room)
        tables = {table.resource: table for table in await self._answering.tables.of(found)}
        resource = resource_called(wanted if colon else package, tables)
        if not colon and resource is None and len(tables) == 1:
            [resource] = tables
        if resource is None:
            listed = ", ".join(f"{dataset}:{one}" for one in list(tables)[:10])
            raise NotFound(f"There is no cube {name[:200]!r}. Those of the package: {listed or 'none'}.")
        table = self._answering.tables.check_ready(tables[resource])
        return await self._modelled(found, table, tables, found.version == version)

    async def _modelled(
        self, version: Version, table: Table, tables: Mapping[str, Table], pinned: bool
    ) -> FoundCube:
        schema = await self._answering.tables.schema(version, version.resources[table.resource])
        others: dict[str, Table] = {}
        for _, other, _ in foreign_keys(schema):
            if other in tables and other != table.resource and tables[other].state != FAILED:
                others[other] = self._answering.tables.check_ready(tables[other])
        joined = {name: json.decode(other.columns) for name, other in others.items()}
        mapping = next((item for item in map(version.document.get, _MAPPINGS) if isinstance(item, dict)), {})
        model = model_of(table.resource, schema, mapping, columns_of(json.decode(table.columns)), joined)
        used = [others[join.resource] for join in model.joins]
        return FoundCube(Cube(model), [table, *used], pinned)

    async def names(self, after: str, limit: int) -> tuple[list[str], str | None]:
        """The cubes of the latest versions of so many packages, in their order, behind the package `after`;
        and the package to go on behind, None at the end. No descriptor is read for it: one may be large, and
        an answer has a place for few of these."""
        while True:
            packages = await self._answering.tables.names(after, limit)
            found: list[str] = []
            there: str | None = None  # the last one that is there for the one who asks
            for package in packages:
                try:
                    version, rev = await self._answering.catalog.point(package)
                except NotFound:
                    continue  # deleted: the follower is about to say so
                tables = await self._answering.tables.ready_of(package, version, rev)
                found += [f"{package}:{table.resource}" for table in tables]
                there = package
            if len(packages) < limit or not limit:
                return found, None
            if there is not None:
                return found, there
            after = packages[-1]

    @asynccontextmanager
    async def page(
        self,
        found: FoundCube,
        asked: Statements,
        shape: Mapping[str, Any],
        askers: Sequence[str],
        *,
        simple: bool = False,
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The answer, in pieces; `shape` has `form`, `head`, `name` and `counted`, the name of the number of
        all rows. With `simple` nothing is counted or summed up. Raises as `Answering.run`."""
        page = {
            "form": shape["form"],
            "head": shape["head"],
            "name": shape["name"],
            "rows": _statement(asked.rows),
            "count": None if simple else {"name": shape["counted"], **_statement(asked.count)},
            "summary": None if simple or asked.summary is None else _statement(asked.summary),
            "tail": {},
            "most": None,
        }
        tables = [NamedTable(SCHEMA, "t0", found.tables[0], pinned=True)]
        tables += [
            NamedTable(SCHEMA, f"t{number}", found.tables[number], pinned=True) for number in asked.joins
        ]
        async with self._answering.run(tables, {"page": page}, askers) as parts:
            yield parts

    async def cardinalities(self, found: FoundCube, askers: Sequence[str]) -> Mapping[str, int]:
        """About how many values there are, by the references of attributes. Raises as `Answering.run`."""
        shape = {"form": "cells", "head": {}, "name": "rows", "counted": ""}
        asked, body = found.cube.cardinalities(), b""
        async with self.page(found, asked, shape, askers, simple=True) as parts:
            while part := await self._answering.told(anext(parts, b"")):
                body += part
        counted: Mapping[str, int] = json.decode(body)["rows"][0]
        return counted


def _statement(sql: str) -> dict[str, Any]:
    return {"sql": sql, "parameters": None}
