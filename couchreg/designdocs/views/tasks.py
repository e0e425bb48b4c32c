"""What an index is busy with, as `_active_tasks` tells of it.

Source: https://docs.couchdb.org/en/stable/api/server/common.html#active-tasks
"""

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

log = logging.getLogger(__name__)


def _now() -> int:
    return int(time.time())


@dataclass(slots=True)
class Task:
    """One run of an update or a compaction. Moments are in seconds since 1970."""

    type: str
    database: str
    design_document: str  # the one that asked; others may share the index
    total_changes: int | None = None  # None where progress cannot be told
    changes_done: int = 0
    started: int = field(default_factory=_now)
    updated: int = field(default_factory=_now)

    def advance(self, changes: int) -> None:
        self.changes_done += changes
        self.updated = _now()

    @property
    def progress(self) -> int:
        """Per cent. Documents that change meanwhile are done beyond the total, which they are not in."""
        if self.total_changes is None:
            return 0
        return min(100, 100 * self.changes_done // max(1, self.total_changes))

    def shown(self, node: str) -> dict[str, Any]:
        counts = {"changes_done": self.changes_done, "total_changes": self.total_changes}
        return {
            "node": node,
            "type": self.type,
            "database": self.database,
            "design_document": self.design_document,
            **({} if self.total_changes is None else counts),
            "progress": self.progress,
            "started_on": self.started,
            "updated_on": self.updated,
        }


class Tasks:
    """The tasks of one index; `asked_by` are the last database and design document that wanted it."""

    def __init__(self) -> None:
        self.asked_by = ("", "")
        self.running: list[Task] = []

    @contextmanager
    def begun(self, kind: str, total: int | None = None) -> Iterator[Task]:
        """A task that is running as long as the block."""
        task = Task(kind, *self.asked_by, total)
        self.running.append(task)
        try:
            yield task
        finally:
            self.running.remove(task)


def forgiven(task: "asyncio.Task[None]") -> None:
    """Who waits for an update gets its failure; who does not shall find it in the log."""
    if not task.cancelled() and task.exception() is not None:
        log.warning("an index could not be brought up to date or compacted: %s", task.exception())
