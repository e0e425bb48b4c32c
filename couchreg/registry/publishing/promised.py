"""How much has been promised room where files are kept, and is no package yet.

Whoever announces files gets addresses to send them to, which no login has to come with; what comes there lies
in `_uploads/` until it is published, or swept. So the announcement counts, from the moment it is made until
the sweep has taken what came of it, against the same limits as publishes whose files come to the server.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from couchreg.errors import TooManyRequests, Unavailable
from couchreg.registry.publishing.sessions import SessionLimits

log = logging.getLogger(__name__)

OF_ONE: Final = 200  # uploads that are waited for


@dataclass
class Promise:
    """Room for the files of one upload."""

    upload: str
    user: str | None
    package: tuple[str, str]  # name and version
    length: int  # bytes
    files: int  # how many
    made: float  # Unix time
    until: float  # the same, to which its addresses are good
    is_taken: bool = False  # by a publish; its bytes lie there until the sweep all the same


class Promises:
    """Those of one process. `earlier` reads those that a process before it gave, `drop` removes the files of
    one; both may raise Unavailable."""

    def __init__(
        self,
        limits: SessionLimits,
        earlier: Callable[[], AsyncIterator[Promise]],
        drop: Callable[[Promise], Awaitable[None]],
    ) -> None:
        self._limits = limits
        self._earlier = earlier
        self._drop = drop
        self._given: dict[str, Promise] = {}
        self._is_read = False
        self._giving = asyncio.Lock()

    async def give(self, wanted: Promise) -> None:
        """Raises TooManyRequests where this user, and Unavailable where everybody together, has been promised
        as much as there may be; what the same user began for the same version, and nobody can send any more,
        goes first."""
        async with self._giving:
            await self._read()
            self._forget()
            own = [one for one in self._given.values() if one.user == wanted.user]
            again = [one for one in own if one.package == wanted.package and not one.is_taken]
            again = [one for one in again if one.until < time.time()]
            for one in sorted(again, key=lambda item: item.made):
                if self._fault(wanted) is None:
                    break
                await self._drop(one)
                self.over(one.upload)
            fault = self._fault(wanted)
            if fault is not None:
                raise fault
            self._given[wanted.upload] = wanted

    async def waiting(self, user: str | None) -> int:
        """Bytes that somebody may still send, and has not published."""
        async with self._giving:
            await self._read()
            self._forget()
            return sum(one.length for one in self._of(user) if not one.is_taken)

    @contextmanager
    def taking(self, upload: str) -> Iterator[None]:
        """While a publish takes what came, it is not dropped; where it fails, it waits as before."""
        promise = self._given.get(upload)
        if promise is not None:
            promise.is_taken = True
        try:
            yield
        except BaseException:
            if promise is not None:
                promise.is_taken = False
            raise

    def over(self, upload: str) -> None:
        """Nothing of it lies there any more."""
        self._given.pop(upload, None)

    def _of(self, user: str | None) -> Iterable[Promise]:
        return (one for one in self._given.values() if one.user == user)

    def _fault(self, wanted: Promise) -> TooManyRequests | Unavailable | None:
        own, space = list(self._of(wanted.user)), self._limits.space
        whose = f" The limit is the operator's: the setting {self._limits.setting}." * bool(
            self._limits.setting
        )
        if sum(not one.is_taken for one in own) >= OF_ONE:
            return TooManyRequests(
                f"{OF_ONE} of your uploads are no packages yet: finish them, or wait until they are removed.",
                retry_after=600,
            )
        if sum(one.length for one in own) + wanted.length > space // 2:
            return TooManyRequests(
                f"Your uploads that are no packages yet may have {space // 2} bytes together: finish them, "
                f"or wait until they are removed.{whose}",
                retry_after=600,
            )
        if sum(one.length for one in self._given.values()) + wanted.length > space:
            return Unavailable(
                f"All uploads that are no packages yet may have {space} bytes together: try again in a "
                f"while.{whose}",
                retry_after=600,
            )
        return None

    def _forget(self) -> None:
        """What the sweep has taken."""
        gone = time.time() - self._limits.left_for
        for one in [one for one in self._given.values() if one.made < gone]:
            self.over(one.upload)

    async def _read(self) -> None:
        if not self._is_read:
            async for promise in self._earlier():
                self._given.setdefault(promise.upload, promise)
            self._is_read = True
