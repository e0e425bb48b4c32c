"""Questions to the graphs: whose turn it is, a child with one copy of the store, limits."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from couchreg.errors import BadStatement, NotAcceptable, Unavailable, disk_full
from couchreg.graphs.following import GraphsFollower
from couchreg.graphs.statements import checked
from couchreg.model import json
from couchreg.sandbox.ending import Cause, Stopped
from couchreg.sandbox.forks import ForkServer
from couchreg.sandbox.kinds import ChildGrant, Kind, Limits
from couchreg.sandbox.pool import Pool

WORKER: Final = "couchreg.graphs.inside.asking"
_SOON: Final = 5  # seconds after which somebody who waits may ask again
MOST_GRAPHS: Final = 100  # that a request may name


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """What one question may use, and how many are answered and wait at once."""

    cpu_seconds: float = 5
    seconds: float = 30  # of waiting for it; the machine may have other work
    memory: int = 3 << 30  # bytes of address space, of which threads and mapped files take a good part
    answer: int = 32 << 20  # bytes
    places: int = 2  # of which one asker has one
    waiting: int = 32
    waiting_of_one: int = 4

    @property
    def of_child(self) -> Limits:
        return Limits(
            seconds=self.seconds,
            cpu_seconds=self.cpu_seconds,
            memory=self.memory,
            files=4096,
            message=8 << 20,
        )


class GraphAnswer(NamedTuple):
    """The media type of an answer, and its body in parts."""

    kind: str
    parts: AsyncIterator[bytes]


async def nothing_awaited() -> None: ...


class GraphAsking:
    """`begin` has the store made where there is none: nobody pays for it before somebody asks. Whoever
    makes it calls `close`."""

    def __init__(
        self,
        follower: GraphsFollower,
        base: str,
        begin: Callable[[], None],
        limits: QueryLimits | None = None,
        settled: Callable[[], Awaitable[None]] = nothing_awaited,
    ) -> None:
        """`settled` returns when nothing is in the store that may not be told; it may raise Unavailable."""
        self._settled = settled
        self.base = base
        self.limits = limits or QueryLimits()
        self._follower, self._begin = follower, begin
        self._forks = ForkServer((WORKER,))
        kind = Kind(
            "questions to graphs",
            WORKER,
            self.limits.of_child,
            places=self.limits.places,
            waiting=self.limits.waiting,
            waiting_of_one=self.limits.waiting_of_one,
            retry_after=2,
        )
        self._pool = Pool(kind, self._forks)

    async def close(self) -> None:
        """Whoever waits for an answer gets Unavailable."""
        await self._pool.close()
        await self._forks.close()

    @property
    def state(self) -> str:
        """Names what the store holds now: equal as long as answers are."""
        self._begin()
        with self._follower.reading() as found:
            return f"{found[1].version} {found[1].incarnation} {found[1].seq}" if found else ""

    @asynccontextmanager
    async def query(
        self,
        text: str,
        accept: Sequence[str],
        *,
        default_graphs: Sequence[str] = (),
        named_graphs: Sequence[str] = (),
        askers: Sequence[str] = (),
    ) -> AsyncIterator[GraphAnswer]:
        """The answer to a SPARQL query in the kind that `accept` prefers: media types, the first most.

        Without graphs of the request or of the query, all of them together are asked. Raises BadStatement,
        NotAcceptable, TooManyRequests, and Unavailable while the store is being made.
        """
        has_from = checked(text)
        if len(default_graphs) + len(named_graphs) > MOST_GRAPHS:
            raise BadStatement(f"A request names {MOST_GRAPHS} graphs at most")
        job = {
            "query": text,
            "base": self.base,
            "accept": accept,
            "default_graph": default_graphs,
            "named_graphs": named_graphs,
            "union": not (has_from or default_graphs or named_graphs),
        }
        async with self._answered(job, askers) as answered:
            yield answered

    @asynccontextmanager
    async def fragment(self, job: Mapping[str, Any], askers: Sequence[str]) -> AsyncIterator[GraphAnswer]:
        """A page of a pattern's triples; see `inside/fragments`. Raises as `query`."""
        async with self._answered({**job, "base": self.base}, askers) as answered:
            yield answered

    @asynccontextmanager
    async def _answered(self, job: Mapping[str, Any], askers: Sequence[str]) -> AsyncIterator[GraphAnswer]:
        self._begin()
        await self._settled()
        async with AsyncExitStack() as stack:
            found = stack.enter_context(self._follower.reading())
            if found is None:
                raise Unavailable("The graphs are being made: ask again in a while.", retry_after=_SOON)
            path = found[0].resolve()
            session = await stack.enter_async_context(
                self._pool.session(*askers, grant=ChildGrant(read=[path]))
            )
            parts = session.stream(json.encode({**job, "store": str(path), "most": self.limits.answer}))
            stack.push_async_callback(parts.aclose)
            try:
                head = json.decode(await anext(parts))
            except Stopped as stopped:
                raise disk_full() if stopped.cause is Cause.DISK else self._stopped(stopped) from stopped
            if "error" in head:
                if not head["taken"]:
                    raise NotAcceptable(head["error"])
                raise BadStatement(head["error"], *(head["place"] or ()))
            yield GraphAnswer(head["type"], parts)

    def _stopped(self, stopped: Stopped) -> BadStatement:
        used = {
            Cause.CPU: f"takes more than {self.limits.cpu_seconds:.4g} s of CPU time",
            Cause.TIME: f"takes longer than {self.limits.seconds:.4g} s",
            Cause.MEMORY: "needs too much memory",
        }
        said = used.get(stopped.cause, "needs too much memory, or is nested too deeply")
        return BadStatement(f"The query {said}: ask for less at once")
