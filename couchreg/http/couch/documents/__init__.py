"""Documents, one or many, and their attachments: read, written, copied, deleted.

Owns everything below `/{db}/{docid}`, `_bulk_docs`, `_bulk_get`, `_revs_diff` and `_purge`. Lists are
`listings`.
"""
