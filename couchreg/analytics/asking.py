"""Statements asked of tables: what one asks for, and its answer from a child that has nothing but those
tables.

A statement is read by one child that runs nothing and lives long, and answered by another that lives as
long as the answer. Who may ask for which package is the door's to say, between the two.
"""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from couchreg.analytics.copies import Copies
from couchreg.analytics.ledger import Table
from couchreg.analytics.reading import MACHINE, Reader, line_of
from couchreg.analytics.tables import Tables
from couchreg.errors import BadRequest, BadStatement, NotFound, Unavailable
from couchreg.model import json
from couchreg.package.names import is_package_name
from couchreg.registry.reading.catalog import Catalog, Room
from couchreg.sandbox.ending import Cause, Stopped
from couchreg.sandbox.forks import ForkServer
from couchreg.sandbox.kinds import Grant, Kind, Limits
from couchreg.sandbox.pool import Pool

WORKER = "couchreg.analytics.inside.asking"
MOST_TABLES = 32  # of one statement
May = Callable[[str], None]  # is given a package's name, and raises for one that is not to be asked


@dataclass(frozen=True, slots=True)
class AskingLimits:
    """What one statement may use, and how many are answered and wait at once."""

    cpu_seconds: float = 10
    seconds: float = 60  # of waiting for it; the machine may have other work
    memory: int = 3 << 30  # bytes of address space, of which libraries take a third
    data: int = 1 << 30  # bytes of memory for tables under way
    places: int = 2  # of which one asker has one
    waiting: int = 32
    waiting_of_one: int = 4

    @property
    def of_child(self) -> Limits:
        return Limits(
            seconds=self.seconds,
            cpu_seconds=self.cpu_seconds,
            memory=self.memory,
            file_size=64 << 20,
            message=16 << 20,
        )


class Wanted(NamedTuple):
    """A table as a statement names it, and the one that this is. `pinned`: the name says which version."""

    schema: str
    name: str
    table: Table
    pinned: bool


@dataclass(frozen=True, slots=True)
class Question:
    """A statement that may be asked; `sql` is what is run, `volatile` whether its answer may differ each
    time."""

    sql: str
    tables: Sequence[Wanted]
    volatile: bool

    @property
    def is_pinned(self) -> bool:
        return all(wanted.pinned for wanted in self.tables)

    def tag(self, *more: Any) -> str:
        """Names the answer: equal for equal statements over equal tables."""
        state = [self.sql, [[item.schema, item.name, item.table.sha256] for item in self.tables], *more]
        return hashlib.sha256(json.encode(state)).hexdigest()[:32]


class Asking:
    """`start` and `close` are the owner's."""

    def __init__(self, tables: Tables, catalog: Catalog, copies: Copies, limits: AskingLimits) -> None:
        self._tables, self._catalog, self._copies = tables, catalog, copies
        self.limits = limits
        self._forks = ForkServer((Reader.WORKER, WORKER))
        self._reader = Reader(self._forks)
        kind = Kind(
            "questions",
            WORKER,
            limits.of_child,
            places=limits.places,
            waiting=limits.waiting,
            waiting_of_one=limits.waiting_of_one,
            spares=1,
            retry_after=2,
        )
        self._pool = Pool(kind, self._forks)

    async def start(self) -> None:
        """Returns at once: what is needed is imported meanwhile."""
        await self._pool.start()

    async def close(self) -> None:
        """Whoever waits for an answer gets Unavailable."""
        await self._reader.close()
        await self._pool.close()
        await self._forks.close()

    async def read(self, sql: str, may: May, room: Room) -> Question:
        """What a statement asks for. `may` is called with the name of each package, and raises for those
        that are not to be asked. Raises BadStatement, NotFound for unknown tables, Unavailable for those
        that are being made."""
        found = await self._reader.read(sql)
        if len(found["tables"]) > MOST_TABLES:
            raise BadStatement(f"A statement asks {MOST_TABLES} tables at most.")
        wanted: dict[tuple[str, str], Wanted] = {}
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
        return Question(prefix + found["inner"], list(wanted.values()), volatile)

    async def _one(self, schema: str, name: str, may: May, room: Room) -> Wanted:
        package, at, version = schema.partition("@")
        if not is_package_name(package):
            raise NotFound(
                f'{package[:200]!r} is no package: write package.table, or "package@version".table.'
            )
        may(package)
        exact, _ = await self._point(package, version if at else "latest")
        found = await self._catalog.version(package, exact, room=room)
        resource = _resource(name, found.resources)
        if resource is None:
            listed = ", ".join(list(found.resources)[:10])
            raise NotFound(f"{package} {exact} has no table {name[:200]!r}; its resources: {listed}.")
        return Wanted(schema, name, await self._tables.ready(found, resource), exact == version)

    async def _point(self, package: str, version: str) -> tuple[str, str]:
        """A version, a dist-tag, or a range."""
        try:
            return await self._catalog.point(package, version)
        except NotFound:
            return await self._catalog.resolve(package, version), ""

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
        """The body of the answer, in pieces. Raises BadStatement, TooManyRequests, Unavailable before the
        first; what is raised later breaks an answer off."""
        async with AsyncExitStack() as stack:
            tables, paths = [], []
            for wanted in question.tables:
                try:
                    path = await stack.enter_async_context(self._copies.take(wanted.table))
                except NotFound:
                    await self._tables.missing(wanted.table)
                    raise Unavailable("A table has gone and is made again.", retry_after=5) from None
                tables.append({"schema": wanted.schema, "table": wanted.name, "path": str(path.resolve())})
                paths.append(path)
            job = {
                "tables": _distinct(tables),
                "sql": question.sql,
                "parameters": parameters,
                "format": format,
                "size": size,
                "skip": skip,
                "memory": self.limits.data,
            }
            session = await stack.enter_async_context(
                self._pool.session(*askers, grant=Grant(read=[*MACHINE, *paths]))
            )
            parts = session.stream(json.encode(job))
            stack.push_async_callback(parts.aclose)
            first = await self.told(anext(parts))
            head = json.decode(first)
            if "error" in head:
                raise BadStatement(head["error"], *(head["place"] or ()))
            yield parts

    async def told(self, first: Awaitable[bytes]) -> bytes:
        try:
            return await first
        except Stopped as stopped:
            raise self.stopped(stopped) from stopped

    def stopped(self, stopped: Stopped) -> BadStatement:
        """Why there is no answer, or no more of it."""
        limits = self.limits
        used = {
            Cause.CPU: f"takes more than {limits.cpu_seconds:.4g} s of CPU time",
            Cause.TIME: f"takes longer than {limits.seconds:.4g} s",
            Cause.MEMORY: f"needs more than {limits.data >> 20} MiB of memory",
            Cause.LENGTH: "has a row that is too long",
        }
        if stopped.cause in used:
            return BadStatement(f"The statement {used[stopped.cause]}: ask for less at once.")
        return BadStatement("The statement could not be answered: it broke the process that answered it.")


def _resource(name: str, there: Mapping[str, Any]) -> str | None:
    """The resource that a statement means: SQL does not tell capitals apart."""
    if name in there:
        return name
    alike = [one for one in there if one.casefold() == name.casefold()]
    return alike[0] if len(alike) == 1 else None


def _distinct(tables: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """Schemas as they are first written, since those that differ in capitals are one."""
    schemas: dict[str, str] = {}
    return [{**one, "schema": schemas.setdefault(one["schema"].casefold(), one["schema"])} for one in tables]
