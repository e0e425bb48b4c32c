"""Bytes that published versions have already: where they lie, so that they are neither sent nor stored again.

Only versions of this registry count, which whoever may publish may also read: so to know a hash opens
nothing to anybody.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Protocol

from couchreg.docstore.base import Attachment, Database
from couchreg.errors import CouchregError
from couchreg.registry.changing.settling import Settled

MOST_DOCUMENTS = 64  # versions that are looked at for one publish
_TIMEOUT = 2.0  # seconds that the newest versions are waited for
_TOGETHER = 500  # hashes that are asked for at once


class Holders(Protocol):
    """Remembers which documents have a file of some bytes; what it says is tried out."""

    async def holders(self, hashes: Collection[str]) -> Mapping[str, Sequence[str]]:
        """Of each of these SHA-256 (hex) a few ids of documents that have or had such a file."""


class Held:
    """Finds files by their hashes in the versions of one `registry` database."""

    def __init__(
        self, database: Database, holders: Holders | None = None, caught_up: Settled | None = None
    ) -> None:
        """`caught_up` waits until the holders know of all changes up to a sequence."""
        self._database = database
        self._holders = holders
        self._caught_up = caught_up

    async def find(self, hashes: Collection[str], *, fresh: bool = False) -> dict[str, Attachment]:
        """Files that versions of today have, by their SHA-256; nothing where nobody remembers. With `fresh`
        those published in this moment count, too."""
        found: dict[str, Attachment] = {}
        if self._holders is None or not hashes:
            return found
        if fresh and self._caught_up is not None:
            with suppress(TimeoutError, CouchregError):
                async with asyncio.timeout(_TIMEOUT):
                    await self._caught_up(await self._database.update_seq())
        wanted = set(hashes)
        offers = await self._offers(self._holders, list(wanted))
        for doc_id in sorted(offers, key=lambda one: len(offers[one]), reverse=True)[:MOST_DOCUMENTS]:
            if offers[doc_id] <= found.keys():
                continue
            [row] = await self._database.winners([doc_id], bodies=True)
            if row is None or row.deleted:
                continue
            for file in row.attachments:
                if file.sha256 in wanted and file.encoding == "identity":
                    found.setdefault(file.sha256, file)
            if len(found) == len(wanted):
                break
        return found

    async def equal(self, sha256: str, length: int) -> Attachment | None:
        """One file of these bytes."""
        found = (await self.find([sha256])).get(sha256) if length else None
        return found if found is not None and found.stored_length == length else None

    async def _offers(self, holders: Holders, wanted: Sequence[str]) -> dict[str, set[str]]:
        """Documents, and what of it they hold."""
        offers: dict[str, set[str]] = {}
        for start in range(0, len(wanted), _TOGETHER):
            try:
                known = await holders.holders(wanted[start : start + _TOGETHER])
            except CouchregError:
                continue  # it is a saving only, and the follower says what is the matter with it
            for sha256, ids in known.items():
                for doc_id in ids:
                    offers.setdefault(doc_id, set()).add(sha256)
        return offers
