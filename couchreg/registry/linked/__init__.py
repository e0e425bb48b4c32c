"""Packages as linked data: schema.org, DCAT-AP and Croissant views of a version and of the catalog.

Each view is written in its compacted form out of the descriptor; `forms.py` makes the other forms of
JSON-LD of it. Nothing is fetched: the contexts stand in `contexts.py`.
"""
