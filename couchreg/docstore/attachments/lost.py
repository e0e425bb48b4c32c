"""Files that documents have and the blob store has not, or not whole: told when a reader comes upon one."""

import logging
import time
from collections.abc import Awaitable, Callable, Collection

from couchreg.docstore.base import Attachment
from couchreg.errors import CouchregError, LostBytes, NotFound
from couchreg.package.layout import PARQUET, package_of_key

log = logging.getLogger(__name__)

HOUR = 3600.0  # seconds for which a file is not told of again
MOST = 100  # files that are told of in that time

Referred = Callable[[Collection[str]], Awaitable[Collection[str]]]


class LostFiles:
    """What readers have come upon in the last hour. However many they are, and however many files are lost,
    the log has some lines an hour."""

    def __init__(self, referred: Referred | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`referred` says whether a document has the file still: what it does not is no loss."""
        self.place = "the datastore"  # may be set to where it is
        self._referred = referred
        self._clock = clock
        self._told: dict[str, str] = {}  # what was said, by key
        self._until = 0.0

    @property
    def told(self) -> Collection[str]:
        """Sentences, the oldest first."""
        return self._told.values()

    async def found(self, att: Attachment, length: int | None) -> CouchregError:
        """The error for a reader of a file that has `length` bytes where it should have more (None: it is not
        there, -1: other ones): NotFound for one that has been deleted with its document meanwhile."""
        if length is None and not await self._is_needed(att.key):
            return NotFound()
        if not att.key.startswith(PARQUET):  # which is made again, by whom it belongs to
            self._tell(att, length)
        return LostBytes()

    def in_the_way(self, key: str) -> CouchregError:
        """The error for a writer whose bytes have the hash that is the name of a key with other bytes."""
        said = f"{self.place}/{key} is damaged: it has other bytes than its name is the hash of"
        self._note(key, said, "Remove it, and who publishes these bytes again puts them there.")
        return LostBytes("Where these bytes belong lie damaged ones: the server's log says what to do.")

    def is_whole(self, key: str) -> None:
        """Somebody has read it to its end: it has been put back."""
        if self._told:
            self._told.pop(key, None)

    async def _is_needed(self, key: str) -> bool:
        if key in self._told:
            return True
        return self._referred is not None and key in await self._referred([key])

    def _tell(self, att: Attachment, length: int | None) -> None:
        self._note(
            att.key, f"{self.place}/{att.key} {_what(att, length)}{_whose(att)}", "Put it back from a backup."
        )

    def _note(self, key: str, said: str, remedy: str) -> None:
        now = self._clock()
        if now >= self._until:
            self._told.clear()
            self._until = now + HOUR
        if key in self._told or len(self._told) == MOST:
            return
        self._told[key] = said
        log.error("%s. %s couchreg datastore check --deep names all that are lost.", said, remedy)
        if len(self._told) == MOST:
            log.error("More files than %d are lost or damaged: the next ones are not named here.", MOST)


def _what(att: Attachment, length: int | None) -> str:
    if length is None:
        return "is missing"
    if length < 0:
        return "has other bytes than were stored"
    return f"is damaged: a reader got {length} bytes of it, and it should have {att.stored_length}"


def _whose(att: Attachment) -> str:
    package = package_of_key(att.key)
    return f" (a file of the package {package})" if package else f" (the attachment {att.name[:200]!r})"
