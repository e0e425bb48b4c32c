"""A circuit breaker: after several failures in a row, nobody asks a dead service for a while.

Closed, it lets everything through. Open, it refuses at once with the seconds that are left. When they
have passed one call is let through as a trial: its success closes the breaker, its failure opens it
for twice as long.
"""

import math
import time
from collections.abc import Callable

from couchreg.errors import Unavailable

FAILURES = 5  # in a row
PAUSE, LONGEST = 1.0, 30.0  # seconds


class Breaker:
    """`check` before a call, `succeeded` or `failed` after it. `what` is named to clients."""

    def __init__(
        self,
        what: str,
        *,
        failures: int = FAILURES,
        pause: float = PAUSE,
        longest: float = LONGEST,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._what = what
        self._most = failures
        self._first_pause = self._pause = pause
        self._longest = longest
        self._clock = clock
        self._failures = 0
        self._until: float | None = None  # open until then; None: closed

    def check(self) -> None:
        """Raises Unavailable while the breaker is open."""
        if self._until is None:
            return
        left = self._until - self._clock()
        if left > 0:
            raise Unavailable(f"{self._what} does not answer.", retry_after=math.ceil(left))
        self._until = self._clock() + self._pause  # this call is the trial; the others wait on

    def succeeded(self) -> None:
        self._failures = 0
        self._pause = self._first_pause
        self._until = None

    def failed(self) -> None:
        self._failures += 1
        if self._until is not None:
            self._pause = min(self._pause * 2, self._longest)
            self._until = self._clock() + self._pause
        elif self._failures >= self._most:
            self._until = self._clock() + self._pause
