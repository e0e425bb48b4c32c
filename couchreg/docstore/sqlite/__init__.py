"""The embedded engine: documents in SQLite, one file per database.

Owns SQL for documents and the threads that wait for the disk. Knows nothing of HTTP, of bytes of attachments
(only of their records), or of who may do what. `DESIGN.md` here says why it is as it is. Comes in: `app`.
"""

from couchreg.docstore.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
