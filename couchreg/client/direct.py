"""Publishing in two steps: the files go straight to where the registry keeps them, then it publishes them.

For large files: each is sent in a request of its own, and sent again alone when its connection breaks.
No credentials are sent along, for the addresses are signed and may be somebody else's than the registry's.
"""

import asyncio
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import aiohttp
from yarl import URL

from couchreg.client.errors import ClientError, Unreachable
from couchreg.client.folder import Folder, FolderFile
from couchreg.client.following import Told, ended
from couchreg.client.sending import FileBody, concluded, file_digests
from couchreg.client.transport import Progress, Transport
from couchreg.model import json

AT_ONCE = 3  # files
ATTEMPTS = 4  # for each file
_CONNECT, _SILENCE = 10, 300  # seconds
_LATER = "The registry published nothing. Run the command again when the connection is better."


class DirectUpload:
    """One package on its way."""

    def __init__(self, transport: Transport, folder: Folder, progress: Progress, told: Told) -> None:
        self._transport, self._folder, self._progress = transport, folder, progress
        self._told = told
        self._sent = 0

    async def run(self, *, wait: bool) -> tuple[Any, bool]:
        """The registry's answer, and whether the version is new; without `wait` perhaps the status of a
        publish that is being checked. Raises ClientError."""
        self._told({"state": "hashing"})
        allowed = await self._authorized()
        self._told({"state": "sending"})
        await self._send_all(allowed["filedata"])
        self._told({"state": "committing"})
        answer, status = await self._finalized(allowed["upload"], wait=wait)
        return await ended(self._transport, answer, status, self._told, wait=wait)

    async def _authorized(self) -> dict[str, Any]:
        hashed = [await asyncio.to_thread(_announced, file) for file in self._folder.files]
        filedata = dict(zip((file.path for file in self._folder.files), hashed, strict=True))
        metadata = {"name": self._folder.name, "version": self._folder.version}
        url = self._transport.address("datastore", "authorize")
        answer = await self._transport.send("POST", url, {"metadata": metadata, "filedata": filedata})
        given = answer.get("filedata") if isinstance(answer, dict) else None
        if not isinstance(given, dict) or set(given) != set(filedata) or "upload" not in answer:
            raise ClientError("The registry gave no addresses to upload to: does it support direct uploads?")
        return dict(answer)

    async def _send_all(self, addresses: Mapping[str, Mapping[str, Any]]) -> None:
        waiting = iter(self._folder.files)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT, sock_read=_SILENCE)

        async def work() -> None:
            for file in waiting:
                await self._send(session, file, addresses[file.path])
                self._sent += 1

        async with aiohttp.ClientSession(timeout=timeout) as session:
            try:
                async with asyncio.TaskGroup() as group:
                    for _ in range(AT_ONCE):
                        group.create_task(work())
            except BaseExceptionGroup as errors:
                raise errors.exceptions[0] from None

    async def _send(
        self, session: aiohttp.ClientSession, file: FolderFile, address: Mapping[str, Any]
    ) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                fault = await self._put(session, file, address)
            except (aiohttp.ClientError, TimeoutError) as error:
                fault = str(error) or type(error).__name__
            if fault is None:
                return
            if attempt < ATTEMPTS:
                await asyncio.sleep(2 ** (attempt - 1))
        arrived = f"{self._sent} of {len(self._folder.files)} files had arrived"
        raise Unreachable(f"{file.path} could not be sent ({fault}); {arrived}. {_LATER}")

    async def _put(
        self, session: aiohttp.ClientSession, file: FolderFile, address: Mapping[str, Any]
    ) -> str | None:
        """Send a file; what is wrong if another attempt may help. Raises ClientError if none does."""
        body = FileBody(file, self._progress)
        headers = {**address["upload_headers"], "Content-Length": str(file.length)}
        url = URL(address["upload_url"], encoded=True)
        try:
            async with session.put(url, data=body, headers=headers, allow_redirects=False) as response:
                status = response.status
        finally:
            if body.fault is not None:
                raise body.fault
        if status < 300:
            return None
        self._progress(-body.sent)
        if status in (408, 429) or status >= 500:
            return f"the datastore answered {status}"
        why = {403: "its address has expired", 400: "it has changed meanwhile", 413: "it has grown"}
        raise ClientError(f"The datastore did not take {file.path}: {why.get(status, status)}. {_LATER}")

    async def _finalized(self, upload: str, *, wait: bool) -> tuple[Any, int]:
        query = None if wait else {"wait": "0"}
        url = self._transport.address("datastore", "finalize", query=query)
        headers = {"Content-Type": "application/json"}
        return await concluded(self._transport, url, headers, json.encode({"upload": upload}), ATTEMPTS)


def _announced(file: FolderFile) -> dict[str, Any]:
    digests = file_digests(file)
    return {
        "length": file.length,
        "md5": b64encode(digests.md5).decode(),
        "sha256": digests.sha256,
        "type": file.content_type,
    }
