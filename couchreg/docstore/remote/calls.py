"""Requests to the CouchDB that holds the documents: one bounded pool, limits of time, care with repeating.

What only reads, and what may be done twice, is asked again where there is no answer. A write that was sent
and not answered is Unsure: it may have been done. Knows HTTP and nothing of documents.
"""

import asyncio
import io
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from typing import Any, Final, NamedTuple

import aiohttp
from yarl import URL

from couchreg import __version__, errors
from couchreg.docstore.remote.address import CouchAddress
from couchreg.docstore.remote.hedging import hedged
from couchreg.errors import CouchregError, Failure, NotFound, TooLarge, Unavailable, Unsure
from couchreg.model import json

CONNECTIONS: Final = 32  # for requests that are answered at once
FEEDS: Final = 64  # for those that wait for changes
WAITING: Final = 4000  # requests that may wait for a connection
USUAL: Final = 64 << 20  # bytes of an answer
QUICK: Final = 256 << 10  # bytes of JSON that are read on the loop
ATTEMPTS: Final = 3
FIRST_WAIT: Final = 0.1  # seconds
NEWS: Final = 30.0  # the same, of several nodes, for a feed that waits 25 s
READ, POOL = 60.0, 30.0  # seconds: without a byte, for a free connection
OF_SEVERAL: Final = 15.0  # seconds without a byte, where another node can be asked
HEDGE: Final = 2.5  # seconds after which what may be repeated is asked of another node as well
CONNECT: Final = 2.5  # seconds to be let in: less than between the end of what is good and a process's death
DOUBT: Final = 600.0  # seconds after which a request is certain to have come to its end over there
FIRST_DOUBT: Final = DOUBT  # after a start: of what the life before has sent
LOOK: Final = 1.0  # seconds between looks where there are too many feeds
REST: Final = 1.0  # seconds for which nobody asks after it could not be reached
UNREADABLE: Final = "The CouchDB behind this server answered with something else than was asked for."
GONE: Final = "Database does not exist."
_AGAIN: Final = frozenset({408, 429, 500, 502, 503, 504})
_IDLE: Final = 10.0  # seconds after which an idle connection is closed here, before the other end does

_AWAY: Final = ("progress not possible", "no such node")  # reasons of a cluster that has lost a node
_WORDS: Final[Mapping[str, type[CouchregError]]] = {
    "bad_request": errors.BadRequest,
    "illegal_docid": errors.IllegalDocid,
    "illegal_partition": errors.IllegalPartition,
    "illegal_database_name": errors.IllegalDatabaseName,
    "doc_validation": errors.DocValidation,
    "query_parse_error": errors.QueryParseError,
    "conflict": errors.Conflict,
    "forbidden": errors.Forbidden,
    "partition_overflow": errors.PartitionOverflow,
    "not_found": errors.NotFound,
    "file_exists": errors.FileExists,
    "missing_stub": errors.MissingStub,
    "not_implemented": errors.NotImplementedHere,
}


class NotSent(Unavailable):
    """Nothing has reached the CouchDB."""


class Shut(NotSent):
    """This process may not write now; `reason` says why."""


class CouchAnswer(NamedTuple):
    """An answer with a status below 500."""

    status: int
    data: bytes

    async def json(self) -> Any:
        """What a program has printed. Raises Failure."""
        try:
            if len(self.data) <= QUICK:
                return json.decode_printed(self.data)
            return await asyncio.to_thread(json.decode_printed, self.data)
        except CouchregError:
            raise Failure(UNREADABLE) from None

    def check(self) -> None:
        """Raises what the status means; nobody is sent elsewhere by a CouchDB."""
        if self.status >= 300:
            raise self.problem()

    def problem(self) -> CouchregError:
        try:
            found = json.decode(self.data)
        except CouchregError:
            found = None
        said = found if isinstance(found, dict) else {}
        word, reason = str(said.get("error", "")), str(said.get("reason", ""))[:1000]
        if self.status == 404 and not _is_away(word, reason):
            return self._missing(reason)
        return told(word, reason, self.status)

    @staticmethod
    def _missing(reason: str) -> CouchregError:
        """ "no_db_file" is what old servers say."""
        return NotFound(GONE if reason in (GONE, "no_db_file") else reason or "missing")


def told(word: str, reason: str, status: int = 0) -> CouchregError:
    """What a CouchDB says is wrong, as one of our own exceptions."""
    if _is_away(word, reason):
        return Unavailable(f"A node of the CouchDB behind this server is away: {reason}", retry_after=5)
    if status == 413:
        return TooLarge(reason, error=word or "too_large")
    if status == 401 or (word == "unauthorized" and status):
        return Unavailable(
            "The CouchDB behind this server does not know its name and password.", retry_after=30
        )
    kind = _WORDS.get(word)
    if kind is not None:
        return kind(reason)
    if word == "unauthorized":
        return errors.Unauthorized(reason)
    return Failure(reason or f"The CouchDB behind this server answered {status}.", error=word)


def _is_away(word: str, reason: str) -> bool:
    """Whether a cluster says that it has lost a node. A reason is looked at only where no word of its own
    stands before it: what a design document's function forbids has whatever reason that function gives."""
    is_of_its_own = word == "unauthorized" or (word in _WORDS and word != "not_found")
    return word == "nodedown" or (reason.startswith(_AWAY) and not is_of_its_own)


class CouchCalls:
    """Requests to one server."""

    def __init__(
        self, address: CouchAddress, *, connections: int = CONNECTIONS, attempts: int = ATTEMPTS
    ) -> None:
        self.address = address
        self._attempts = attempts
        self._most = connections
        self._sessions: list[aiohttp.ClientSession] = []
        self._inside = 0
        self._places = asyncio.Semaphore(connections)
        self._rests_until = 0.0
        self._feeds = 0
        self._doubted_until = time.monotonic() + FIRST_DOUBT  # of writes of a life of this server before
        self.gate: Callable[[], None] = lambda: None  # raises where this process may not write
        self.has_several = False  # whether there are several nodes: one that stands still is not waited for
        self._headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": f"couchreg/{__version__}",
        }
        if address.user:
            self._headers["Authorization"] = aiohttp.encode_basic_auth(
                address.user, address.password, encoding="utf-8"
            )

    def doubt(self) -> None:
        """Nobody knows whether a write was done, or will be."""
        self._doubted_until = time.monotonic() + DOUBT

    @property
    def in_doubt(self) -> bool:
        """Whether that was lately."""
        return time.monotonic() < self._doubted_until

    async def is_whole(self) -> bool:
        """Whether all nodes of a cluster are there."""
        answer = await self.ask("GET", "/_membership")
        answer.check()
        found = await answer.json()
        return set(found["cluster_nodes"]) <= set(found["all_nodes"])

    async def close(self) -> None:
        for session in self._sessions:
            await session.close()
        self._sessions.clear()

    async def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        repeat: bool = True,
        gated: bool = True,
    ) -> CouchAnswer:
        """One answer. Without `repeat` the request is sent once; what writes goes through the gate, each time
        right before it is sent.

        Raises Unavailable where there is none, Unsure where what was sent may have been done all the same,
        TooLarge for an answer beyond USUAL.
        """
        if self._inside >= self._most + WAITING:
            raise Unavailable("The CouchDB behind this server has too much to do.")
        self._inside += 1
        try:
            return await self._patiently(method, path, query, body, repeat, gated)
        finally:
            self._inside -= 1

    async def _patiently(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: bytes | None,
        repeat: bool,
        gated: bool,
    ) -> CouchAnswer:
        """A write of which one attempt may have been done is Unsure in the end, repeated or not, also where
        another attempt is answered that it cannot be done now."""
        wait, was_sent = FIRST_WAIT, False
        for left in reversed(range(self._attempts)):
            try:
                once = partial(self._once, method, path, query, body, repeat, gated)
                if repeat and self.has_several and _may_come_late(method, path):
                    answer, were_two = await hedged(once, HEDGE)
                    was_sent = was_sent or were_two
                else:
                    answer = await once()
                if was_sent and _writes(method, path):
                    self._doubt_the_other(answer)
                return answer
            except Unsure:
                raise
            except Unavailable as error:
                was_sent = was_sent or not isinstance(error, NotSent)
                if not left or isinstance(error, Shut) or self._rests_until > time.monotonic():
                    if was_sent and _writes(method, path):
                        raise Unsure(error.reason, retry_after=error.retry_after) from error
                    raise
            await asyncio.sleep(wait * random.uniform(0.75, 1.25))  # noqa: S311
            wait *= 3
        raise AssertionError("unreachable")

    def _doubt_the_other(self, answer: CouchAnswer) -> None:
        """One of two attempts was answered, and a node that stands still may yet do the other one, later than
        whatever follows this answer. Raises Unsure where this one says that it cannot be done now."""
        self.doubt()
        problem = answer.problem() if answer.status >= 300 else None
        if isinstance(problem, Unavailable):
            raise Unsure(problem.reason, retry_after=problem.retry_after)

    async def _once(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: bytes | None,
        repeat: bool,
        gated: bool,
    ) -> CouchAnswer:
        async with self.opened(method, path, query=query, body=body, repeat=repeat, gated=gated) as response:
            data = await _read(response)
            if response.status in _AGAIN or response.status > 504:
                answer = CouchAnswer(response.status, data)
                reason = f"The CouchDB behind this server answers {response.status}: {_brief(answer)}"
                raise Unavailable(reason) if repeat else Unsure(reason)
            return CouchAnswer(response.status, data)

    @asynccontextmanager
    async def opened(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        repeat: bool = True,
        feed: bool = False,
        gated: bool = True,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """An answer to be read bit by bit, in one attempt; with `feed` on a connection of those that wait.

        Raises Unavailable and Unsure, also while the answer is read.
        """
        url = URL(self.address.url + path, encoded=True).update_query(dict(query or {}))
        headers = self._headers if body is None else self._headers | {"Content-Type": "application/json"}
        try:
            async with (
                self._place(feed, gated and _writes(method, path)),
                self._session(feed).request(
                    method,
                    url,
                    data=_sent(body),
                    headers=headers,
                    allow_redirects=False,
                    timeout=_WAITS[feed, self.has_several],
                ) as response,
            ):
                yield response
                self._rests_until = 0.0
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):  # nothing was sent
            self._rests_until = time.monotonic() + REST
            raise NotSent(f"The CouchDB at {self.address.shown} does not answer.") from None
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            reason = f"The CouchDB at {self.address.shown} broke off an answer ({type(error).__name__})."
            raise (Unavailable(reason) if repeat else Unsure(reason)) from None

    @asynccontextmanager
    async def _place(self, feed: bool, gated: bool) -> AsyncIterator[None]:
        """One of the connections. Nothing waits between the gate and the request but for being let in."""
        async with AsyncExitStack() as stack:
            if not feed:  # of those that wait for changes `feed` is the bound
                try:
                    async with asyncio.timeout(POOL):
                        await stack.enter_async_context(self._places)
                except TimeoutError:
                    raise NotSent("The CouchDB behind this server has too much to do.") from None
            if self._rests_until > time.monotonic():
                raise NotSent(f"The CouchDB at {self.address.shown} does not answer.")
            if gated:
                try:
                    self.gate()
                except Unavailable as error:
                    raise Shut(error.reason, retry_after=error.retry_after) from error
            yield

    @staticmethod
    async def refused(response: aiohttp.ClientResponse) -> CouchregError:
        """What an opened answer with a status of 400 or above means."""
        answer = CouchAnswer(response.status, await _read(response))
        if response.status >= 500:
            return Unavailable(f"The CouchDB behind this server answers {response.status}: {_brief(answer)}")
        return answer.problem()

    @contextmanager
    def feed(self) -> Iterator[bool]:
        """Whether one more request may wait for changes; those who may not look from time to time."""
        is_free = self._feeds < FEEDS
        self._feeds += is_free
        try:
            yield is_free
        finally:
            self._feeds -= is_free

    def _session(self, feed: bool) -> aiohttp.ClientSession:
        """Made with the first request, since the loop has to run."""
        if not self._sessions:
            self._sessions = [_session(self._most), _session(FEEDS)]
        return self._sessions[feed]


def _waits(read: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, connect=CONNECT, sock_read=read)


_WAITS: Final = {  # for a feed; with several nodes
    (False, False): _waits(READ),
    (False, True): _waits(OF_SEVERAL),
    (True, False): _waits(READ),
    (True, True): _waits(NEWS),
}


def _session(connections: int) -> aiohttp.ClientSession:
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections, keepalive_timeout=_IDLE),
        cookie_jar=aiohttp.DummyCookieJar(),
    )
    # When a connection breaks aiohttp would send a PUT or DELETE once more and ask nobody: past the gate, and
    # also what may be sent once only. There is no other way to tell it.
    session._retry_connection = False
    return session


def _may_come_late(method: str, path: str) -> bool:
    """Whether it changes nothing that is done once more after an answer: of writes that are repeated that is
    so of replicated revisions alone."""
    return not _writes(method, path) or path.endswith("/_bulk_docs")


def _writes(method: str, path: str) -> bool:
    return method in ("PUT", "DELETE") or path.endswith(("/_bulk_docs", "/_purge"))


def _sent(body: bytes | None) -> bytes | io.BytesIO | None:
    """A large one is handed over in pieces, since the loop would stand still for it."""
    return io.BytesIO(body) if body is not None and len(body) > QUICK else body


async def _read(response: aiohttp.ClientResponse) -> bytes:
    pieces, size = [], 0
    async for piece in response.content.iter_any():
        size += len(piece)
        if size > USUAL:
            raise TooLarge(f"The CouchDB behind this server gives an answer of more than {USUAL} bytes.")
        pieces.append(piece)
    return b"".join(pieces)


def _brief(answer: CouchAnswer) -> str:
    problem = answer.problem()
    return f"{problem.error} {problem.reason}"[:300]
