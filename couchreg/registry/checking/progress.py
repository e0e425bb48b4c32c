"""How far a check has come: told by the child that does it, shown to whoever waits for it.

A note of the child is JSON, `{resource, rows, bytes, total}`: of all tables so far, and `total` (bytes of
their files) is null where nobody knows.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

WAITING, HASHING, CHECKING, STORING = "waiting", "hashing", "checking", "storing"
_STEADY = 2.0  # seconds before a speed means anything


@dataclass
class Progress:
    """What is being done for a package now."""

    stage: str = WAITING
    resource: str | None = None
    rows: int = 0
    read: int = 0  # bytes
    total: int | None = None
    clock: Callable[[], float] = time.monotonic
    began: float = field(init=False)  # of this stage

    def __post_init__(self) -> None:
        self.began = self.clock()

    def enter(self, stage: str) -> None:
        """Another stage begins."""
        self.stage, self.began = stage, self.clock()

    def note(self, told: bytes) -> None:
        """Take a note of the child, which is trusted no further than that it is JSON of ours."""
        found = json.loads(told)
        if self.stage != CHECKING:
            self.enter(CHECKING)
        self.resource = str(found["resource"])
        self.rows, self.read = int(found["rows"]), int(found["bytes"])
        self.total = None if found["total"] is None else int(found["total"])

    def shown(self) -> dict[str, Any]:
        """`{stage, seconds}`, of a check `{resource, rows, rows_per_second, bytes, total, seconds_left}`."""
        seconds = self.clock() - self.began
        shown: dict[str, Any] = {"stage": self.stage, "seconds": round(seconds, 1)}
        if self.stage != CHECKING or self.resource is None:
            return shown
        shown |= {"resource": self.resource, "rows": self.rows, "bytes": self.read, "total": self.total}
        if seconds >= _STEADY:
            shown["rows_per_second"] = round(self.rows / seconds)
            if self.total and self.read:
                left = max(self.total - self.read, 0)
                shown["seconds_left"] = round(seconds * left / self.read)
        return shown
