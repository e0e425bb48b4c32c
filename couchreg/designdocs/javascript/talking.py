"""A function that is given its rows while it runs, and whose answer is sent while it is made: a list."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from couchreg.designdocs.javascript.failures import failure, said
from couchreg.designdocs.javascript.made import read_part
from couchreg.errors import CouchregError, Failure
from couchreg.sandbox.ending import Cause, Stopped
from couchreg.sandbox.messages import Tag
from couchreg.sandbox.session import ChildSession

TIMED_OUT = "OS process timed out."


class Talk:
    """`parts` until it ends, then `more` if it wants some: in turns, until `is_over`."""

    def __init__(self, session: ChildSession, seconds: float) -> None:
        """`seconds` pass at most between two messages of the function."""
        self._session = session
        self._seconds = seconds
        self.is_over = False
        self.logs: list[str] = []

    async def parts(self) -> AsyncIterator[tuple[dict[str, Any], bytes]]:
        """What the function makes before it wants more or is over: ``{head?}`` and a text, `head` once.

        Raises what it throws, and Failure (os_process_error) where it used too much time or memory.
        """
        while True:
            try:
                async with asyncio.timeout(self._seconds):
                    tag, body = await self._session.receive()
            except TimeoutError:
                raise Failure(TIMED_OUT, error="os_process_error") from None
            except Stopped as error:
                raise stopped(error) from None
            if tag in (Tag.PART, Tag.WANT):
                about, text = read_part(body)
                if "error" in about:
                    raise failure(*about["error"])
                yield about, text
            if tag is Tag.WANT:
                return
            if tag is Tag.DONE:
                self.is_over = True
                self._finish(said(body))
                return

    async def more(self, rows: bytes, *, last: bool) -> None:
        """The next rows, JSON joined by commas; `last` where none come after them."""
        try:
            await self._session.more(b'{"rows":[%b],"last":%b}' % (rows, b"true" if last else b"false"))
        except Stopped as error:
            raise stopped(error) from None

    def _finish(self, found: dict[str, Any]) -> None:
        self.logs += found.get("logs", ())
        if "error" in found:
            raise failure(*found["error"])


def stopped(error: Stopped) -> CouchregError:
    """How CouchDB says that a process gave no answer."""
    if error.cause in (Cause.CPU, Cause.TIME):
        return Failure(TIMED_OUT, error="os_process_error")
    return Failure(f"OS process died: {error.cause}", error="os_process_error")
