"""Lists of documents by id: `_all_docs`, `_design_docs`, `_local_docs`, and the query they share with views.

Owns what such a query may say and the form of rows. Does not own the documents themselves (`documents`) or
the rows of views (`design`). Comes in: `design`, `feeds`, `server`; and the table, by the names of
operations.
"""
