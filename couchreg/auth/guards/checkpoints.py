"""`_local/` documents in `registry` of those who may only read: what a mirror remembers at its source.

CouchDB and PouchDB keep a checkpoint at both ends of a replication, the source's without a login too. So
they are accepted from everybody, in bounds: each is small, one sender keeps only so many, and all of them
together only so many. Beyond that one goes, and whoever wrote it begins from an older checkpoint or anew: one
of those who have most, counted by the large networks that they come from, for many addresses are easily had;
else one that was written but once, since a mirror writes its own again and again. Their ids cannot be listed
by strangers, since who knows an id can write it.
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable
from contextlib import suppress
from hashlib import blake2b
from typing import Any, NamedTuple

from couchreg.docstore.base import Database, Range
from couchreg.docstore.optional import listing_locals
from couchreg.errors import Forbidden, NotImplementedHere, TooLarge
from couchreg.model import json
from couchreg.model.addresses import origin, provider
from couchreg.model.user import User

LONGEST_ID = 160
LARGEST = 64 * 1024  # bytes of JSON; CouchDB's have 50 entries of its history
MOST_OF_ONE, MOST = 100, 5000
FAIR = 20  # that a large network has in any case
_WIDE = 8  # bytes of a sender that tell its large network


class _Kept(NamedTuple):
    sender: bytes
    proven: bool  # has been written again


class Checkpoints:
    """Which there are, by whom, the one written longest ago first."""

    def __init__(self, *, most_of_one: int = MOST_OF_ONE, most: int = MOST, fair: int = FAIR) -> None:
        self._most_of_one = most_of_one
        self._most = most
        self._fair = fair
        self._incarnation = ""
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._counts: Counter[bytes] = Counter()  # of senders, and of large networks
        self._writing = asyncio.Lock()

    async def write(
        self, database: Database, doc_id: str, body: dict[str, Any] | None, rev: str | None, *, sender: bytes
    ) -> str:
        """As `Database.update_local`. Raises Forbidden and TooLarge for what is no checkpoint."""
        if len(doc_id) > LONGEST_ID:
            raise Forbidden("The id of a checkpoint is too long.")
        if body is not None and len(json.encode(body)) > LARGEST:
            raise TooLarge(f"A checkpoint may have at most {LARGEST} bytes.", error="document_too_large")
        async with self._writing:
            await self._count(database)
            known = doc_id in self._kept
            if body is not None and not known:
                await self._make_room(database, sender)
            written = await database.update_local(doc_id, body, rev)
            self._forget(doc_id)
            if body is not None:
                self._note(doc_id, _Kept(sender, known))
            return written

    async def _count(self, database: Database) -> None:
        """Read what is there: once, and again when the database has been made anew."""
        incarnation = (await database.update_seq()).incarnation
        if self._incarnation == incarnation:
            return
        self._kept.clear()
        self._counts.clear()
        with suppress(NotImplementedHere):  # then only those written since the start are known
            async for chunk in listing_locals(database).locals(Range(), bodies=False):
                for document in chunk:
                    self._note(document.id, _Kept(_digest(document.id) * 2, True))
        self._incarnation = incarnation

    async def _make_room(self, database: Database, sender: bytes) -> None:
        while len(self._kept) >= self._most or self._counts[sender] >= self._most_of_one:
            gone = self._next_to_go(sender)
            await database.update_local(gone, None)
            self._forget(gone)

    def _next_to_go(self, sender: bytes) -> str:
        """The id of the one that leaves first, when this sender comes with another."""
        if self._counts[sender] >= self._most_of_one:
            return self._oldest(lambda kept: kept.sender == sender)
        networks = Counter({key: count for key, count in self._counts.items() if len(key) == _WIDE})
        [(network, count)] = networks.most_common(1)
        if count > self._fair:
            of_these = Counter({key: n for key, n in self._counts.items() if key[:_WIDE] == network != key})
            [(most, _)] = of_these.most_common(1)
            return self._oldest(lambda kept: kept.sender == most)
        return self._oldest(lambda kept: not kept.proven) or next(iter(self._kept))

    def _oldest(self, fits: Callable[[_Kept], bool]) -> str:
        return next((doc_id for doc_id, kept in self._kept.items() if fits(kept)), "")

    def _note(self, doc_id: str, kept: _Kept) -> None:
        self._kept[doc_id] = kept
        self._counts.update((kept.sender, kept.sender[:_WIDE]))

    def _forget(self, doc_id: str) -> None:
        kept = self._kept.pop(doc_id, None)
        if kept is not None:
            for key in (kept.sender, kept.sender[:_WIDE]):
                self._counts[key] -= 1
                if not self._counts[key]:
                    del self._counts[key]


def sender_of(user: User, address: str) -> bytes:
    """Whom a checkpoint counts for: the user, else the address (of IPv6 the network, which is one house); and
    before that the large network that the address belongs to, since accounts and addresses cost little."""
    text = f"user {user.name}" if user.name is not None else f"address {origin(address)}"
    return _digest(f"network {provider(address)}") + _digest(text)


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogateescape"), digest_size=_WIDE).digest()
