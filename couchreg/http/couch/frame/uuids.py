"""New document ids, by the algorithm that `[uuids] algorithm` names.

`sequential` ids grow, so that documents made one after the other lie side by side; the others are
`random`, `utc_random` and `utc_id`. https://docs.couchdb.org/en/stable/config/misc.html#uuids-configuration
"""

import secrets
import time
from collections.abc import Callable

from couchreg.http.couch.frame.context import Context

PREFIX_BYTES = 13
LAST = 0xFFF000


class Sequential:
    """26 random hex digits that stay for a while, and 6 that count in steps nobody can guess."""

    def __init__(self) -> None:
        self._prefix = ""
        self._count = LAST

    def next(self) -> str:
        if self._count >= LAST:
            self._prefix = secrets.token_hex(PREFIX_BYTES)
            self._count = 0
        self._count += 1 + secrets.randbelow(0xFFE)
        return f"{self._prefix}{self._count:06x}"


class UuidTimes:
    """The time in microseconds, as 14 hex digits; each later than the one before, whatever the clock does."""

    def __init__(self, clock: Callable[[], int] = time.time_ns) -> None:
        self._clock = clock
        self._last = 0

    def next(self) -> str:
        self._last = max(self._last + 1, self._clock() // 1000)
        return f"{self._last:014x}"


_sequential = Sequential()
_times = UuidTimes()


def new_uuid(ctx: Context) -> str:
    return new_uuids(ctx, 1)[0]


def new_uuids(ctx: Context, count: int) -> list[str]:
    algorithm = ctx.settings.text("uuids", "algorithm", "sequential")
    if algorithm == "random":
        return [secrets.token_hex(16) for _ in range(count)]
    if algorithm == "utc_random":
        return [_times.next() + secrets.token_hex(9) for _ in range(count)]
    if algorithm == "utc_id":
        suffix = ctx.settings.text("uuids", "utc_id_suffix")
        return [_times.next() + suffix for _ in range(count)]
    return [_sequential.next() for _ in range(count)]
