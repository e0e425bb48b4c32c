"""Jobs about tables in children that have nothing but those tables: turns, files at hand, limits, and what is
said of a job that was stopped."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from couchreg.analytics.copies import TableCopies
from couchreg.analytics.ledger import Table
from couchreg.analytics.reading import MACHINE, StatementReader
from couchreg.analytics.tables import Tables
from couchreg.errors import BadStatement, NotFound, Unavailable, disk_full
from couchreg.model import json
from couchreg.package.names import is_package_name
from couchreg.registry.reading.catalog import Catalog, Room, Version
from couchreg.sandbox.ending import Cause, Stopped
from couchreg.sandbox.forks import ForkServer
from couchreg.sandbox.kinds import ChildGrant, Kind, Limits
from couchreg.sandbox.pool import Pool

WORKER = "couchreg.analytics.inside.asking"
PLACES = "couchreg.analytics.inside.places"
_AGAIN = "A table has gone or is damaged, and is made again."
_SAID = {  # of what a statement itself brings about
    Cause.CPU: "takes more than {cpu} s of CPU time",
    Cause.TIME: "takes longer than {seconds} s",
    Cause.MEMORY: "needs more than {data} MiB of memory",
    Cause.LENGTH: "has a row that is too long",
}


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


class NamedTable(NamedTuple):
    """A table as a statement names it, and the one that this is. `pinned`: the name says which version."""

    schema: str
    name: str
    table: Table
    pinned: bool


class Answering:
    """Whoever makes it calls `start` and `close`."""

    def __init__(self, tables: Tables, catalog: Catalog, copies: TableCopies, limits: AskingLimits) -> None:
        self.tables, self.catalog = tables, catalog
        self._copies = copies
        self.limits = limits
        self.forks = ForkServer((StatementReader.WORKER, WORKER, PLACES))
        # Rows by their place have turns of their own: they take no time, and need not wait for who does.
        self._pool, self._pool_of_places = (
            Pool(
                Kind(
                    name,
                    worker,
                    limits.of_child,
                    places=limits.places,
                    waiting=limits.waiting,
                    waiting_of_one=limits.waiting_of_one,
                    spares=1,
                    retry_after=2,
                ),
                self.forks,
            )
            for name, worker in (("questions", WORKER), ("pages of rows", PLACES))
        )

    async def start(self) -> None:
        """Returns at once: what is needed is imported meanwhile."""
        await self._pool.start()

    @property
    def busy(self) -> int:
        """Questions that are answered, or wait for it."""
        return self._pool.busy + self._pool_of_places.busy

    async def close(self) -> None:
        """Whoever waits for an answer gets Unavailable."""
        await self._pool.close()
        await self._pool_of_places.close()
        await self.forks.close()

    async def version(self, package: str, version: str, room: Room) -> Version:
        """A version by its name, a dist-tag or a range. Raises NotFound, BadRequest, and what `room` does."""
        if not is_package_name(package):
            raise NotFound(f"{package[:200]!r} is not a package: /-/packages lists those that are.")
        try:
            exact, _ = await self.catalog.point(package, version)
        except NotFound:
            exact = await self.catalog.resolve(package, version)
        return await self.catalog.version(package, exact, room=room)

    @asynccontextmanager
    async def run(
        self,
        tables: Sequence[NamedTable],
        job: Mapping[str, Any],
        askers: Sequence[str],
        limits: AskingLimits | None = None,
        *,
        by_place: bool = False,
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The body that a job of `inside/asking` makes of tables, in pieces, or one of `inside/places` with
        `by_place`; `tables` is added here.

        Raises BadStatement, TooManyRequests, Unavailable before the first; what is raised later breaks an
        answer off."""
        limits = limits or self.limits
        async with AsyncExitStack() as stack:
            listed, paths = [], []
            for wanted in tables:
                try:
                    path = await stack.enter_async_context(self._copies.take(wanted.table))
                except NotFound:
                    await self.tables.missing(wanted.table)
                    raise Unavailable(_AGAIN, retry_after=5) from None
                listed.append({"schema": wanted.schema, "table": wanted.name, "path": str(path.resolve())})
                paths.append(path)
            whole = {**job, "tables": _distinct(listed), "memory": limits.data}
            grant = ChildGrant(read=[*MACHINE, *paths])
            pool = self._pool_of_places if by_place else self._pool
            session = await stack.enter_async_context(
                pool.session(*askers, grant=grant, limits=limits.of_child)
            )
            parts = self._watched(session.stream(json.encode(whole)), [wanted.table for wanted in tables])
            stack.push_async_callback(parts.aclose)
            first = await self.told(anext(parts), limits)
            head = json.decode(first)
            if "error" in head:
                if head.get("doubt"):
                    await self._doubt([wanted.table for wanted in tables])
                raise BadStatement(head["error"], *(head["place"] or ()))
            yield parts

    async def _watched(
        self, parts: AsyncGenerator[bytes, None], tables: Sequence[Table]
    ) -> AsyncGenerator[bytes, None]:
        """The parts; where the child broke, a table that is damaged may be why."""
        async with aclosing(parts):
            try:
                async for part in parts:
                    yield part
            except Stopped as stopped:
                if stopped.cause not in _SAID:
                    await self._doubt(tables)
                raise

    async def _doubt(self, tables: Sequence[Table]) -> None:
        """Raises Unavailable where the file of a table is damaged, and has it made again."""
        damaged = [table for table in tables if not await self._copies.is_whole(table)]
        for table in damaged:
            await self.tables.missing(table)
        if damaged:
            raise Unavailable(_AGAIN, retry_after=5)

    def longer(self, cpu_seconds: float, seconds: float) -> AskingLimits:
        """The limits, with more time."""
        return replace(self.limits, cpu_seconds=cpu_seconds, seconds=seconds)

    async def told(self, part: Awaitable[bytes], limits: AskingLimits | None = None) -> bytes:
        try:
            return await part
        except Stopped as stopped:
            is_full = stopped.cause is Cause.DISK
            raise disk_full() if is_full else _Unanswered(stopped, limits or self.limits) from stopped


class _Unanswered(BadStatement):
    """Why there is no answer, or no more of it."""

    def __init__(self, stopped: Stopped, limits: AskingLimits) -> None:
        self.cause = stopped.cause
        if stopped.cause in _SAID:
            used = _SAID[stopped.cause].format(
                cpu=f"{limits.cpu_seconds:.4g}", seconds=f"{limits.seconds:.4g}", data=limits.data >> 20
            )
            super().__init__(f"The statement {used}: ask for less at once.")
        else:
            super().__init__("The statement could not be answered: it broke the process that answered it.")


def is_spent(error: BadStatement) -> bool:
    """Whether it was the statement's own doing that it has no answer, so that it will have none tomorrow."""
    return isinstance(error, _Unanswered) and error.cause in (Cause.CPU, Cause.MEMORY, Cause.LENGTH)


def resource_called(name: str, there: Mapping[str, Any]) -> str | None:
    """The resource that a name means: SQL does not tell capitals apart."""
    if name in there:
        return name
    alike = [one for one in there if one.casefold() == name.casefold()]
    return alike[0] if len(alike) == 1 else None


def _distinct(tables: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """Schemas as they are first written, since those that differ in capitals are one."""
    schemas: dict[str, str] = {}
    return [{**one, "schema": schemas.setdefault(one["schema"].casefold(), one["schema"])} for one in tables]
