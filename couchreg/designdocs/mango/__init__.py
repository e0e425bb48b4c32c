"""Mango: which documents a selector means, found with the help of indexes.

Owns what a query and an index may look like, which index serves a query, which ranges of its keys are
read, and what is answered of a document. The meaning of a selector is `model.selector`'s, index files are
those of `views`, and how a query arrives and rows are written is the door's.
"""
