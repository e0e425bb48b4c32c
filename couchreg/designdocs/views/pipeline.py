"""Reading and mapping the next documents while those before are stored."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final

from couchreg.designdocs.views.filling import Mapped
from couchreg.docstore.base import Change, Seq

AHEAD: Final = 6  # batches that are mapped while others are stored,
BYTES: Final = 4 << 20  # and of their documents: what is mapped is in memory several times

Mapping = Coroutine[Any, Any, list[Mapped]]
Store = Callable[[Sequence[Mapped], Sequence[Change], Seq], Awaitable[None]]


async def nothing() -> list[Mapped]:
    """What maps make of no documents."""
    return []


class Pipeline:
    """A context: batches are mapped at the same time, and stored in the order in which they came.

    Where something goes wrong, what is still being mapped is given up.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ahead: deque[tuple[asyncio.Task[list[Mapped]], Sequence[Change], Seq]] = deque()
        self._sizes: deque[int] = deque()  # of the documents of each batch, in bytes
        self._storing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Pipeline":
        return self

    async def put(self, mapping: Mapping, changes: Sequence[Change], seq: Seq) -> None:
        """Begin to map a batch of changes up to `seq`. Raises what batches before have come to."""
        self._ahead.append((asyncio.create_task(mapping), changes, seq))
        self._sizes.append(sum([len(change.members or b"") for change in changes]))
        while len(self._ahead) > AHEAD or sum(self._sizes) > BYTES:
            await self._begin_to_store()

    async def _begin_to_store(self) -> None:
        """Store the next batch, and with it those behind that are mapped: one transaction costs less than
        several. One is under way at a time, while more is read: those who map would wait for it."""
        task, changes, seq = self._ahead.popleft()
        self._sizes.popleft()
        mapped, stored = list(await task), list(changes)
        await self._stored()
        while self._ahead and _is_mapped(self._ahead[0][0]):
            task, changes, seq = self._ahead.popleft()
            self._sizes.popleft()
            mapped += task.result()
            stored += changes
        self._storing = asyncio.ensure_future(self._store(mapped, stored, seq))

    async def _stored(self) -> None:
        """The transaction under way, if there is one, has come to its end. Raises what it has come to."""
        storing, self._storing = self._storing, None
        if storing is not None:
            await storing

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                while self._ahead:
                    await self._begin_to_store()
                await self._stored()
        finally:
            left: list[asyncio.Future[Any]] = [task for task, _, _ in self._ahead]
            for task in left:
                task.cancel()
            if self._storing is not None:  # which comes to its end, whatever went wrong behind it
                left.append(self._storing)
            await asyncio.gather(*left, return_exceptions=True)


def _is_mapped(task: asyncio.Task[list[Mapped]]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None
