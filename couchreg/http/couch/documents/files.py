"""Stored bytes as an answer: small ones in one piece, files by the kernel where the loop can, else chunk by
chunk."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from aiohttp import web

from couchreg.docstore.base import Attachment
from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.responses import Answer

SMALL = 64 * 1024  # bytes that are read and sent at once

Headers = Sequence[tuple[str, str]]


class StoredRange(NamedTuple):
    start: int
    length: int


async def send_stored(
    ctx: Context, attachment: Attachment, part: StoredRange, headers: Headers, kind: str, *, status: int = 200
) -> web.StreamResponse:
    """A part of the bytes as they are stored."""
    if part.length <= SMALL and not ctx.is_head:
        body = await _read(ctx, attachment, part)
        return Answer(body, status=status, headers=headers, content_type=kind)
    stream = await ctx.stream(status=status, headers=headers, content_type=kind, length=part.length)
    if not ctx.is_head:
        path = ctx.attachments.local_path(attachment, encoded=True)
        transport = ctx.request.transport
        sent = None if path is None or transport is None else await _sent_file(transport, path, part)
        if sent is None:
            await _copy(ctx, stream, attachment, part)
        elif sent < part.length:
            raise await ctx.attachments.lost.found(attachment, part.start + sent)
        else:
            ctx.request.writer.output_size += part.length  # which has not seen them
    await stream.write_eof()
    return stream


async def _read(ctx: Context, attachment: Attachment, part: StoredRange) -> bytes:
    path = ctx.attachments.local_path(attachment, encoded=True)
    data = b"" if path is None else _read_file(path, part)
    if len(data) == part.length:
        return data
    chunks = ctx.attachments.open(attachment, part.start, part.length, encoded=True)
    return b"".join([chunk async for chunk in chunks])


def _read_file(path: Path, part: StoredRange) -> bytes:
    """As much as there is."""
    with path.open("rb", buffering=0) as file:
        if part.start:
            file.seek(part.start)
        return file.read(part.length) or b""


async def _sent_file(transport: asyncio.Transport, path: Path, part: StoredRange) -> int | None:
    """How many bytes went without passing through this process; None where the loop cannot do that."""
    with path.open("rb") as file:
        try:
            return await asyncio.get_running_loop().sendfile(transport, file, part.start, part.length)
        except NotImplementedError:
            return None


async def _copy(ctx: Context, stream: web.StreamResponse, attachment: Attachment, part: StoredRange) -> None:
    async for chunk in ctx.attachments.open(attachment, part.start, part.length, encoded=True):
        await stream.write(chunk)
