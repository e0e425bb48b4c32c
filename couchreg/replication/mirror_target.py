"""Where a mirror writes: only packages of the names that are wanted, each handed to a keeper."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Protocol

import msgspec

from couchreg.docstore.attachments.attachments import gunzipped
from couchreg.docstore.base import Edit
from couchreg.errors import CouchregError, Failure
from couchreg.model.user import SYSTEM
from couchreg.replication.local import Here, LocalDatabase, refused
from couchreg.replication.options import Replication
from couchreg.replication.peers import AttachedFile, Document, RefusedDocument, Source, Unreadable

Coming = tuple[str, str, int, AsyncIterator[bytes]]  # name, content type, revpos, plain bytes


class Keeper(Protocol):
    """What stores the documents of packages."""

    def package_of(self, doc_id: str) -> str | None:
        """The package that a document is about; None for others, which are not mirrored."""

    async def keep(self, edit: Edit, files: Sequence[Coming]) -> None:
        """Raises CouchregError for a document that is not as it should be, and what its files raise."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is mirrored: `url` is a registry's, or its database's, maybe with a login in it; `packages` are
    patterns of names (`gdp*`), none for all. Into the database `database` of this server."""

    url: str
    packages: tuple[str, ...]
    database: str

    def wants(self, package: str) -> bool:
        return not self.packages or any(fnmatchcase(package, pattern) for pattern in self.packages)


class MirrorTarget(LocalDatabase):
    """The database of packages, into which only what is wanted comes, by way of the keeper."""

    def __init__(self, here: Here, wish: Wish, replication: Replication, keeper: Keeper) -> None:
        super().__init__(here, wish.database, replication, SYSTEM)
        self._wish = wish
        self._keeper = keeper

    async def missing(
        self, revs: Mapping[str, Sequence[str]]
    ) -> Mapping[str, tuple[Sequence[str], Sequence[str]]]:
        return await super().missing({doc_id: of for doc_id, of in revs.items() if self._wants(doc_id)})

    def _wants(self, doc_id: str) -> bool:
        package = self._keeper.package_of(doc_id)
        return package is not None and self._wish.wants(package)

    async def write(self, documents: Sequence[Document]) -> Sequence[RefusedDocument]:
        found = []
        for document in documents:
            if document.files:  # of which none is new: whoever asks sends them all, then
                found.append(RefusedDocument(document.id, document.rev, 412, "missing_stub"))
                continue
            problem = await self._keep(document, ())
            found += [problem] if problem is not None else []
        return found

    async def write_with_files(self, document: Document, source: Source) -> RefusedDocument | None:
        streams = [
            (file.name, file.content_type, file.revpos, _plain(document, file, source))
            for file in document.files
        ]
        return await self._keep(document, streams)

    async def _keep(self, document: Document, files: Sequence[Coming]) -> RefusedDocument | None:
        try:
            edit = await self._check(await self._open(), document)
            await self._keeper.keep(msgspec.structs.replace(edit, attachments=()), files)
        except Unreadable:
            raise
        except CouchregError as error:
            return refused(document, error)
        return None


async def _plain(document: Document, file: AttachedFile, source: Source) -> AsyncIterator[bytes]:
    """The bytes of a file; a CouchDB keeps text as gzip."""
    stored = source.open(document, file)
    if file.encoding != "gzip":
        async for chunk in stored:
            yield chunk
        return
    try:
        async for chunk in gunzipped(_generated(stored)):
            yield chunk
    except Failure:
        raise Unreadable(f"The attachment {file.name} is not gzip, as it should be.") from None


async def _generated(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    async for chunk in chunks:
        yield chunk
