"""Publishing step by step: announce the files by their hashes, send those that the registry lacks, commit.

A file whose connection breaks goes on where it broke off, and the same package published again goes on with
the same publish: nothing has to be remembered here.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from yarl import URL

from couchreg.client.errors import AlreadyPublished, ClientError, Unreachable
from couchreg.client.folder import Folder, FolderFile
from couchreg.client.following import Told, ended, status_address
from couchreg.client.sending import FileBody, concluded, file_digests
from couchreg.client.transport import Progress, Transport, read_json
from couchreg.package.paths import DESCRIPTOR

AT_ONCE = 3  # files
ATTEMPTS = 5  # for each request, one after another without progress
_SHORT = 2  # seconds that the commit waits for the check: then its progress can be shown


class StepwiseUpload:
    """One package on its way."""

    def __init__(self, transport: Transport, folder: Folder, progress: Progress, told: Told) -> None:
        self._transport, self._folder = transport, folder
        self._progress, self._told = progress, told
        self._files = {file.path: file for file in folder.files}

    async def run(self, *, wait: bool) -> tuple[Any, bool]:
        """The registry's answer, and whether the version is new; without `wait` perhaps the status of a
        publish that is being checked. Raises ClientError."""
        begun = await self._begun()
        url = status_address(self._transport, begun)
        if begun.get("state") == "open":
            await self._send_all(url, begun)
            answer, status = await self._committed(url, wait=wait)
            return await ended(self._transport, answer, status, self._told, wait=wait)
        return await ended(self._transport, begun, 202, self._told, wait=wait)

    async def _begun(self) -> dict[str, Any]:
        self._told({"state": "hashing"})
        hashed = {path: await asyncio.to_thread(_announced, file) for path, file in self._files.items()}
        manifest = {"name": self._folder.name, "version": self._folder.version, "files": hashed}
        descriptor = await asyncio.to_thread(_text, self._files[DESCRIPTOR])
        if descriptor is not None:
            manifest["descriptor"] = descriptor
        answer = await self._transport.send("POST", self._transport.address("-", "publishing"), manifest)
        status_address(self._transport, answer)
        return dict(answer)

    async def _send_all(self, url: URL, begun: Mapping[str, Any]) -> None:
        missing = [self._files[path] for path in begun.get("missing") or () if path in self._files]
        partial = begun.get("partial") or {}
        there = self._folder.length - sum(file.length for file in missing)
        self._told({"state": "sending", "files": len(missing), "of": len(self._files)})
        self._progress(there)
        waiting = iter(missing)

        async def work() -> None:
            for file in waiting:
                await self._send(url, file, int(partial.get(file.path, 0)))

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(AT_ONCE):
                    group.create_task(work())
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None

    async def _send(self, url: URL, file: FolderFile, start: int) -> None:
        failures = 0
        self._progress(start)
        while True:
            body = FileBody(file, self._progress, start)
            try:
                return await self._put(url, file, body, start)
            except (Unreachable, AlreadyPublished) as error:  # the latter while an earlier request ends
                failures += 1
                if body.fault is not None:
                    raise body.fault from None
                if failures == ATTEMPTS:
                    raise Unreachable(
                        f"{error.reason} Run the command again: what has arrived is not sent again."
                    ) from None
            except ClientError as error:
                raise body.fault or error from None
            await asyncio.sleep(2 ** (failures - 1))
            self._progress(-body.sent - start)
            start = await self._arrived(url, file)
            self._progress(start)

    async def _put(self, url: URL, file: FolderFile, body: FileBody, start: int) -> None:
        headers = {"Content-Type": file.content_type, "Content-Length": str(file.length - start)}
        if start:  # nothing may be left to send: then it has only to be verified
            left = f"{start}-{file.length - 1}" if start < file.length else "*"
            headers["Content-Range"] = f"bytes {left}/{file.length}"
        place = self._transport.below(url, *file.path.split("/"))
        async with self._transport.request("PUT", place, headers=headers, data=body) as response:
            await read_json(response)

    async def _arrived(self, url: URL, file: FolderFile) -> int:
        """How many bytes of a file the registry has; none where it does not answer."""
        try:
            found = await self._transport.json(url)
        except Unreachable:
            return 0
        partial = found.get("partial") if isinstance(found, dict) else None
        start = partial.get(file.path, 0) if isinstance(partial, dict) else 0
        return start if isinstance(start, int) and 0 <= start <= file.length else 0

    async def _committed(self, url: URL, *, wait: bool) -> tuple[Any, int]:
        self._told({"state": "committing"})
        place = url.with_query({"wait": str(_SHORT if wait else 0)})
        return await concluded(self._transport, place, {}, b"", ATTEMPTS)


def _announced(file: FolderFile) -> dict[str, Any]:
    digests = file_digests(file)
    return {"bytes": digests.length, "sha256": digests.sha256, "type": file.content_type}


def _text(file: FolderFile) -> str | None:
    """The descriptor as text; None where it is none, which the registry then says of the file."""
    try:
        return file.source.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None
