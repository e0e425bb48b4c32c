"""What a publisher sends, as it arrives: files in the spool, counted against limits, and removed at the end.

An `Intake` is filled by a reader of one request format (`related.py`, `form.py`, `zipped.py`,
`document.py`), and read by `Publisher`.
"""

import asyncio
import base64
import binascii
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NamedTuple, Self

from couchreg.blobstore.base import Spooled
from couchreg.blobstore.spool import Spool, once
from couchreg.errors import BadRequest, TooLarge
from couchreg.model import json
from couchreg.model.media_types import OCTETS, essence
from couchreg.package.formats import mediatype
from couchreg.package.paths import DESCRIPTOR, check_path, plain_path
from couchreg.package.text import BadText, read_json

IDENTITY = ("name", "version")
IN_MEMORY = 256 << 10  # bytes of the small files of one publish that wait in memory
PART_HEADERS = 4096  # bytes that are granted to the headers of a part
BREATH = 50  # small files are dealt with on the event loop; after so many others have their turn


@dataclass(frozen=True, slots=True)
class PublishLimits:
    """What one publish may bring."""

    total: int = 20 << 30  # bytes of all files
    files: int = 20_000
    descriptor: int = 16 << 20  # bytes of JSON, inline data included
    ratio: int = 250  # how many times its own size compressed data may have
    always: int = 64 << 20  # bytes that compressed data may have whatever its ratio

    @property
    def body(self) -> int:
        """Bytes of a request: the files, the descriptor, and some headers for each part."""
        return self.total + self.descriptor + (self.files + 1) * PART_HEADERS


class Expansion:
    """What compressed data comes to, so that a few bytes cannot keep the server busy for long."""

    def __init__(self, limits: PublishLimits, packed: int = 0) -> None:
        self.packed = packed  # bytes as they arrived
        self._plain = 0
        self._limits = limits

    def grow(self, plain: int) -> None:
        """Count bytes that came out. Raises TooLarge."""
        self._plain += plain
        if self._plain > max(self._limits.always, self.packed * self._limits.ratio):
            raise TooLarge(
                f"Compressed data may expand {self._limits.ratio}-fold at most: send it uncompressed."
            )


class Received(NamedTuple):
    """One file in the spool, or one of the blob store's (then not `ours`), whose bytes may be there only."""

    spooled: Spooled
    content_type: str
    ours: bool = True
    local: bool = True  # whether there is a file at all


class Intake:
    """The files of one publish; `async with` removes what is left of them."""

    def __init__(self, spool: Spool, limits: PublishLimits) -> None:
        self.spool = spool
        self.limits = limits
        self.members: Any = {}  # of the descriptor, as sent
        self.files: dict[str, Received] = {}
        self.left_out: list[str] = []  # files that came along and are none of the package's
        self._total = 0
        self._in_memory = 0  # bytes

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for count, received in enumerate(self.files.values(), 1):
            if received.ours:
                self.spool.remove(received.spooled)
            if count % BREATH == 0:
                await asyncio.sleep(0)

    async def receive(self, path: str, content_type: Any, chunks: AsyncIterable[bytes]) -> Spooled:
        """Spool one file. Raises BadRequest for a path that no package may have, or has already,
        TooLarge beyond the limits."""
        path = plain_path(path)
        self._check(path)
        kind = content_type_of(path, content_type)
        spooled = await self.spool.receive(self._counted(chunks), in_memory=IN_MEMORY - self._in_memory)
        self._in_memory += len(spooled.data or b"")
        self.files[path] = Received(spooled, kind)
        if len(self.files) % BREATH == 0:
            await asyncio.sleep(0)
        return spooled

    def refer(self, path: str, content_type: Any, spooled: Spooled, *, local: bool) -> None:
        """Take one file where it lies in the blob store. Raises what `receive` raises."""
        path = plain_path(path)
        self._check(path)
        kind = content_type_of(path, content_type)
        self._total += spooled.length
        if self._total > self.limits.total:
            raise self._too_much()
        self.files[path] = Received(spooled, kind, ours=False, local=local)

    def _check(self, path: str) -> None:
        check_path(path)
        if path in self.files:
            raise BadRequest(f"The file {path!r} was sent twice.")
        if len(self.files) >= self.limits.files:
            raise TooLarge(f"A package may have at most {self.limits.files} files.")

    async def receive_archive(self, chunks: AsyncIterable[bytes]) -> Spooled:
        """Spool what holds the files but is none of them; removing it is the caller's. Raises TooLarge."""
        return await self.spool.receive(self._limited(chunks))

    async def _limited(self, chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        total = 0
        async for chunk in chunks:
            total += len(chunk)
            if total > self.limits.total:
                raise self._too_much()
            yield chunk

    def take_back(self, path: str) -> Spooled:
        """A file received that turns out to be none of the package's; removing it is the caller's."""
        spooled = self.files.pop(path).spooled
        self._total -= spooled.length
        return spooled

    async def _counted(self, chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        async for chunk in chunks:
            self._total += len(chunk)
            if self._total > self.limits.total:
                raise self._too_much()
            yield chunk

    def _too_much(self) -> TooLarge:
        return TooLarge(f"The files of a package may have at most {self.limits.total} bytes together.")

    def _long_descriptor(self) -> TooLarge:
        return TooLarge(f"A descriptor may have at most {self.limits.descriptor} bytes: send data as files.")

    def read_descriptor(self, data: bytes) -> None:
        """Take the descriptor's JSON text. Raises BadRequest."""
        try:
            self.members = read_json(data)
        except BadText as error:
            raise BadRequest(f"The descriptor {error.fault}.") from None
        if not isinstance(self.members, dict):
            raise BadRequest("A data package descriptor must be a JSON object.")

    async def collect_descriptor(self, chunks: AsyncIterable[bytes]) -> None:
        """Read the descriptor's JSON text to its end. Raises BadRequest, TooLarge."""
        data = bytearray()
        async for chunk in chunks:
            data += chunk
            if len(data) > self.limits.descriptor:
                raise self._long_descriptor()
        self.read_descriptor(bytes(data))

    def read_sent_descriptor(self) -> None:
        """Take the JSON text of the file `datapackage.json`. Raises BadRequest, TooLarge."""
        sent = self.files[DESCRIPTOR].spooled
        if sent.length > self.limits.descriptor:
            raise self._long_descriptor()
        self.read_descriptor(sent.content())

    async def settle_descriptor(self) -> None:
        """Bring the document and the file `datapackage.json` together: either gives the other.

        Raises BadRequest when both were sent and differ.
        """
        own = {key: value for key, value in self.members.items() if key not in ("_attachments", "_id")}
        sent = self.files.get(DESCRIPTOR)
        if sent is None:
            await self.receive(DESCRIPTOR, "application/json", once(json.encode(own)))
            return
        self.read_sent_descriptor()
        identity = {key: own[key] for key in IDENTITY if key in own}
        same = all(self.members.setdefault(key, value) == value for key, value in identity.items())
        if not same or (own != identity and _rest(own) != _rest(self.members)):
            raise BadRequest(f"The document and the file {DESCRIPTOR} differ: send only one of them.")


def _rest(members: Mapping[str, Any]) -> bytes:
    """What of a descriptor its address does not say."""
    return json.encode({key: value for key, value in members.items() if key not in IDENTITY})


def content_type_of(path: str, stated: Any) -> str:
    """The media type a file is kept with: as stated, or by its name where nothing useful was said."""
    if not isinstance(stated, str | None):
        raise BadRequest(f"The content type of {path[:200]!r} is not a string.")
    if path == DESCRIPTOR:
        return "application/json"
    bare = essence(stated or "")
    if not stated or bare in (OCTETS, "application/x-www-form-urlencoded"):
        return mediatype(path)
    if len(stated) > 255 or not stated.isascii() or not stated.isprintable() or "/" not in stated:
        raise BadRequest(f"{stated[:100]!r} is not a content type.")
    return stated


async def take_inline(intake: Intake, attachments: Mapping[str, Any]) -> None:
    """Take the files that stand as base64 in an `_attachments` member. Raises BadRequest."""
    for path, members in attachments.items():
        data = members.get("data") if isinstance(members, dict) else None
        if not isinstance(data, str):
            fault = "has no “data”: write base64, or send multipart/related."
            raise BadRequest(f"The attachment {path[:200]!r} {fault}")
        try:
            decoded = base64.b64decode(data, validate=True)
        except (binascii.Error, ValueError):
            raise BadRequest(f"The data of the attachment {path[:200]!r} is not base64.") from None
        await intake.receive(path, members.get("content_type"), once(decoded))
