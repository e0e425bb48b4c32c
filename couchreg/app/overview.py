"""What a server is at work on, gathered from its parts when an administrator looks."""

from typing import TYPE_CHECKING

from couchreg.errors import NotFound
from couchreg.http.registry.frame.overview import DatabaseRow, Overview, QueueRow, ReplicationRow

if TYPE_CHECKING:
    from couchreg.app.server import App
    from couchreg.replication.jobs import Job

REPLICATIONS = 50
LOOKED_AT, DATABASES = 200, 20  # databases that are asked, and of those the largest


async def overview(app: "App") -> Overview:
    """Raises Unavailable when the documents cannot be asked."""
    jobs = app.replicator.scheduler.all()
    databases, more = await _databases(app)
    return Overview(
        replications=[_replication(job) for job in jobs[:REPLICATIONS]],
        more_replications=max(0, len(jobs) - REPLICATIONS),
        queues=_queues(app),
        databases=databases,
        more_databases=more,
        long=app.monitoring.requests.longest(),
    )


def _replication(job: "Job") -> ReplicationRow:
    job.refresh()
    info = job.info or {}
    ends = job.replication
    return ReplicationRow(
        ends.source.shown,
        ends.target.shown,
        job.user.name or "",
        job.state,
        info.get("docs_written"),
        info.get("changes_pending"),
        info.get("doc_write_failures"),
        job.problem or "",
    )


def _queues(app: "App") -> list[QueueRow]:
    registry = app.registry
    found = [
        QueueRow("packages that are checked, or wait for it", registry.checker.busy),
        QueueRow("publishes beyond their requests", registry.runs.under_way),
        QueueRow(
            "replications that run", sum(job.task is not None for job in app.replicator.scheduler.all())
        ),
    ]
    if app.asking is not None:
        found.append(
            QueueRow("questions to tables that are answered, or wait for it", app.asking.answering.busy)
        )
    return found


async def _databases(app: "App") -> tuple[list[DatabaseRow], int]:
    names = await app.store.names()
    rows = []
    for name in names[:LOOKED_AT]:
        try:
            info = await (await app.store.open(name)).info()
        except NotFound:  # deleted meanwhile
            continue
        rows.append(DatabaseRow(name, info.doc_count, info.doc_del_count, info.size_file, info.size_active))
    rows.sort(key=lambda row: -row.size)
    return rows[:DATABASES], max(0, len(names) - DATABASES)
