"""Mango: which documents a selector means, found with the help of indexes.

Owns what a query and an index may look like, which index serves a query, which ranges of its keys are read,
and what is answered of a document. Does not own the meaning of a selector (`model.selector`), the index files
(`views`), or how a query arrives and rows are written (the door). Comes in: `http/couch`.
"""
