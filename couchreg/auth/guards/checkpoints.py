"""`_local/` documents in `registry` of those who may only read: what a mirror remembers at its source.

CouchDB and PouchDB keep a checkpoint at both ends of a replication, the source's without a login too. So
they are accepted from everybody, in bounds: each is small, one sender keeps only so many, and all of them
together only so many; beyond that the one that was written longest ago goes, and whoever wrote it begins
from an older checkpoint or anew. Their ids cannot be listed by strangers, since who knows an id can write it.
"""

import asyncio
from collections import Counter, OrderedDict
from contextlib import suppress
from hashlib import blake2b
from ipaddress import IPv6Address, ip_address
from typing import Any

from couchreg.docstore.base import Database, Range
from couchreg.docstore.optional import listing_locals
from couchreg.errors import Forbidden, NotImplementedHere, TooLarge
from couchreg.model import json
from couchreg.model.user import User

LONGEST_ID = 160
LARGEST = 64 * 1024  # bytes of JSON; CouchDB's have 50 entries of its history
MOST_OF_ONE, MOST = 100, 5000
_UNKNOWN = b""  # the sender of those that were there before the server started


class Checkpoints:
    """Which there are, by whom, the one written longest ago first."""

    def __init__(self, *, most_of_one: int = MOST_OF_ONE, most: int = MOST) -> None:
        self._most_of_one = most_of_one
        self._most = most
        self._incarnation = ""
        self._senders: OrderedDict[str, bytes] = OrderedDict()
        self._counts: Counter[bytes] = Counter()
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
            if body is not None and doc_id not in self._senders:
                await self._make_room(database, sender)
            written = await database.update_local(doc_id, body, rev)
            self._forget(doc_id)
            if body is not None:
                self._note(doc_id, sender)
            return written

    async def _count(self, database: Database) -> None:
        """Read what is there: once, and again when the database has been made anew."""
        incarnation = (await database.update_seq()).incarnation
        if self._incarnation == incarnation:
            return
        self._senders.clear()
        self._counts.clear()
        with suppress(NotImplementedHere):  # then only those written since the start are known
            async for chunk in listing_locals(database).locals(Range(), bodies=False):
                for document in chunk:
                    self._note(document.id, _UNKNOWN)
        self._incarnation = incarnation

    async def _make_room(self, database: Database, sender: bytes) -> None:
        while len(self._senders) >= self._most or self._counts[sender] >= self._most_of_one:
            too_many = self._counts[sender] >= self._most_of_one
            oldest = next(one for one, by in self._senders.items() if by == sender or not too_many)
            await database.update_local(oldest, None)
            self._forget(oldest)

    def _note(self, doc_id: str, sender: bytes) -> None:
        self._senders[doc_id] = sender
        self._counts[sender] += 1

    def _forget(self, doc_id: str) -> None:
        sender = self._senders.pop(doc_id, None)
        if sender is not None:
            self._counts[sender] -= 1
            if not self._counts[sender]:
                del self._counts[sender]


def sender_of(user: User, address: str) -> bytes:
    """Whom a checkpoint counts for: the user, else the address (of IPv6 the network, which is one house)."""
    text = f"user {user.name}" if user.name is not None else f"address {_network(address)}"
    return blake2b(text.encode("utf-8", "surrogateescape"), digest_size=8).digest()


def _network(address: str) -> str:
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return parsed.exploded[:19]
    return str(parsed)
