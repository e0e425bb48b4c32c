"""The body of a publish: `multipart/related`, streamed from disk, with its length known beforehand.

The first part is the list of files, in CouchDB's `_attachments` notation; the descriptor travels as the file
`datapackage.json`, so that the registry keeps it byte for byte.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

from couchreg.client.errors import UsageError
from couchreg.client.folder import Folder, FolderFile
from couchreg.client.transport import Progress
from couchreg.model import json

_CHUNK = 1 << 18


class PackageUpload:
    """A package on its way; iterate once."""

    def __init__(self, folder: Folder, progress: Progress) -> None:
        self._folder, self._progress = folder, progress
        self._boundary = secrets.token_hex(16)
        self.fault: UsageError | None = None  # why the body ended early: the HTTP client does not tell

    def headers(self) -> dict[str, str]:
        kind = f'multipart/related; boundary="{self._boundary}"; type="application/json"'
        return {"Content-Type": kind, "Content-Length": str(self._length())}

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._first()
        for file in self._folder.files:
            yield self._head(file)
            async for chunk in self._content(file):
                yield chunk
                self._progress(len(chunk))
        yield self._last()

    def _length(self) -> int:
        heads = sum(len(self._head(file)) for file in self._folder.files)
        return len(self._first()) + heads + self._folder.length + len(self._last())

    def _first(self) -> bytes:
        listed = {
            file.path: {"follows": True, "content_type": file.content_type, "length": file.length}
            for file in self._folder.files
        }
        document = json.encode({"_attachments": listed})
        return f"--{self._boundary}\r\nContent-Type: application/json\r\n\r\n".encode() + document

    def _head(self, file: FolderFile) -> bytes:
        """Parts belong to the listed files in order: a path needs no place in a header."""
        head = f"Content-Type: {file.content_type}\r\nContent-Length: {file.length}\r\n\r\n"
        return f"\r\n--{self._boundary}\r\n{head}".encode()

    def _last(self) -> bytes:
        return f"\r\n--{self._boundary}--".encode()

    async def _content(self, file: FolderFile) -> AsyncIterator[bytes]:
        """A file's bytes. Raises UsageError when it is being changed under our hands."""
        left = file.length
        with self._open(file.source) as opened:
            while chunk := await asyncio.to_thread(opened.read, _CHUNK):
                left -= len(chunk)
                if left < 0:
                    break
                yield chunk
        if left:
            self.fault = UsageError(
                f"{file.path} changed while it was being sent: publish again when nothing writes to it."
            )
            raise self.fault

    def _open(self, source: Path) -> BinaryIO:
        try:
            return source.open("rb")
        except OSError as error:
            self.fault = UsageError(f"{source} cannot be read: {error.strerror}.")
            raise self.fault from None
