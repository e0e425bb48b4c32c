"""Which contexts live: one for each design document of each database that is in use, and a few at a time."""

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from couchreg.designdocs.javascript.failures import failure, said
from couchreg.designdocs.javascript.talking import TIMED_OUT, Talk, stopped
from couchreg.errors import CouchregError, Failure, Unavailable
from couchreg.model import json
from couchreg.sandbox.ending import Stopped
from couchreg.sandbox.forks import ForkServer
from couchreg.sandbox.kinds import Kind, Limits
from couchreg.sandbox.pool import Pool
from couchreg.sandbox.session import ChildSession
from couchreg.turns import Turns

log = logging.getLogger(__name__)

WORKER = "couchreg.designdocs.javascript.worker"
PLACES = 8  # contexts that live at the same time
OF_ONE = 4  # of one database
WAITING = 256  # commands
TALKS = 4  # lists at the same time
READY = 2  # contexts without a design document, made before a list needs one
MEMORY = 64 << 20  # bytes of one context
STACK = 512 << 10
TIMEOUT = 5.0  # seconds of one command, unless `[couchdb] os_process_timeout` says otherwise
SLACK = 5.0  # seconds beyond it, after which the process is killed

LIMITS = Limits(seconds=3600, cpu_seconds=3600, cpu_of_child=1 << 30, memory=1 << 30, file_size=0, files=32)
Config = Callable[[], Mapping[str, Mapping[str, str]]]
Read = Callable[[bytes], dict[str, Any]]
Place = tuple[str, str, int]  # a database, a digest of the design document, and which of its contexts


@dataclass(eq=False)
class _Context:
    """A session with a design document loaded; `turn` because it does one thing at a time."""

    place: Place
    stack: AsyncExitStack
    session: ChildSession
    timeout: float
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0  # who hold or await the turn
    is_dead: bool = False


class Contexts:
    """`ask` runs a command; `close` ends every context. No process is started before the first command."""

    def __init__(self, config: Config) -> None:
        self._forks = ForkServer((WORKER,))
        self._pool = Pool(Kind("design functions", WORKER, LIMITS, places=PLACES, spares=1), self._forks)
        lists = "lists of design documents"
        self._talks = Pool(Kind(lists, WORKER, LIMITS, places=TALKS + READY, spares=1), self._forks)
        self._turns = Turns(TALKS, waiting=32, waiting_of_one=16, what=lists, retry_after=10)
        self._ready: list[tuple[AsyncExitStack, ChildSession]] = []
        self._readying: asyncio.Task[None] | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._closed = False
        self._config = config
        self._live: OrderedDict[Place, _Context] = OrderedDict()
        self._changed = asyncio.Condition()
        self._inside = 0

    async def ask(
        self,
        database: str,
        design: bytes,
        command: bytes,
        *,
        read: Read = said,
        beside: bool = False,
        parts: int = 1,
    ) -> Any:
        """What a command of `sandbox.js` gives in the context of this design document (its JSON).

        `read` makes an object of the answer. What may run `beside` others has a second context while the
        first is busy. A command of several `parts` has so many times the time.

        Raises the error that it answers, Failure (os_process_error) for one that used too much time or
        memory, Unavailable when too many wait.
        """
        if self._inside >= WAITING:
            raise Unavailable("Too many functions of design documents wait for their turn.", retry_after=5)
        self._inside += 1
        try:
            return await self._ask(self._place(database, design, beside=beside), design, command, read, parts)
        finally:
            self._inside -= 1

    @asynccontextmanager
    async def talk(self, asker: str, database: str, design: bytes, command: bytes) -> AsyncIterator[Talk]:
        """A command that asks for more while it runs, in a context of its own, so that whoever is slow in
        reading its answer keeps nobody from anything else. `asker` is who takes turns.

        Raises Failure (os_process_error), TooManyRequests, Unavailable.
        """
        timeout = self._timeout()
        async with self._turns.take(asker), AsyncExitStack() as stack:
            try:
                session = await self._loaded(stack, design, timeout)
                await session.begin(command)
            except Stopped as error:
                raise stopped(error) from None
            talk = Talk(session, timeout + SLACK)
            try:
                yield talk
            finally:
                for message in talk.logs:
                    log.info("%s: %s", database, message)

    async def renew(self) -> None:
        """Give up every context; those at work end with what they do."""
        async with self._changed:
            for context in list(self._live.values()):
                context.is_dead = True
                if not context.users:
                    await self._end(context)
            self._changed.notify_all()

    async def close(self) -> None:
        self._closed = True
        if self._readying is not None:
            self._readying.cancel()
            await asyncio.gather(self._readying, return_exceptions=True)
        while self._ready:
            await self._ready.pop()[0].aclose()
        await self._pool.close()
        await self._talks.close()
        await asyncio.gather(*self._ending, return_exceptions=True)
        while self._live:
            _, context = self._live.popitem()
            await context.stack.aclose()
        await self._forks.close()

    # -- contexts of lists: each for one list, but made before it comes

    async def _loaded(self, stack: AsyncExitStack, design: bytes, seconds: float) -> ChildSession:
        """A context with a design document, which ends with the stack. Raises Stopped."""
        while True:
            was_ready = bool(self._ready)
            end, session = self._ready.pop() if was_ready else await self._made_ready()
            stack.callback(self._let_go, end)
            try:
                await session.ask(json.encode({"seconds": seconds}))
                await session.ask(b'{"command":"load","design":' + design + b"}")
            except Stopped:
                if not was_ready:  # else it may have ended long ago
                    raise
            else:
                return session

    def _let_go(self, end: AsyncExitStack) -> None:
        """End a context, and make one for the next list: nobody waits for either."""
        ending = asyncio.create_task(end.aclose())
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)
        if not self._closed and (self._readying is None or self._readying.done()):
            self._readying = asyncio.create_task(self._make_ready())

    async def _make_ready(self) -> None:
        while len(self._ready) < READY:
            try:
                self._ready.append(await self._made_ready())
            except (CouchregError, Stopped) as error:
                log.warning("no context could be made for lists to come: %s", error)
                return

    async def _made_ready(self) -> tuple[AsyncExitStack, ChildSession]:
        async with AsyncExitStack() as stack:
            session = await stack.enter_async_context(self._talks.session())
            limits = {"memory": MEMORY, "stack": STACK, "seconds": TIMEOUT, "talks": True}
            await session.ask(json.encode(limits))
            return stack.pop_all(), session

    def _place(self, database: str, design: bytes, *, beside: bool) -> Place:
        digest = hashlib.sha256(design).hexdigest()
        first = self._live.get((database, digest, 0))
        return database, digest, int(beside and first is not None and first.users > 0)

    async def _ask(self, place: Place, design: bytes, command: bytes, read: Read, parts: int) -> Any:
        while True:
            context = await self._context(place, design)
            try:
                async with context.turn:
                    if not context.is_dead:  # else one before us has broken it
                        return await self._asked(context, command, read, parts)
            finally:
                await self._left(context)

    async def _asked(self, context: _Context, command: bytes, read: Read, parts: int) -> Any:
        alive = False
        try:
            async with asyncio.timeout(parts * context.timeout + SLACK):
                found = read(await context.session.ask(command))
            alive = found.get("error", [""])[0] != "os_process_error" and not context.is_dead
        except TimeoutError:
            raise Failure(TIMED_OUT, error="os_process_error") from None
        except Stopped as error:
            raise stopped(error) from None
        finally:
            context.is_dead = not alive  # what it was in the middle of is not known
        for message in found.get("logs", ()):
            log.info("%s: %s", context.place[0], message)
        if "error" in found:
            raise failure(*found["error"])
        return found.get("ok")

    async def _context(self, place: Place, design: bytes) -> _Context:
        """The context for this design document, alive, with us among its users."""
        async with self._changed:
            while True:
                context = self._live.get(place)
                if context is None and await self._has_room(place[0]):
                    context = await self._made(place, design)
                if context is not None and not context.is_dead:
                    self._live.move_to_end(place)
                    context.users += 1
                    return context
                await self._changed.wait()

    async def _has_room(self, database: str) -> bool:
        """Whether another context may be made, after one that nobody uses has been given up if need be."""
        own = [item for item in self._live.values() if item.place[0] == database]
        crowd = own if len(own) >= OF_ONE else list(self._live.values()) if len(self._live) >= PLACES else []
        if not crowd:
            return True
        idle = next((item for item in crowd if not item.users), None)
        if idle is None:
            return False
        await self._end(idle)
        return True

    async def _made(self, place: Place, design: bytes) -> _Context:
        timeout = self._timeout()
        async with AsyncExitStack() as stack:
            session = await stack.enter_async_context(self._pool.session())
            limits = {"memory": MEMORY, "stack": STACK, "seconds": timeout}
            try:
                await session.ask(json.encode(limits))
                await session.ask(b'{"command":"load","design":' + design + b"}")
            except Stopped as error:
                raise stopped(error) from None
            context = _Context(place, stack.pop_all(), session, timeout)
        self._live[place] = context
        return context

    async def _left(self, context: _Context) -> None:
        """Those who wait hear of it even if the one who leaves is cancelled here once more: else a dead
        context would stay, and with it whoever asks for its design document."""
        context.users -= 1
        leaving = asyncio.create_task(self._tell(context))
        self._ending.add(leaving)
        leaving.add_done_callback(self._ending.discard)
        await asyncio.shield(leaving)

    async def _tell(self, left: _Context) -> None:
        async with self._changed:
            try:
                if left.is_dead and not left.users:
                    await self._end(left)
            finally:
                self._changed.notify_all()

    async def _end(self, context: _Context) -> None:
        if self._live.get(context.place) is context:
            del self._live[context.place]
        await context.stack.aclose()

    def _timeout(self) -> float:
        """Seconds. CouchDB's setting counts milliseconds."""
        text = self._config().get("couchdb", {}).get("os_process_timeout", "")
        return max(1, int(text)) / 1000 if text.isascii() and text.isdigit() and len(text) < 10 else TIMEOUT
