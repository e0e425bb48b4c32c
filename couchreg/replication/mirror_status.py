"""How far a mirror is: what the run under way says, and what those before have left."""

from dataclasses import dataclass
from typing import Any, Self

from couchreg.replication.jobs import moment
from couchreg.replication.run import Run


@dataclass(frozen=True, slots=True)
class Past:
    """What runs that are over have left: when all of the source was last here, in seconds since the epoch,
    how many documents were to come, and how many were written."""

    current: float | None = None
    pending: int | None = None
    written: int = 0

    def after(self, run: Run) -> Self:
        """With one more that is over."""
        return type(self)(run.current or self.current, run.behind, self.written + run.written)


def progress(run: Run | None, past: Past, now: float) -> dict[str, Any]:
    """Seconds since all of the source was here, documents that are to come, null for what is not known.
    `run` is the one under way, if it has reached the source."""
    if run is None:
        state, current, pending, written = "unreachable", past.current, past.pending, past.written
    else:
        state = "current" if run.waits else "catching up"
        current = past.current if run.current is None else run.current
        pending, written = run.behind, past.written + run.written
    return {
        "state": state,
        "lag": {"seconds": _seconds(state, current, now), "documents": pending},
        "current": None if current is None else moment(current),
        "written": written,
    }


def _seconds(state: str, current: float | None, now: float) -> float | None:
    if state == "current":
        return 0
    return None if current is None else round(now - current, 3)
