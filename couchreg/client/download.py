"""One file, from a URL to a folder: resumed where it broke off, verified, and only then put in its place.

Bytes gather in a `.part` file named by the SHA-256 they must have, so that a later run goes on with them
whatever the file is called.
"""

import asyncio
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import aiohttp
from yarl import URL

from couchreg.client.errors import Damaged, Unreachable
from couchreg.client.transport import Progress, Transport

ATTEMPTS = 5  # in a row that bring no new byte
_CHUNK = 1 << 18


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file to fetch; `sha256` is hex, and `length` None when the registry does not say."""

    path: str  # for people
    url: URL
    sha256: str
    length: int | None


async def download(
    transport: Transport, wanted: RemoteFile, target: Path, parts: Path, progress: Progress
) -> None:
    """Fetch a file to `target`. Raises Damaged, Missing, Unreachable; what has arrived stays in `parts`."""
    part = part_of(parts, wanted.sha256)
    await _fill(transport, wanted, part, progress)
    good = await asyncio.to_thread(file_sha256, part) == wanted.sha256
    if not good:
        progress(-part.stat().st_size)
        part.unlink()
        await _fill(transport, wanted, part, progress)  # the old beginning was bad: once more from the start
        good = await asyncio.to_thread(file_sha256, part) == wanted.sha256
    if not good:
        part.unlink()
        raise Damaged(f"{wanted.path} is not what was published (its SHA-256 differs): it was not written.")
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(part, target)


def part_of(parts: Path, sha256: str) -> Path:
    """Where the bytes of a file gather."""
    return parts / f"{sha256}.part"


async def _fill(transport: Transport, wanted: RemoteFile, part: Path, progress: Progress) -> None:
    """Bring `part` to its full length, going on after a broken connection."""
    left = ATTEMPTS
    if wanted.length == 0:
        part.write_bytes(b"")
        return
    progress(part.stat().st_size if part.exists() else 0)
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            if wanted.length is None or before < wanted.length or before == 0:
                await _receive(transport, wanted, part, before, progress)
            return
        except Unreachable:
            grown = part.exists() and part.stat().st_size > before
            left = ATTEMPTS if grown else left - 1
            if not left:
                raise


async def _receive(
    transport: Transport, wanted: RemoteFile, part: Path, have: int, progress: Progress
) -> None:
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    async with transport.request("GET", wanted.url, headers=headers) as response:
        start = _start(response, have)
        progress(start - have)
        with part.open("r+b" if part.exists() else "wb") as file:
            file.truncate(start)
            file.seek(start)
            await _copy(response, file, wanted, start, progress)


def _start(response: aiohttp.ClientResponse, asked: int) -> int:
    """Where the bytes of this answer belong: at what was asked for, or at 0 when ranges are not served."""
    stated = response.headers.get("Content-Range", "")
    return asked if response.status == 206 and stated.startswith(f"bytes {asked}-") else 0


async def _copy(
    response: aiohttp.ClientResponse, file: BinaryIO, wanted: RemoteFile, start: int, progress: Progress
) -> None:
    room = None if wanted.length is None else wanted.length - start
    async for chunk in response.content.iter_chunked(_CHUNK):
        if room is not None:
            room -= len(chunk)
            if room < 0:
                raise Damaged(f"{wanted.path} is longer than what was published: it was not written.")
        file.write(chunk)
        progress(len(chunk))
    file.flush()
    os.fsync(file.fileno())


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
