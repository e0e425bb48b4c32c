"""The files of a document that comes by replication, as plain files in the intake of a publish.

They go to a spool until the whole document has been looked at, never to where published ones lie; and what
came as gzip is unpacked, for a package is checked, and kept, as the plain files that it is. `Upload` is the
same for documents that are stored as they come.
"""

import hashlib
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any

from couchreg.blobstore.spool import once
from couchreg.docstore.attachments import members
from couchreg.docstore.attachments.attachments import gunzipped
from couchreg.docstore.attachments.upload import Bodies, counted
from couchreg.errors import BadContentType, DigestMismatch, Failure, MissingStub
from couchreg.registry.publishing.intake import Expansion, Intake, content_type_of


async def receive(
    intake: Intake, doc_id: str, name: str, member: Mapping[str, Any], parts: Bodies | None
) -> None:
    """One file, with the type that its member of `_attachments` says; `parts` has those that follow. Raises
    BadRequest, BadContentType, DigestMismatch, MissingStub, TooLarge."""
    if member.get("stub") is True:
        raise MissingStub(f"Invalid attachment stub in {doc_id} for {name}")
    content_type = members.type_of(name, member)
    content_type_of("file", content_type)
    digest = member.get("digest")
    announced = digest if isinstance(digest, str) else None
    if member.get("follows") is not True:
        spooled = await intake.receive(name, content_type, once(members.decoded(name, member.get("data"))))
        members.check_digest(announced, spooled.md5)
    elif parts is None:
        raise members.invalid(name)
    else:
        await _follow(intake, name, member, content_type, announced, await anext(parts, once(b"")))
    intake.files[name] = intake.files[name]._replace(content_type=content_type)


async def _follow(
    intake: Intake,
    name: str,
    member: Mapping[str, Any],
    content_type: str,
    digest: str | None,
    part: AsyncIterable[bytes],
) -> None:
    encoding = member.get("encoding", "identity")
    if encoding not in ("identity", "gzip"):
        raise BadContentType("Only gzip and identity content-encodings are supported")
    length = members.length_of(name, member, "encoded_length")
    if encoding == "identity" or length is None:
        length = members.length_of(name, member, "length")
    stored = counted(part, name, length, intake.limits.total)
    if encoding == "identity":
        members.check_digest(digest, (await intake.receive(name, content_type, stored)).md5)
        return
    packed = _Packed(intake, stored)
    await intake.receive(name, content_type, packed.plain())
    members.check_digest(digest, packed.md5)


class _Packed:
    """A file that comes as gzip: bounded in what comes out of it, its digest that of what came in."""

    def __init__(self, intake: Intake, stored: AsyncIterator[bytes]) -> None:
        self._stored = stored
        self._expansion = Expansion(intake.limits)
        self._md5 = hashlib.md5(usedforsecurity=False)

    @property
    def md5(self) -> bytes:
        return self._md5.digest()

    async def plain(self) -> AsyncIterator[bytes]:
        try:
            async with aclosing(gunzipped(self._seen())) as chunks:
                async for chunk in chunks:
                    self._expansion.grow(len(chunk))
                    yield chunk
        except Failure:
            raise DigestMismatch from None

    async def _seen(self) -> AsyncGenerator[bytes, None]:
        async for chunk in self._stored:
            self._md5.update(chunk)
            self._expansion.packed += len(chunk)
            yield chunk
