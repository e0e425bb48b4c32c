"""Selectors and `fields` for documents that are too large for the event loop: in a child of the sandbox.

A document of many megabytes takes a second and hundreds of megabytes to become objects, whatever is asked of
it. The child is started when it is first needed.
"""

from typing import Any, NamedTuple

from couchreg.model import json
from couchreg.model.work import TooMuchWork
from couchreg.sandbox.ending import Stopped
from couchreg.sandbox.forks import ForkServer
from couchreg.sandbox.kinds import Kind, Limits
from couchreg.sandbox.pool import Pool

WORKER = "couchreg.http.couch.frame.selection_worker"
LARGEST = 256 << 10  # bytes of a document that becomes objects here
_LIMITS = Limits(seconds=20, cpu_seconds=10, memory=2 << 30)


class SelectionQuestion(NamedTuple):
    """What is asked of a document: a selector, else the fields that are shown of it."""

    selector: dict[str, Any] | None
    fields: list[Any] | None = None
    id: str = ""
    rev: str = ""
    deleted: bool = False


class Selections:
    def __init__(self) -> None:
        self._forks = ForkServer((WORKER,))
        kind = Kind("selectors for large documents", WORKER, _LIMITS, places=2)
        self._pool = Pool(kind, self._forks)

    async def ask(self, question: SelectionQuestion, text: bytes, asker: str) -> bytes:
        """`b"true"` or `b"false"` for a selector, the text of the members for fields.

        `text` are a document's own members for the one, the whole of it for the other. Raises TooMuchWork,
        TooManyRequests, Unavailable.
        """
        head = json.encode(question._asdict())
        job = len(head).to_bytes(4, "big") + head + text
        try:
            return await self._pool.ask(job, askers=(asker,))
        except Stopped as error:
            raise TooMuchWork("The selector is too much work for one of the documents.") from error

    async def close(self) -> None:
        await self._pool.close()
        await self._forks.close()
