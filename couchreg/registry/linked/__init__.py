"""Packages as linked data: schema.org, DCAT-AP and Croissant views of a version and of the catalog.

Owns the compacted form of each view, written out of the descriptor; `forms` makes the other forms of JSON-LD
of it. Nothing is fetched: the contexts stand in `contexts`. Does not own triples and questions (`graphs`).
Comes in: `registry`, `graphs`, `http/registry`.
"""
