"""What is published, found and described: catalog, history, dependencies, download counts.

Owns what is remembered of versions and packages. Reads only, and does not own any change of a document. Comes
in: every other wing but that of the checks (`registry`, `linked`, `replicated`, `publishing`, `changing`,
`comparing`), `analytics`, `graphs`, `http/registry`, and `app`.
"""
