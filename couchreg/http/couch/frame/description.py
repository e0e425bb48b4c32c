"""What GET of a database says of it."""

from typing import Any

from couchreg.docstore.base import Database
from couchreg.http.couch.frame.settings import CouchSettings

DISK_FORMAT = 8  # what CouchDB 3 says of its files


async def describe(db: Database, settings: CouchSettings) -> dict[str, Any]:
    """What GET of a database says."""
    found = await db.info()
    return {
        "instance_start_time": str(int(found.created)),
        "db_name": db.name,
        "purge_seq": found.purge_seq.text,
        "update_seq": found.update_seq.text,
        "sizes": {"file": found.size_file, "external": found.size_external, "active": found.size_active},
        "props": {"partitioned": True} if await db.setting("partitioned") else {},
        "doc_del_count": found.doc_del_count,
        "doc_count": found.doc_count,
        "disk_format_version": DISK_FORMAT,
        "compact_running": found.compact_running,
        "cluster": {"q": await shard_count(db, settings), "n": await _copies(db, settings), "w": 1, "r": 1},
    }


async def shard_count(db: Database, settings: CouchSettings) -> int:
    """How many shards the database would have in a CouchDB."""
    return int(await db.setting("q") or settings.integer("cluster", "q", 2))


async def _copies(db: Database, settings: CouchSettings) -> int:
    return int(await db.setting("n") or settings.integer("cluster", "n", 1))
