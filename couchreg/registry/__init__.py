"""The registry: how a data package is published, checked, read, changed and compared here.

Owns the checks before a package is accepted and the two kinds of documents that a package leaves in the
`registry` database. Does not own what a package is wherever it is looked at (`package`). Knows a `Database`
and `Attachments`, and neither HTTP (`http/registry`) nor where documents and bytes really lie. Comes in:
`http/registry`, `http/couch`, which publishes what is replicated, `analytics`, `graphs`, `client`, which
checks as the server does, `cli`, and `app`, which builds it.
"""
