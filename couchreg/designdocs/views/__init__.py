"""Views: what map and reduce functions make of a database, in index files brought up to date when asked.

Owns the index files below `<data>/views/`, which can be deleted at any time. Knows a `Database` by its
changes, and the functions by `designdocs.functions`; does not own how a query arrives and how rows are
written. Comes in: `mango`, `loading`, `http/couch`, and `app`, which builds it.
"""
