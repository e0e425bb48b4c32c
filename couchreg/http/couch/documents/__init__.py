"""Documents, one or many, and their attachments: read, written, copied, deleted.

Owns everything below `/{db}/{docid}`, `_bulk_docs`, `_bulk_get`, `_revs_diff` and `_purge`. Does not own
lists (`listings`). Comes in: `design`, which writes what update functions return; and the table, by the names
of operations.
"""
