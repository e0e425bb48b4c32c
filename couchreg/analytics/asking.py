"""Statements asked of tables: what one asks for, and its answer from a child that has nothing but those
tables.

A statement is read by one child that runs nothing and lives long, and answered by another that lives as
long as the answer. Who may ask for which package is the door's to say, between the two.
"""

import hashlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from couchreg.analytics.answering import Answering, AskingLimits, NamedTable, resource_called
from couchreg.analytics.copies import TableCopies
from couchreg.analytics.cubing import Cubing
from couchreg.analytics.pinning import PinnedPlace, pinned
from couchreg.analytics.reading import StatementReader, line_of
from couchreg.analytics.tables import Tables
from couchreg.analytics.viewing import Viewing
from couchreg.errors import BadRequest, BadStatement, NotFound
from couchreg.model import json
from couchreg.package.names import is_package_name, split_wanted
from couchreg.registry.reading.catalog import Catalog, Room

MOST_TABLES = 32  # of one statement
May = Callable[[str], None]  # is given a package's name, and raises for one that is not to be asked


@dataclass(frozen=True, slots=True)
class Question:
    """A statement that may be asked; `sql` is what is run, `volatile` whether its answer may differ each
    time."""

    sql: str
    tables: Sequence[NamedTable]
    volatile: bool
    pinned: str | None = None  # the same of the versions that it is about now, where it can be said so

    @property
    def is_pinned(self) -> bool:
        return all(wanted.pinned for wanted in self.tables)

    def tag(self, *more: Any) -> str:
        """Names the answer: equal for equal statements over equal tables."""
        state = [self.sql, [[item.schema, item.name, item.table.sha256] for item in self.tables], *more]
        return hashlib.sha256(json.encode(state)).hexdigest()[:32]


def _exact(wanted: NamedTable) -> str:
    return f"{wanted.table.name}@{wanted.table.version}"


class Asking:
    """Whoever makes it calls `start` and `close`. `viewing`: pages and statistics of single tables; `cubing`:
    aggregates."""

    def __init__(self, tables: Tables, catalog: Catalog, copies: TableCopies, limits: AskingLimits) -> None:
        self.answering = Answering(tables, catalog, copies, limits)
        self.viewing = Viewing(self.answering)
        self.cubing = Cubing(self.answering)
        self._reader = StatementReader(self.answering.forks)

    async def start(self) -> None:
        """Returns at once: what is needed is imported meanwhile."""
        await self.answering.start()

    async def close(self) -> None:
        """Whoever waits for an answer gets Unavailable."""
        await self._reader.close()
        await self.viewing.close()
        await self.answering.close()

    async def read(self, sql: str, may: May, room: Room) -> Question:
        """What a statement asks for. `may` is called with the name of each package, and raises for those
        that are not to be asked. Raises BadStatement, NotFound for unknown tables, Unavailable for those
        that are being made."""
        found = await self._reader.read(sql)
        if len(found["tables"]) > MOST_TABLES:
            raise BadStatement(f"A statement asks {MOST_TABLES} tables at most.")
        wanted: dict[tuple[str, str], NamedTable] = {}
        for schema, name, place in found["tables"]:
            try:
                one = await self._one(schema, name, may, room)
            except (NotFound, BadRequest) as error:
                raise BadStatement(error.reason, *line_of(sql, place)) from None
            known = wanted.setdefault((schema.casefold(), name.casefold()), one)
            if known.table.key != one.table.key:
                raise BadStatement(f"{schema}.{name} differs from another table in capitals only.")
        prefix = "EXPLAIN ANALYZE " if found["analyze"] else "EXPLAIN " if found["explain"] else ""
        volatile = found["volatile"] or found["analyze"]
        places = [
            PinnedPlace(place, schema, name, _exact(wanted[schema.casefold(), name.casefold()]))
            for schema, name, place in found["named"]
        ]
        lasting = None if volatile else pinned(found["inner"], places)
        tables = list(wanted.values())
        return Question(prefix + found["inner"], tables, volatile, lasting and prefix + lasting)

    async def _one(self, schema: str, name: str, may: May, room: Room) -> NamedTable:
        package, version = split_wanted(schema)
        if not is_package_name(package):
            raise NotFound(
                f'{package[:200]!r} is not a package: write package.table, or "package@version".table.'
            )
        may(package)
        found = await self.answering.version(package, version, room)
        resource = resource_called(name, found.resources)
        if resource is None:
            listed = ", ".join(list(found.resources)[:10])
            which = f"{package} {found.version}"
            raise NotFound(f"{which} has no table {name[:200]!r}; its resources: {listed}.")
        ready = await self.answering.tables.ready(found, resource)
        return NamedTable(schema, name, ready, found.version == version)

    @asynccontextmanager
    async def answer(
        self,
        question: Question,
        *,
        parameters: Mapping[str, Any] | Sequence[Any],
        format: str,
        size: int,
        skip: int,
        askers: Sequence[str],
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The body of the answer, in pieces. Raises as `Answering.run`."""
        job = {
            "sql": question.sql,
            "parameters": parameters,
            "format": format,
            "size": size,
            "skip": skip,
        }
        async with self.answering.run(question.tables, job, askers) as parts:
            yield parts
