"""A child as the server sees it: its messages, its end."""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Callable
from contextlib import suppress

from couchreg.sandbox.messages import HEAD_SIZE, Tag, pieces, read_head

log = logging.getLogger(__name__)
_BUFFER = 64 << 10  # bytes read ahead: a child whose reader is behind waits
_DYING = 5  # seconds that a killed process may take to be gone


class Child:
    """`process` stays this child's id until `kill`, which has to be called however it ended."""

    def __init__(self, process: int, connection: socket.socket, lifeline: int) -> None:
        self.process = process
        self.killed = False
        self.status: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        self._connection: socket.socket | None = connection
        self._lifeline = lifeline
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._release: Callable[[], None] = lambda: None

    def when_killed(self, release: Callable[[], None]) -> None:
        """`release` tells the fork server that nobody will use the process id any more."""
        self._release = release

    @property
    def is_running(self) -> bool:
        """Whether it can be given a job, as far as is known."""
        return not (self.killed or self.status.done())

    async def connect(self) -> None:
        """Take the connection into this event loop; before the first message."""
        connection, self._connection = self._connection, None
        self._reader, self._writer = await asyncio.open_unix_connection(sock=connection, limit=_BUFFER)

    async def send(self, tag: Tag, body: bytes) -> None:
        """Raises ConnectionError when the child has ended."""
        if self._writer is None:
            raise ConnectionError("the child is not connected")
        for piece in pieces(tag, body):
            self._writer.write(piece)
        await self._writer.drain()

    async def receive(self, longest: int) -> tuple[Tag, bytes]:
        """The next message. Raises EOFError or ConnectionError when the child has ended, BadMessage."""
        if self._reader is None:
            raise ConnectionError("the child is not connected")
        tag, length = read_head(await self._reader.readexactly(HEAD_SIZE), longest)
        return tag, await self._reader.readexactly(length)

    def kill(self) -> None:
        """End it now, whatever it does. An exit status that it has already is kept."""
        if self.killed:
            return
        self.killed = True
        if not self.status.done():  # else the fork server is gone, and so is the meaning of the id
            with suppress(ProcessLookupError):
                os.killpg(self.process, signal.SIGKILL)
        os.close(self._lifeline)
        if self._connection is not None:
            self._connection.close()
        if self._writer is not None:
            self._writer.transport.abort()
        self._release()

    async def gone(self) -> int | None:
        """Kill it and wait until it is gone; its exit status, None when that is not known."""
        self.kill()
        try:
            async with asyncio.timeout(_DYING):
                return await asyncio.shield(self.status)
        except TimeoutError:
            log.error("the process %d does not end", self.process)
            return None
