"""Whether who asks may be told what was read before, where a store cannot be asked now.

Doors allow it to a request that only reads and comes from nobody in particular, and say in the answer when it
was made use of. Whatever decides about a write, and who somebody is, is never answered so.
"""

from contextvars import ContextVar
from typing import Final

# RFC 7234, 5.5: the answer is stale, and the store that could say whether it still holds did not answer.
WARNING: Final = '110 couchreg "Response is Stale", 111 couchreg "Revalidation Failed"'


class OlderReads:
    """Of one request."""

    def __init__(self) -> None:
        self.were_used = False


OLDER: ContextVar[OlderReads | None] = ContextVar("OLDER", default=None)


def allow_older() -> OlderReads:
    """From here on, to what the task does that calls it."""
    found = OlderReads()
    OLDER.set(found)
    return found


def older_headers() -> list[tuple[str, str]]:
    """What an answer says of that which is about to be sent."""
    found = OLDER.get()
    return [("Warning", WARNING)] if found is not None and found.were_used else []
