"""The attachments of one write on their way in: received, checked, stored and pinned."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import msgspec

from couchreg.blobstore.base import Spooled
from couchreg.blobstore.spool import SMALL, once
from couchreg.docstore.attachments import members
from couchreg.docstore.attachments.compression import Gzip
from couchreg.docstore.base import Attachment, Stub
from couchreg.errors import (
    BadContentType,
    BadRequest,
    CouchregError,
    DigestMismatch,
    NotFound,
    TooLarge,
)
from couchreg.package.layout import content_key

if TYPE_CHECKING:
    from couchreg.docstore.attachments.attachments import Attachments

_ENCODINGS = ("identity", "gzip")

Bodies = AsyncIterator[AsyncIterable[bytes]]


@dataclass(frozen=True, slots=True)
class BodyDetails:
    """What a sender says of a body. `length` and `digest` ("md5-…") are of the bytes that come; `encoding`
    says whether they are gzip already, and `identity_length` how many they are without it (CouchDB's `length`
    beside an `encoded_length`)."""

    encoding: str = "identity"
    length: int | None = None
    identity_length: int | None = None
    digest: str | None = None


_NOTHING = BodyDetails()


class Upload:
    """One write's attachments; see `Attachments.upload`. Several calls may run at the same time."""

    def __init__(self, attachments: Attachments, db: str) -> None:
        self._attachments = attachments
        self._db = db
        self._held: list[str] = []

    async def receive(
        self,
        doc_id: str,
        name: str,
        content_type: str,
        chunks: AsyncIterable[bytes],
        details: BodyDetails = _NOTHING,
        *,
        revpos: int = 0,
    ) -> Attachment:
        """Store a body and return its record.

        Raises BadRequest for a name with a leading underscore and for a wrong length, DigestMismatch,
        TooLarge, BadContentType for another encoding, Unavailable.
        """
        gzip = self._prepared(doc_id, name, content_type, details)
        stored = counted(chunks, name, details.length, self._attachments.max_size())
        spooled = await self._attachments.spool.receive(stored, gzip, in_memory=SMALL)
        try:
            members.check_digest(details.digest, gzip.md5 if gzip else spooled.md5)
            encoding, identity_length = details.encoding, details.identity_length
            if gzip:
                encoding, identity_length = "gzip", gzip.length
            elif encoding == "identity":
                identity_length = spooled.length
            store = partial(
                self.store,
                doc_id,
                name,
                content_type,
                encoding=encoding,
                revpos=revpos,
                identity_length=identity_length,
            )
            if encoding == "identity" and self._attachments.layout(self._db, doc_id, name):
                with suppress(NotFound, DigestMismatch):  # the other file has been lost in this moment
                    return await store(await self._linked(spooled))
            return await store(spooled)
        finally:
            self._attachments.spool.remove(spooled)

    async def inline(
        self,
        doc_id: str,
        attachments: Mapping[str, Any],
        parts: Bodies | None = None,
        *,
        new_edits: bool,
    ) -> tuple[Attachment | Stub, ...]:
        """Store what an `_attachments` member holds: base64 `data`, stubs, and, from `parts`,
        those that follow, which come in the order of the members whatever their own names.
        Bytes of an ordinary edit belong to the new revision, whatever `revpos` says beside them.

        https://docs.couchdb.org/en/stable/api/document/common.html#creating-multiple-attachments
        Raises BadRequest, and what `receive` raises.
        """
        records = [await self._member(doc_id, *found, parts) for found in attachments.items()]
        return tuple([_of_new_revision(record) for record in records] if new_edits else records)

    async def store(
        self,
        doc_id: str,
        name: str,
        content_type: str,
        spooled: Spooled,
        *,
        encoding: str = "identity",
        revpos: int = 0,
        identity_length: int | None = None,
    ) -> Attachment:
        """The record of a spooled file, put as it is, never compressed. The file stays the caller's."""
        members.check_name(name)
        length = spooled.length if identity_length is None else identity_length
        key = await self._put(doc_id, name, content_type, encoding, spooled)
        return Attachment(
            name, content_type, revpos, spooled.md5, length, spooled.length, encoding, spooled.sha256, key
        )

    async def keep(self, att: Attachment) -> None:
        """Pin the blob of a record that is to be written again, in another document or database.

        Raises NotFound when it has been swept meanwhile.
        """
        await self._attachments.pins.add(att.key)
        self._held.append(att.key)
        if await self._attachments.blobs.info(att.key) is None:
            raise NotFound

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        held, self._held = self._held, []
        is_kept = not isinstance(error, CouchregError) or self._attachments.others_write()
        unused = self._attachments.pins.release(held, kept=is_kept)
        for key in unused:
            await self._attachments.remove(key)

    # -- one member of `_attachments`
    async def _member(self, doc_id: str, name: str, member: Any, parts: Bodies | None) -> Attachment | Stub:
        members.check_name(name)
        if not isinstance(member, dict):
            raise members.invalid(name)
        if member.get("stub") is True:
            return members.stub(name, member)
        if member.get("follows") is True:
            return await self._following(doc_id, name, member, parts)
        data = members.decoded(name, member.get("data"))
        content_type, revpos = members.type_of(name, member), members.revpos_of(member)
        return await self.receive(doc_id, name, content_type, once(data), revpos=revpos)

    async def _following(
        self, doc_id: str, name: str, member: dict[str, Any], parts: Bodies | None
    ) -> Attachment:
        if parts is None:
            raise members.invalid(name)
        identity_length = members.length_of(name, member, "length")
        length = members.length_of(name, member, "encoded_length")
        encoding = member.get("encoding", "identity")
        if encoding == "identity" or length is None:
            length = identity_length
        digest = member.get("digest")
        details = BodyDetails(encoding, length, identity_length, digest if isinstance(digest, str) else None)
        content_type, revpos = members.type_of(name, member), members.revpos_of(member)
        body = await anext(parts, once(b""))
        return await self.receive(doc_id, name, content_type, body, details, revpos=revpos)

    # -- one body
    def _prepared(self, doc_id: str, name: str, content_type: str, details: BodyDetails) -> Gzip | None:
        """Check what can be checked beforehand; the compressor, if the bytes are to be compressed."""
        members.check_name(name)
        if details.encoding not in _ENCODINGS:
            raise BadContentType("Only gzip and identity content-encodings are supported")
        attachments = self._attachments
        if details.encoding != "identity" or self._db in attachments.uncompressed:
            return None
        compression = attachments.compression()
        if not compression.applies_to(content_type) or attachments.layout(self._db, doc_id, name):
            return None
        return Gzip(compression.level, digest=details.digest is not None)

    async def _linked(self, spooled: Spooled) -> Spooled:
        """From where equal bytes lie already, if a link may lead there."""
        attachments = self._attachments
        found = await attachments.equal(spooled.sha256, spooled.length) if attachments.equal else None
        if found is None or not attachments.blobs.is_local:
            return spooled
        try:
            await self.keep(found)
        except NotFound:
            return spooled
        return spooled._replace(kept=found.key)

    async def _put(self, doc_id: str, name: str, content_type: str, encoding: str, spooled: Spooled) -> str:
        """Into the package's folder if the bytes are plain and the place is free, else by content."""
        flat = self._attachments.layout(self._db, doc_id, name) if encoding == "identity" else None
        for key in (flat, content_key(spooled.sha256)):
            if key is not None and await self._pinned_put(key, spooled, content_type):
                return key
        raise self._attachments.lost.in_the_way(content_key(spooled.sha256))

    async def _pinned_put(self, key: str, spooled: Spooled, content_type: str) -> bool:
        attachments = self._attachments
        first = await attachments.pins.add(key)
        self._held.append(key)
        if first and await attachments.blobs.info(key) is None:
            attachments.pins.mark_new(key)
        return await attachments.blobs.put(key, spooled, content_type=content_type)


async def counted(
    chunks: AsyncIterable[bytes], name: str, length: int | None, most: int | None
) -> AsyncIterator[bytes]:
    """The chunks, checked against the length announced and the size allowed."""
    total = 0
    if most is not None and length is not None and length > most:
        raise TooLarge(name, error="attachment_too_large")
    async for chunk in chunks:
        total += len(chunk)
        if most is not None and total > most:
            raise TooLarge(name, error="attachment_too_large")
        if length is not None and total > length:
            raise BadRequest("attachment longer than expected")
        yield chunk
    if length is not None and total < length:
        raise BadRequest("attachment shorter than expected")


def _of_new_revision(record: Attachment | Stub) -> Attachment | Stub:
    if isinstance(record, Stub) or not record.revpos:
        return record
    return msgspec.structs.replace(record, revpos=0)
