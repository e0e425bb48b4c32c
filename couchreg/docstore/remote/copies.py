"""In which order the changes of a database in a cluster are, and that what was written can be read there.

A cluster keeps several copies of the one shard, each with an order of its own. All processes read from one
of them, the *followed* copy: its numbers are compared. Which one that is says a note that they share, with
how often it has changed. When its node is lost CouchDB goes on with another copy, a little before the same
place; then whoever sees that first says in the note that this one is followed, and its numbers are above all
those there were. Whatever lies before the place where it was read to the end has numbers below all that
anybody waits for. So who has come to a number has seen what was written up to it, and nothing is left out;
some changes come twice.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, Protocol
from urllib.parse import quote, unquote

import msgspec

from couchreg.docstore.base import Seq
from couchreg.docstore.remote import sequences
from couchreg.docstore.remote.address import document_path
from couchreg.docstore.remote.asking import DatabaseCalls
from couchreg.docstore.remote.places import CopyPlace
from couchreg.errors import BadRequest, Failure, Unsure

FOLLOWED: Final = "_local/couchreg:followed"  # the last place of the followed copy that was written down
PAGE: Final = 1000  # changes
OFTEN: Final = 2000  # changes after which it is written down
SHOWN: Final = 15.0  # seconds for which one waits for the followed copy
FIRST_LOOK, LONGEST_LOOK = 0.01, 0.3  # seconds between two looks at it
FAR: Final = 1  # the number of a place that is behind, and nobody knows how far
NEAR: Final = 10**12  # above it are the numbers of places that are compared with what others wait for
LOOK: Final = 1.0  # seconds for which it is believed which copy is followed
STILL: Final = 4.0  # seconds without an answer after which it is asked whether the followed copy stands still


class _Leaf(msgspec.Struct):
    rev: str


class _Row(msgspec.Struct):
    id: str
    seq: Any
    changes: list[_Leaf]


class _Page(msgspec.Struct):
    results: list[_Row]
    last_seq: str


_pages: Final = msgspec.json.Decoder(_Page)


class FollowedCopy(msgspec.Struct, frozen=True):
    """Which copy is followed since it was changed for the `turn`th time. It was begun at a place, and read to
    its end at `whole`, when the one before had been read up to `left`."""

    turn: int
    begun: str
    whole: int = 0
    left: str | None = None


class Agreement(Protocol):
    """What all processes know of that."""

    async def read(self) -> FollowedCopy | None: ...

    async def propose(self, followed: FollowedCopy) -> FollowedCopy:
        """What is followed in the end: this, where none is of that turn or a later one."""


class NoAgreement:
    """Of a database whose places nobody else is told."""

    def __init__(self) -> None:
        self._followed: FollowedCopy | None = None

    async def read(self) -> FollowedCopy | None:
        return self._followed

    async def propose(self, followed: FollowedCopy) -> FollowedCopy:
        self._followed = followed
        return followed


IsSilent = Callable[[str], Awaitable[bool]]  # whether a node's copy does not answer, and others do


async def _never(node: str) -> bool:
    return False


Seen = dict[str, set[str]]  # the leafs of documents, as the followed copy has shown them


class Copies:
    """Of one life of one database."""

    def __init__(
        self,
        asking: DatabaseCalls,
        life: str,
        agreement: Agreement | None = None,
        is_silent: IsSilent = _never,
    ) -> None:
        self._asking = asking
        self._life = life
        self._agreement = agreement or NoAgreement()
        self._is_silent = is_silent
        self._looked = 0.0
        self._turn = 0
        self._place: CopyPlace | None = None  # how far the followed copy has been read
        self._whole = 0  # the place of that copy from which on its numbers are in order
        self._begun_at = CopyPlace(b"", 0, b"")
        self._left: tuple[CopyPlace, CopyPlace] | None = None  # where the one before was left, and this begun
        self._now = Seq(0, f"0-{life}.-", life)
        self._written = 0
        self._awaiting: list[Seen] = []
        self._reading: asyncio.Task[Seq] | None = None  # now
        self._reading_next: asyncio.Task[Seq] | None = None  # when that one is over

    async def close(self) -> None:
        for task in (self._reading, self._reading_next):
            if task is not None and not task.done():
                task.cancel()
                await asyncio.wait([task])

    # -- places
    def stamp(self, told: Any) -> Seq:
        """A `seq` of CouchDB's. Raises Failure for one of several shards."""
        if isinstance(told, int) and self._place is not None:  # of `backwards`
            told = _text(self._place.at(told))
        number, place = _parsed(told) if str(told) != "0" else ("0", None)
        if place is None or not place.number:
            return Seq(0, f"0-{self._life}.-", self._life)
        return Seq(self._number(place), f"{number}-{self._life}.{place.opaque}", self._life)

    def _number(self, place: CopyPlace) -> int:
        if self._place is None or place.copy != self._place.copy:
            return FAR
        return place.number + (NEAR * self._turn if place.number >= self._whole else 0)

    def parse(self, text: str) -> Seq | None:
        """As `sequences.parse`. Raises BadRequest."""
        found = sequences.parse(text, self._life)
        if found is None or not found.number or found.incarnation != self._life:
            return found
        if _opaque(found) == "-":  # a bare number, which CouchDB will call malformed
            return Seq(FAR, found.text, found.incarnation)
        try:
            place = CopyPlace.parse(_opaque(found))
        except ValueError:
            raise BadRequest("Malformed sequence supplied in 'since' parameter.") from None
        return Seq(self._number(place), found.text, found.incarnation)

    def since(self, seq: Seq) -> str:
        """What CouchDB is asked with: always a place of the followed copy, once there is one."""
        if self._place is None:
            return sequences.since(seq, self._life)
        if seq.incarnation != self._life or not seq.number:
            return _text(self._place.at(0))
        if _opaque(seq) == "-":
            return sequences.since(seq, self._life)
        place = CopyPlace.parse(_opaque(seq))
        if place.copy == self._place.copy:
            return _text(place)
        if self._left is not None:
            left, begun = self._left
            if place.copy == left.copy and place.number >= left.number:
                return _text(begun)
        return _text(self._place.at(0))

    # -- the present
    @property
    def node(self) -> str | None:
        """That of the followed copy, once there is one."""
        return None if self._place is None else self._place.node

    async def first_node(self) -> str:
        await self.now()
        assert self._place is not None
        return self._place.node

    async def now(self) -> Seq:
        """How far the followed copy is after this was called. Those who come while it is read share the next
        answer."""
        if self._reading_next is None:
            self._reading_next = asyncio.create_task(self._read_after(self._reading))
        return await asyncio.shield(self._reading_next)

    async def _read_after(self, before: "asyncio.Task[Seq] | None") -> Seq:
        if before is not None:
            await asyncio.wait([before])
        self._reading, self._reading_next = self._reading_next, None
        return await self._read_on()

    async def _read_on(self) -> Seq:
        at = await self._start()
        while True:
            left, begun = at, None
            while True:
                page, asked = await self._page_of_any(at)
                last = _parsed(page.last_seq)[1]
                if last.copy != at.copy:  # its node is lost, or stands still
                    left, begun = at, _begin(page, last) if asked == at else asked
                self._note(page.results)
                at = last
                if len(page.results) < PAGE:
                    break
            if begun is None:
                break
            proposed = FollowedCopy(self._turn + 1, _text(begun), at.number, _text(left))
            agreed = await self._agreement.propose(proposed)
            self._follow(agreed)
            if agreed == proposed:
                break
            at = self._begun_at  # others follow another one
        self._place = at
        if at.number and self._number(at) > self._now.number:
            self._now = self.stamp(_text(at))
        if begun is not None or at.number >= self._written + OFTEN:
            await self._write_down(at)
        return self._now

    async def _start(self) -> CopyPlace:
        """Where to read on."""
        begun = time.monotonic()
        if self._place is not None and begun - self._looked < LOOK:
            return self._place
        agreed = await self._agreement.read()
        if agreed is None:
            first = _parsed((await self._page("now")).last_seq)[1]
            agreed = await self._agreement.propose(FollowedCopy(1, _text(first)))
            if agreed.turn == 1:
                await self._write_down(first)
        self._looked = begun
        if self._place is None or agreed.turn > self._turn:
            self._follow(agreed)
            self._place = await self._noted()
            self._written = self._place.number
            if self._place.number and self._number(self._place) > self._now.number:
                self._now = self.stamp(_text(self._place))
        return self._place

    def _follow(self, agreed: FollowedCopy) -> None:
        self._turn, self._whole = agreed.turn, agreed.whole
        self._begun_at = self._place = _parsed(agreed.begun)[1]
        self._left = None if agreed.left is None else (_parsed(agreed.left)[1], self._begun_at)

    async def _noted(self) -> CopyPlace:
        """A later place than that where the followed copy was begun, if one was written down and nobody here
        waits for what lies between."""
        answer = await self._asking.ask("GET", document_path(FOLLOWED))
        if answer.status == 200 and not self._awaiting:
            noted = _parsed((await answer.json())["seq"])[1]
            if noted.copy == self._begun_at.copy and noted.number > max(self._begun_at.number, self._whole):
                return noted
        return self._begun_at

    async def _write_down(self, place: CopyPlace) -> None:
        """The last writer wins: any place of a copy will do."""
        value = {"seq": _text(place)}
        (await self._asking.ask("PUT", document_path(FOLLOWED), value=value, gated=False)).check()
        self._written = place.number

    async def _page(self, since: str) -> _Page:
        query = {"since": since, "limit": str(PAGE), "style": "all_docs"}
        return await self._asking.decoded(await self._asking.ask("GET", "/_changes", query=query), _pages)

    async def _page_of_any(self, at: CopyPlace) -> tuple[_Page, CopyPlace]:
        """What comes after a place, or after the beginning of another copy where the one of the place stands
        still; and after which it is. Until CouchDB takes such a node for lost, a minute later, it waits for
        that node whenever it is asked for a place there."""
        asking = asyncio.create_task(self._page(_text(at)), name="changes of the followed copy")
        try:
            while not (await asyncio.wait([asking], timeout=STILL))[0]:
                if await self._is_silent(at.node):
                    there = _parsed((await self._page("now")).last_seq)[1]
                    if there.copy != at.copy:
                        return await self._page(_text(there.at(0))), there.at(0)
            return asking.result(), at
        finally:
            asking.cancel()
            await asyncio.wait([asking])

    def _note(self, rows: Sequence[_Row]) -> None:
        for seen in self._awaiting:
            for row in rows:
                if row.id in seen:
                    seen[row.id].update(leaf.rev for leaf in row.changes)

    async def backwards_path(self) -> str:
        """Where the changes of the followed copy alone can be read: backwards a cluster takes any copy."""
        await self.now()
        assert self._place is not None
        answer = await self._asking.calls.ask("GET", "/_node/_local/_dbs" + self._asking.path)
        answer.check()
        suffix = bytes((await answer.json())["shard_suffix"]).decode()
        name = quote(f"shards/00000000-ffffffff/{unquote(self._asking.path[1:])}{suffix}", safe="")
        return f"/_node/{quote(self._place.node, safe='@')}/{name}/_changes"

    # -- what was written
    @contextmanager
    def awaiting(self, ids: Sequence[str]) -> Iterator[Seen]:
        """Remember what is shown of these documents until the block ends."""
        seen: Seen = {doc_id: set() for doc_id in ids}
        self._awaiting.append(seen)
        try:
            yield seen
        finally:
            self._awaiting[:] = [one for one in self._awaiting if one is not seen]

    async def shown(self, written: Sequence[tuple[str, str]], seen: Seen) -> Seq:
        """The place at which the followed copy has these revisions. Raises Unsure if it does not get them."""
        until, wait = time.monotonic() + SHOWN, FIRST_LOOK
        while True:
            now = await self.now()
            if all(_has(seen[doc_id], rev) for doc_id, rev in written):
                return now
            if time.monotonic() > until:
                raise Unsure(
                    "Written, but one node of the CouchDB behind this server is behind.", retry_after=5
                )
            await asyncio.sleep(wait)
            wait = min(wait * 2, LONGEST_LOOK)


def _begin(page: _Page, last: CopyPlace) -> CopyPlace:
    """Where CouchDB has begun to read another copy, or a little behind that: before the first row."""
    if not page.results:
        return last
    first = _parsed(page.results[0].seq)[1]
    return first.at(first.number - 1)


def _has(leafs: set[str], rev: str) -> bool:
    """Whether a revision has been there: it is a leaf, or something later is."""
    generation = int(rev.partition("-")[0])
    return rev in leafs or any(int(leaf.partition("-")[0]) > generation for leaf in leafs)


def _parsed(told: Any) -> tuple[str, CopyPlace]:
    number, _, opaque = str(told).partition("-")
    try:
        return number, CopyPlace.parse(opaque)
    except ValueError:
        raise Failure(
            "A database in the cluster behind this server has several shards, and couchreg needs one (q=1)."
        ) from None


def _opaque(seq: Seq) -> str:
    return seq.text.partition("-")[2].partition(".")[2]


def _text(place: CopyPlace) -> str:
    return f"{place.number}-{place.opaque}"
