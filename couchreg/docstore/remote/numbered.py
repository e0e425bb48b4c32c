"""Documents that decide, where a cluster of CouchDB nodes does not: objects of the bucket, written once each.

Revision N of a document is the key `<folder><id>/N`, which one alone can put: of two who edit the same
revision one is refused, whichever nodes are there. The highest number counts, and is never removed before a
higher one is there. A deletion is a revision as well, so nobody can edit what was deleted.
"""

import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from typing import Any, Final, Self

import msgspec

from couchreg.blobstore.base import BlobStore, Spooled
from couchreg.errors import Conflict, CouchregError, NotFound, Unavailable

log = logging.getLogger(__name__)

FOLDER: Final = "_claims/documents/"
KEPT: Final = 2  # revisions of a document: one may be read while the next is written
LOWER: Final = 8  # beyond these they are removed
FORGET: Final = (
    86400.0  # seconds after which a deletion is forgotten; who slept as long takes itself for dead
)
TRIES: Final = 5  # looks for what is replaced meanwhile
_SMALL: Final = 1 << 20  # bytes


class _Written(msgspec.Struct):
    value: dict[str, Any] | None  # None: deleted
    word: str  # no two are equal: a put of what is there would be taken for its own


_decoder: Final = msgspec.json.Decoder(_Written)


class NumberedDocuments:
    """`laid` makes a few bytes ready to be put; `gate` raises where this process may not write."""

    def __init__(self, blobs: BlobStore, laid: Callable[[bytes], Spooled]) -> None:
        self._blobs = blobs
        self._laid = laid
        self.gate: Callable[[], None] = lambda: None
        self._read: dict[str, _Written] = {}  # key -> what stands there, of the highest ones
        self._deleted: dict[str, float] = {}  # folder -> since when it was seen so

    @property
    def soon(self) -> Self:
        return self  # has connections of its own already

    async def read(self, doc_id: str) -> dict[str, Any] | None:
        folder = _folder(doc_id)
        for _ in range(TRIES):
            number = max([one async for _, one in self._numbers(folder)], default=0)
            if not number:
                return None
            found = await self._at(folder, number)
            if found is not None:
                return _shown(doc_id, number, found)
        raise Unavailable("A document of the processes of this registry is changed all the time.")

    async def between(self, start: str, end: str) -> list[dict[str, Any]]:
        """The documents of a range of ids."""
        numbers: dict[str, list[int]] = {}
        async for folder, number in self._numbers(FOLDER):
            numbers.setdefault(folder, []).append(number)
        found, known = [], dict[str, _Written]()
        for folder, there in sorted(numbers.items()):
            doc_id = folder.removeprefix(FOLDER)[:-1].replace("/", ":")
            written = await self._at(folder, max(there))
            if written is None:  # replaced meanwhile
                one = await self.read(doc_id)
            else:
                known[f"{folder}{max(there)}"] = written
                one = _shown(doc_id, max(there), written)
            await self._clear(folder, sorted(there), is_deleted=one is None)
            if one is not None and start <= doc_id <= end:
                found.append(one)
        self._read = known
        return found

    async def write(
        self, doc_id: str, value: Mapping[str, Any], rev: str | None, *, gated: bool = True
    ) -> str:
        """The new revision. Raises Conflict where it is not an edit of the newest one."""
        if gated:
            self.gate()
        number = int(rev or 0) + 1
        if not await self._put(_folder(doc_id), number, dict(value)):
            raise Conflict
        return str(number)

    async def delete(self, doc_id: str, rev: str, *, gated: bool = True) -> None:
        """Raises Conflict, NotFound."""
        if gated:
            self.gate()
        if await self._put(_folder(doc_id), int(rev) + 1, None):
            return
        raise NotFound if await self.read(doc_id) is None else Conflict

    async def _put(self, folder: str, number: int, value: dict[str, Any] | None) -> bool:
        """A number that was free because it has been removed has higher ones, and they are there."""
        spooled = self._laid(msgspec.json.encode(_Written(value, secrets.token_hex(16))))
        if not await self._blobs.put(f"{folder}{number}", spooled, content_type="application/json"):
            return False
        return max([one async for _, one in self._numbers(folder)], default=0) == number

    async def _numbers(self, prefix: str) -> AsyncIterator[tuple[str, int]]:
        async for blob in self._blobs.keys(prefix):
            folder, slash, number = blob.key.rpartition("/")
            if number.isdecimal():
                yield folder + slash, int(number)

    async def _at(self, folder: str, number: int) -> _Written | None:
        key = f"{folder}{number}"
        found = self._read.get(key)
        if found is not None:
            return found
        try:
            async with aclosing(self._blobs.open(key, 0, _SMALL)) as chunks:
                return _decoder.decode(b"".join([chunk async for chunk in chunks]))
        except NotFound:
            return None
        except msgspec.MsgspecError:
            raise Unavailable(f"The object {key} of the bucket is none of couchreg's.") from None

    async def _clear(self, folder: str, numbers: list[int], *, is_deleted: bool) -> None:
        """Remove what no one needs any more: the highest number last."""
        since = self._deleted.setdefault(folder, time.monotonic()) if is_deleted else None
        gone = since is not None and time.monotonic() - since > FORGET
        if len(numbers) < LOWER and not gone:
            return
        try:
            for number in numbers if gone else numbers[:-KEPT]:
                await self._blobs.delete(f"{folder}{number}")
        except CouchregError as error:
            log.debug("old revisions of %s stay for now: %s", folder, error.reason)
        else:
            if gone:
                self._deleted.pop(folder, None)


def _folder(doc_id: str) -> str:
    return f"{FOLDER}{doc_id.replace(':', '/')}/"


def _shown(doc_id: str, number: int, found: _Written) -> dict[str, Any] | None:
    return None if found.value is None else {"_id": doc_id, "_rev": str(number), **found.value}
