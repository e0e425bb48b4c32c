"""Asking a child: jobs, one at a time, and the parts of their answers."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import asdict
from typing import TypeVar

from couchreg.errors import Unavailable
from couchreg.sandbox.child import Child
from couchreg.sandbox.ending import Cause, Stopped, cause_of
from couchreg.sandbox.kinds import ChildGrant, Kind, Limits
from couchreg.sandbox.messages import BadMessage, Tag

Note = Callable[[bytes], None]
Result = TypeVar("Result")


class ChildSession:
    """A child for several jobs. What its module keeps between them lasts as long."""

    def __init__(self, kind: Kind, child: Child, limits: Limits) -> None:
        self._kind = kind
        self._limits = limits
        self._child = child
        self._is_answering = False
        self._is_abandoned = False
        self._left = 0.0  # seconds that the child still has for this job

    async def open(self, grant: ChildGrant) -> None:
        """Raise the walls; to be called once, before the first job."""
        opened = {
            "limits": asdict(self._limits),
            "read": [str(path.resolve()) for path in grant.read],
            "write": [str(path.resolve()) for path in grant.write],
        }
        await self._child.connect()
        try:
            await self._child.send(Tag.OPEN, json.dumps(opened).encode())
        except ConnectionError:
            raise await self._ended() from None

    async def ask(self, job: bytes, note: Note | None = None) -> bytes:
        """The answer to one job, its parts joined."""
        async with aclosing(self.stream(job, note)) as parts:
            return b"".join([part async for part in parts])

    async def stream(self, job: bytes, note: Note | None = None) -> AsyncGenerator[bytes, None]:
        """The answer part by part, as it comes; the child waits while its reader is behind. `note` is called
        with each message of progress. A session whose stream was left early answers no more.

        Raises Stopped, and Unavailable when the server is stopping.
        """
        await self.begin(job)
        while True:
            tag, body = await self.receive()
            if tag is Tag.DONE:
                if body:
                    yield body
                return
            if tag is Tag.PART:
                yield body
            elif tag is Tag.NOTE:
                if note is not None:
                    note(body)
            else:
                raise self._failed(tag, body)

    # -- a job that is told as it goes on

    async def begin(self, job: bytes) -> None:
        """Begin a job whose messages are taken with `receive`, up to DONE. Raises as `stream`."""
        if self._is_answering:
            raise RuntimeError("the session has not finished another job")
        self._is_answering = True
        self._left = self._limits.seconds
        async with self._watched():
            await self._within(self._child.send(Tag.JOB, job))

    async def receive(self) -> tuple[Tag, bytes]:
        """The next message of the job; after WANT the child waits for `more`. Raises as `stream`."""
        async with self._watched():
            tag, body = await self._within(self._child.receive(self._limits.message))
        if tag is Tag.DONE:
            self._is_answering = False
        elif tag is Tag.FAILED:
            raise self._failed(tag, body)
        return tag, body

    async def more(self, body: bytes) -> None:
        """What the child has asked for. Raises as `stream`."""
        async with self._watched():
            await self._within(self._child.send(Tag.MORE, body))

    @asynccontextmanager
    async def _watched(self) -> AsyncIterator[None]:
        """How the child ended, where it does."""
        try:
            yield
        except TimeoutError:
            raise Stopped(Cause.TIME, self._kind.name) from None
        except BadMessage as error:
            raise Stopped(Cause.LENGTH, self._kind.name, str(error)) from None
        except (EOFError, ConnectionError):
            raise await self._ended() from None

    def abandon(self) -> None:
        """Kill the child because the server is stopping."""
        self._is_abandoned = True
        self._child.kill()

    async def _within(self, waiting: Awaitable[Result]) -> Result:
        """Wait for the child. Raises TimeoutError when its time for this job is over."""
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            async with asyncio.timeout(self._left):
                return await waiting
        finally:
            self._left -= clock() - began

    def _failed(self, tag: Tag, body: bytes) -> Stopped:
        detail = body.decode("utf-8", "replace") if tag is Tag.FAILED else f"a message {tag.name}"
        return Stopped(Cause.FAILED, self._kind.name, detail[:200])

    async def _ended(self) -> Stopped | Unavailable:
        """What to raise when the child has ended."""
        if self._is_abandoned:
            return Unavailable("The server is stopping.")
        status = await self._child.gone()
        if status is None:
            return Unavailable(f"The process for {self._kind.name} was ended: try again.", retry_after=1)
        cause, detail = cause_of(status)
        return Stopped(cause, self._kind.name, detail)
