"""A replication that is to be done, and what is told of it."""

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from couchreg.errors import CouchregError
from couchreg.model import json
from couchreg.model.user import User
from couchreg.replication.aside import SetAside
from couchreg.replication.options import Replication
from couchreg.replication.run import Run

REMEMBERED = 20  # events of a job
SHOWN_ASIDE = 100  # revisions set aside that a job's info lists

Mark = tuple[str | None, ...]  # which account of its name it is; opaque here
State = Literal["pending", "running", "crashing", "completed"]


def moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


@dataclass(eq=False)
class Job:
    """`id` is the public one, with its suffix; `database` and `doc_id` name the document that it comes
    from."""

    id: str
    base_id: str
    replication: Replication
    user: User
    aside: SetAside
    database: str | None = None
    doc_id: str | None = None
    account: Mark = ()  # the user's, when it was begun or last looked at
    added: float = field(default_factory=time.time)
    history: deque[dict[str, str]] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    crashes: int = 0  # in a row
    problem: str | None = None  # of the last crash
    not_before: float = 0.0
    began: float = 0.0
    run: Run | None = None
    task: "asyncio.Task[None] | None" = None
    result: "asyncio.Future[Mapping[str, Any]] | None" = None
    info: dict[str, Any] | None = None
    updated: float = field(default_factory=time.time)

    def note(self, kind: str, reason: str | None = None) -> None:
        self.updated = time.time()
        event = {"timestamp": moment(self.updated), "type": kind}
        self.history.appendleft(event | ({"reason": reason} if reason is not None else {}))

    @property
    def state(self) -> State:
        if self.task is not None:
            return "running"
        return "crashing" if self.crashes else "pending"

    def refresh(self) -> None:
        """Take over what the run has done so far."""
        run = self.run
        if run is None or run.source_seq is None:
            return
        counts = run.counts
        self.info = {
            "revisions_checked": counts.missing_checked,
            "missing_revisions_found": counts.missing_found,
            "docs_read": counts.docs_read,
            "docs_written": counts.docs_written,
            "changes_pending": run.pending,
            "doc_write_failures": counts.doc_write_failures,
            "bulk_get_docs": counts.bulk_get_docs,
            "bulk_get_attempts": counts.bulk_get_attempts,
            "checkpointed_source_seq": _seq(run.committed_seq),
            "source_seq": _seq(run.source_seq),
            "through_seq": _seq(run.through_seq),
            "source_read_only": run.read_only,
        }

    def told(self) -> dict[str, Any] | None:
        """The counters with what was set aside, as `info` of `_scheduler/jobs`."""
        self.refresh()
        if self.info is None:
            return None
        rows = self.aside.shown()
        lists = {"skipped": rows[:SHOWN_ASIDE], "skipped_count": len(rows) + self.aside.overflowed}
        return self.info | lists

    def row(self, node: str) -> dict[str, Any]:
        """As `_scheduler/jobs` shows it."""
        return {
            "database": self.database,
            "id": self.id,
            "pid": None,
            "source": self.replication.source.shown,
            "target": self.replication.target.shown,
            "user": self.user.name,
            "doc_id": self.doc_id,
            "info": {"error": self.problem} if self.state == "crashing" else self.told(),
            "history": list(self.history),
            "node": node,
            "start_time": moment(self.added),
        }

    def active_task(self, node: str) -> dict[str, Any]:
        """As `_active_tasks` shows it while it runs."""
        self.refresh()
        return {
            "node": node,
            "pid": None,
            "type": "replication",
            "user": self.user.name,
            "replication_id": self.id,
            "database": self.database,
            "doc_id": self.doc_id,
            "source": self.replication.source.shown,
            "target": self.replication.target.shown,
            "continuous": self.replication.continuous,
            "checkpoint_interval": int(self.replication.checkpoint_interval * 1000),
            "started_on": int(self.began),
            "updated_on": int(time.time()),
            **(self.info or {}),
        }


def _seq(value: Any) -> str:
    return value if isinstance(value, str) else json.encode(value).decode()


def sentence(error: BaseException) -> str:
    """What a crash is told as. Nothing of ours that is secret is in a CouchregError's reason."""
    if isinstance(error, CouchregError):
        return f"{error.error}: {error.reason}"
    return "an unforeseen failure of this server, which its log describes"
