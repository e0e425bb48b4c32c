"""The parts of a multipart body as an iterator of iterators. Pure: whoever reads brings the bytes.

    async for part in Parts(body, boundary_of(content_type)):
        part.headers["content-type"]
        async for chunk in part: ...

A part must be read before the next one is asked for; what is left of it is then skipped. A part
that is itself a multipart is read by `Parts(part, boundary_of(part.headers["content-type"]))`.
"""

from collections import deque
from collections.abc import AsyncIterable, AsyncIterator
from typing import Self

from couchreg.wire.multipart import End, Event, MultipartParser, PartBegin


class Part(AsyncIterator[bytes]):
    """One part: its headers (names in lower case), and itself an iterator of its data."""

    def __init__(self, headers: dict[str, str], parts: "Parts") -> None:
        self.headers = headers
        self._parts: Parts | None = parts

    async def __anext__(self) -> bytes:
        if self._parts is None:
            raise StopAsyncIteration
        event = await self._parts.event()
        if isinstance(event, bytes):
            return event
        self._parts = None
        raise StopAsyncIteration


class Parts(AsyncIterator[Part]):
    """The parts of `body`. Raises BadRequest (see `MultipartParser`), and what `body` raises.

    With `unclosed`, a body without a closing delimiter ends with its last byte.
    """

    def __init__(self, body: AsyncIterable[bytes], boundary: str, *, unclosed: bool = False) -> None:
        self._body = aiter(body)
        self._parser = MultipartParser(boundary)
        self._unclosed = unclosed
        self._events: deque[Event] = deque()
        self._part: Part | None = None
        self._ended = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Part:
        if self._part is not None:
            async for _ in self._part:
                pass
        event = End() if self._ended else await self.event()
        if not isinstance(event, PartBegin):
            raise StopAsyncIteration
        self._part = Part(event.headers, self)
        return self._part

    async def event(self) -> Event:
        """The next event; for the current part only."""
        while not self._events:
            chunk = await anext(self._body, None)
            if chunk is None:
                self._events.extend(self._parser.close(unclosed=self._unclosed))
            else:
                self._events.extend(self._parser.feed(chunk))
        event = self._events.popleft()
        self._ended = isinstance(event, End)
        return event
