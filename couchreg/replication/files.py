"""The bytes of attachments on their way: fetched with `Range` from where they broke off, held against their
digest, and framed for `PUT` as multipart/related."""

import hashlib
import re
from base64 import b64encode
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from urllib.parse import quote

import aiohttp

from couchreg.replication import documents_json
from couchreg.replication.calls import FIRST_WAIT, LONGEST_WAIT, Manners, PeerCalls
from couchreg.replication.peers import AttachedFile, Document, Source, Unreadable
from couchreg.wire import related

_CONTENT_RANGE = re.compile(r"bytes ([0-9]+)-")


def path_of(doc_id: str) -> str:
    """`/id`, encoded; what is in a namespace keeps its slash."""
    for namespace in ("_design/", "_local/"):
        if doc_id.startswith(namespace):
            return f"/{namespace}{quote(doc_id[len(namespace) :], safe='')}"
    return f"/{quote(doc_id, safe='')}"


class Fetch:
    """One attachment being read from a server, over as many connections as it takes."""

    def __init__(self, calls: PeerCalls, manners: Manners, document: Document, file: AttachedFile) -> None:
        self._calls = calls
        self._manners = manners
        self._file = file
        self._path = f"{path_of(document.id)}/{quote(file.name, safe='')}"
        self._query = {"rev": document.rev}
        self._done = 0
        self._md5 = hashlib.md5(usedforsecurity=False)

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Raises Unreadable; the last chunk comes only when all is as it should be."""
        held, wait, left = b"", FIRST_WAIT, self._manners.retries
        while True:
            before = self._done
            try:
                async with aclosing(self._attempt()) as pieces:
                    async for piece in pieces:
                        if held:
                            yield held
                        held = piece
                if self._done >= self._file.stored_length:
                    break
                problem = f"ended after {self._done} of {self._file.stored_length} bytes"
            except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
                problem = type(error).__name__
            if self._done > before:
                left, wait = self._manners.retries, FIRST_WAIT
            if left <= 0:
                raise Unreadable(f"The attachment {self._file.name} does not come whole: {problem}.")
            left -= 1
            await self._manners.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT)
        self._check()
        if held:
            yield held

    async def _attempt(self) -> AsyncGenerator[bytes, None]:
        encoding = "gzip" if self._file.encoding == "gzip" else "identity"
        headers = {"Accept": "*/*", "Accept-Encoding": encoding}
        if self._done:
            headers["Range"] = f"bytes={self._done}-"
        async with self._calls.stream("GET", self._path, query=self._query, headers=headers) as response:
            skip = self._skipped(response)
            async for piece in response.content.iter_any():
                if skip:
                    skip, piece = max(0, skip - len(piece)), piece[skip:]
                if piece:
                    self._done += len(piece)
                    self._md5.update(piece)
                    yield piece

    def _skipped(self, response: aiohttp.ClientResponse) -> int:
        """How many bytes at the beginning of an answer are here already. Raises Unreadable."""
        if response.status == 206 and self._done:
            given = _CONTENT_RANGE.match(response.headers.get("Content-Range", ""))
            if given is not None and given[1] == str(self._done):
                return 0
        if response.status == 200:
            return self._done
        if response.status >= 500 or response.status in (408, 429):
            raise aiohttp.ClientError(f"status {response.status}")
        raise Unreadable(f"The attachment {self._file.name} is answered with status {response.status}.")

    def _check(self) -> None:
        digest = self._file.digest or ""
        if self._done != self._file.stored_length:
            raise Unreadable(f"The attachment {self._file.name} has another length than it should.")
        if digest.startswith("md5-") and digest != f"md5-{b64encode(self._md5.digest()).decode()}":
            raise Unreadable(f"The bytes of the attachment {self._file.name} are not those of its digest.")


@dataclass(frozen=True, slots=True)
class _Part:
    """A file as `wire/related.py` wants to know of it."""

    name: str
    content_type: str
    stored_length: int
    encoding: str
    revpos: int = 0
    digest: bytes = b""
    length: int = 0


class RelatedBody:
    """A document and its new files as one multipart/related body, made anew for each attempt."""

    def __init__(self, document: Document, source: Source) -> None:
        self._document = document
        self._source = source
        self._boundary = related.new_boundary()
        self._text = documents_json.write(document, follows=True)
        self._parts = [
            (file, _Part(file.name, file.content_type, file.stored_length, file.encoding))
            for file in document.new_files
        ]

    @property
    def headers(self) -> dict[str, str]:
        length = related.related_length(self._boundary, self._text, [part for _, part in self._parts])
        return {"Content-Type": related.related_type(self._boundary), "Content-Length": str(length)}

    async def pieces(self) -> AsyncIterator[bytes]:
        yield related.document_part(self._boundary, self._text)
        for file, part in self._parts:
            yield related.attachment_head(part)
            async for chunk in self._source.open(self._document, file):
                yield chunk
            yield related.between(self._boundary)
        yield related.END
